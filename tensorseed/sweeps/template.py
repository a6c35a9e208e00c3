"""Evaluation as a template, with `${axis}` in the place of values.

An axis that stands nowhere as `${axis}` is a dotted path into the evaluation, as in Hydra: `seed`,
`optimizer.lr`, `layers.0.init.weight`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Self

from tensorseed.evaluations.request import EvaluationRequest
from tensorseed.spec.faults import Located
from tensorseed.spec.json.pointers import Path
from tensorseed.spec.json.text import dump
from tensorseed.suggestions import unknown_name

_REFERENCE = re.compile(r"\$\{([^{}]*)\}")


@dataclass(frozen=True)
class Template:
    """A document, and the paths of the axes that are not referred to in it."""

    document: Mapping[str, Any]
    paths: Mapping[str, Path]

    @classmethod
    def read(cls, document: Mapping[str, Any], axes: Sequence[str], faults: list[Located]) -> Self:
        """The template of an evaluation; faults of axes without a place of their own, and of references."""
        used: dict[str, list[Path]] = {}
        for path, name in _references(document, ()):
            used.setdefault(name, []).append(path)
            if name not in axes:
                faults.append((("evaluation", *path), unknown_name("axis", name, axes)))
        paths: dict[str, Path] = {}
        for name in axes:
            if name not in used:
                found = _path(document, name)
                if isinstance(found, str):
                    faults.append((("grid", name), found))
                else:
                    paths[name] = found
        faults.extend(_overwritten(paths, used))
        return cls(document, paths)

    def filled(self, point: Mapping[str, Any]) -> Any:
        """The document with the values of a point."""
        filled = _filled(self.document, point)
        for name, path in self.paths.items():
            parent = filled
            for part in path[:-1]:
                parent = parent[part]
            parent[path[-1]] = deepcopy(point[name])
        return filled


def _references(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """The places of all references, with the names of their axes."""
    match value:
        case str():
            yield from ((path, name) for name in _REFERENCE.findall(value))
        case dict():
            for name, part in value.items():
                yield from _references(part, (*path, name))
        case list():
            for index, part in enumerate(value):
                yield from _references(part, (*path, index))


def _filled(value: Any, point: Mapping[str, Any]) -> Any:
    """A copy of the value; a text that is one reference becomes the value itself, another holds its text."""
    match value:
        case str():
            whole = _REFERENCE.fullmatch(value)
            if whole:
                return deepcopy(point[whole[1]])
            return _REFERENCE.sub(lambda found: _text(point[found[1]]), value)
        case dict():
            return {name: _filled(part, point) for name, part in value.items()}
        case list():
            return [_filled(part, point) for part in value]
    return value


def _overwritten(paths: Mapping[str, Path], used: Mapping[str, Sequence[Path]]) -> Iterator[Located]:
    """Faults of axes whose values another axis would overwrite, since they stand within its path."""
    for outer, path in paths.items():
        remedy = f"give {outer} whole values alone, or the axes within it alone"
        for inner, other in paths.items():
            if inner != outer and other[: len(path)] == path:
                yield (
                    ("grid", inner),
                    f"{inner} lies within the axis {outer}, which overwrites it: {remedy}",
                )
        for inner, places in used.items():
            if any(other[: len(path)] == path for other in places):
                yield (("grid", outer), f"{outer} overwrites the place of ${{{inner}}}: {remedy}")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else dump(value).decode()


def _path(document: Any, name: str) -> Path | str:
    """The path of an axis in the evaluation; what is wrong, if it leads nowhere."""
    written = f"write ${{{name}}} in the evaluation where its values go"
    parts = name.split(".")
    if len(parts) == 1 and name not in document and name not in EvaluationRequest.model_fields:
        return f"{name} is nothing of the evaluation: {written}, or name a field such as seed or optimizer.lr"
    path: list[str | int] = []
    for part in parts:
        at = ".".join(map(str, path)) or "the evaluation"
        if isinstance(document, list):
            if not (part.isdecimal() and part.isascii() and int(part) < len(document)):
                return f"{at} is a list of {len(document)}: go on with an index from 0, or {written}"
            path.append(int(part))
            document = document[int(part)]
        elif isinstance(document, dict):
            path.append(part)
            document = document.get(part)
        else:
            return f"{at} is no object of the evaluation: write one there, or {written}"
    return tuple(path)
