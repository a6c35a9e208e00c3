"""Reading of specs from dicts, texts, files, tokens and recipes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorseed.devices.local import LIMITS
from tensorseed.errors import UnknownNameError, shortened
from tensorseed.files.output import Inputs
from tensorseed.spec.resolved import ResolvedSpec
from tensorseed.spec.spec import parse_spec
from tensorseed.spec.spec_token import decode_token

_TOKEN = re.compile(r"s1\.[A-Za-z0-9_-]+")

SpecSource = Mapping[str, Any] | str | os.PathLike[str]
"""A spec as a dict, its JSON text, the path of a JSON file, a token, or the id of a shipped recipe."""


def read_spec(spec: SpecSource) -> tuple[ResolvedSpec, Inputs]:
    """Return the resolved spec, and the file that it was read from.

    Raises:
        SpecError: the spec is not valid; `faults` has a JSON pointer and a remedy for every fault.
        TooLargeError: the spec exceeds a limit.
        UnknownNameError: the string is neither JSON, nor a file, a token or an id.
        VersionError: the spec is of another version or of other kernels of torch.
        OSError: the file cannot be read.
    """
    if isinstance(spec, Mapping):
        return parse_spec(json.dumps(spec, allow_nan=False).encode(), LIMITS), ()
    if isinstance(spec, str):
        if spec.lstrip("\ufeff \t\r\n").startswith("{"):
            return parse_spec(spec.encode(errors="surrogatepass"), LIMITS), ()
        if _TOKEN.fullmatch(spec):
            return decode_token(spec, LIMITS), ()
        if not spec.endswith(".json") and not os.path.isfile(spec):  # False for a text too long for a path
            return _resolve_recipe(spec), ()
    with Path(spec).open("rb") as file:
        return parse_spec(file.read(), LIMITS), (os.fstat(file.fileno()),)


def _resolve_recipe(name: str) -> ResolvedSpec:
    from tensorseed.checkpoints.library import Library, folders
    from tensorseed.checkpoints.recipe import MAX_SHARD_BYTES

    library = Library(folders(None), LIMITS, MAX_SHARD_BYTES)
    if name not in library.ids():
        raise UnknownNameError(
            f"{shortened(name)!r} is no file, no token and no id of a recipe: "
            "give a spec, or an id such as tensorseed/tiny-llama"
        )
    return parse_spec(library.repository(name).recipe.weights.spec(), LIMITS)
