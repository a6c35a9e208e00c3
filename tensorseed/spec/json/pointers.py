"""JSON Pointers to faults, and how a fault names its field."""

from __future__ import annotations

from collections.abc import Iterable

from tensorseed.errors import shortened

MAX_FAULTS = 50  # faults reported at once

PathPart = str | int
Path = tuple[PathPart, ...]


def pointer(path: Iterable[PathPart]) -> str:
    """The JSON Pointer (RFC 6901) along `path`."""
    return "".join("/" + shortened(str(part)).replace("~", "~0").replace("/", "~1") for part in path)


def finite_fault(path: Path) -> tuple[str, str]:
    """Pointer and sentence of a number at `path` that is not finite."""
    return pointer(path), f"{field_name(path)} must be a finite number"


def field_name(path: Path) -> str:
    """The name of the field at `path`; for an element that of its list."""
    if not path:
        return "the spec"
    if len(path) == 2 and path[0] in ("layers", "rules"):
        return "an entry of layers" if path[0] == "layers" else "a rule"
    name = shortened(next((part for part in reversed(path) if isinstance(part, str)), "the spec"))
    return f"each number of {name}" if isinstance(path[-1], int) else name
