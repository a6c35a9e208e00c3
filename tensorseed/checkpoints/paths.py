"""Rules of a repository's id and aliases, and of the paths of its files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tensorseed.errors import shortened
from tensorseed.spec.faults import Located

MAX_FILES = 64  # of one recipe, beside those that are generated
MAX_ALIASES = 32  # of one recipe
MAX_PATH_CHARS = 200  # characters of a file's path

_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_ID = re.compile(rf"(?:{_PART}/)?{_PART}")
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*){0,3}")
_RESERVED_IDS = frozenset(
    ("api", "v1", "docs", "plan", "models", "datasets", "spaces", "healthz", "readyz", "metrics")
) | {"openapi.json"}
_RESERVED_NAMES = frozenset(("refs", "auth-check"))  # /api/models/a/refs is what the repository a has
_ID_RULE = (
    "an id is name or namespace/name, each of 1 to 96 letters, digits, ., - and _, without -- or .., "
    "neither beginning nor ending with . or -"
)
_PATH_RULE = (
    "a path has up to four parts of letters, digits, ., - and _ between slashes, "
    f"{MAX_PATH_CHARS} characters at most, and no part begins with . or -"
)


def id_faults(name: str) -> list[str]:
    """What is wrong with an id."""
    parts = name.split("/")
    if not _ID.fullmatch(name) or "--" in name or ".." in name:
        return [_ID_RULE]
    if parts[0] in _RESERVED_IDS:
        return [f"{parts[0]} is a path of the service: choose another name"]
    if parts[1:] and parts[1] in _RESERVED_NAMES:
        return [f"{parts[1]} is a path below every id: choose another name"]
    if name.endswith(".git"):
        return ["an id does not end with .git: leave it out"]
    return []


def alias_faults(name: str, aliases: Any) -> list[Located]:
    """What is wrong with further ids, which differ from each other and from the id in more than case."""
    if not isinstance(aliases, list):
        return []
    if len(aliases) > MAX_ALIASES:
        return [(("aliases",), f"a recipe has at most {MAX_ALIASES} aliases, this one has {len(aliases):,}")]
    found: list[Located] = []
    known = {name.lower(): "the id"}
    for place, alias in enumerate(aliases):
        if isinstance(alias, str):
            at = ("aliases", place)
            found += [(at, fault) for fault in id_faults(alias)]
            if alias.lower() in known:
                found.append((at, f"{shortened(alias)} is {known[alias.lower()]} already: leave it out"))
            known[alias.lower()] = "an alias"
    return found


def file_faults(files: Mapping[str, Any], generated: Iterable[str]) -> list[Located]:
    """What is wrong with the paths and contents of the further files; `generated` are the paths of others."""
    if len(files) > MAX_FILES:
        return [(("files",), f"a recipe has at most {MAX_FILES} files, this one has {len(files):,}")]
    found: list[Located] = []
    made = {path.lower(): path for path in generated}
    folders = {folder for path in made for folder in _folders(path)}
    known = dict(made)
    for path, content in files.items():
        at, low = ("files", path), path.lower()
        if len(path) > MAX_PATH_CHARS or not _PATH.fullmatch(path):
            found.append((at, _PATH_RULE))
        elif low in made or ".safetensors" in low:
            found.append((at, f"{shortened(path)} is generated: leave it out"))
        elif low in folders:
            found.append((at, f"{shortened(path)} is the folder of a component: rename one"))
        elif low in known:
            found.append((at, f"{known[low]} and {path} differ in case alone: rename one"))
        if not isinstance(content, str | dict):
            found.append((at, "a file is a text, or an object that is written as JSON"))
        known[low] = path
    return found + [
        (("files", path), f"{shortened(path)} is in a folder that has the name of a file: rename one")
        for path in files
        if any(folder in known for folder in _folders(path.lower()))
    ]


def _folders(path: str) -> Sequence[str]:
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]
