"""JSON Pointers to faults, and how a fault names its field."""

from __future__ import annotations

from collections.abc import Iterable

from tensorseed.errors import shortened

MAX_FAULTS = 50  # faults reported at once
BOUNDS = frozenset(("a", "b", "cutoff"))  # parameters of inits, of which some may be infinite

PathPart = str | int
Path = tuple[PathPart, ...]


def pointer(path: Iterable[PathPart]) -> str:
    """The JSON Pointer (RFC 6901) along `path`."""
    return "".join("/" + shortened(str(part)).replace("~", "~0").replace("/", "~1") for part in path)


def finite_fault(path: Path) -> tuple[str, str]:
    """Pointer and sentence of a number at `path` that is not finite."""
    sentence = f"{field_name(path)} must be a finite number"
    if is_bound(path):
        sentence += ', or the string "Infinity" or "-Infinity" for no bound of a trunc_normal'
    return pointer(path), sentence


def is_bound(path: Path) -> bool:
    """Whether the field at `path` may be a bound of an init."""
    return "init" in path and path[-1] in BOUNDS


def field_name(path: Path) -> str:
    """The name of the field at `path`; for an element that of its list."""
    if not path:
        return "the spec"
    if len(path) == 2 and path[0] in ("layers", "rules"):
        return "an entry of layers" if path[0] == "layers" else "a rule"
    if path[-2:-1] == ("parts",) and isinstance(path[-1], int):
        return "a part"
    name = shortened(next((part for part in reversed(path) if isinstance(part, str)), "the spec"))
    return f"each number of {name}" if isinstance(path[-1], int) else name
