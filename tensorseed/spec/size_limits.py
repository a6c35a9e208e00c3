"""Size limits of entries and shapes, checked before validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import Any

from tensorseed.sampling.dtypes import DType
from tensorseed.spec.json.pointers import Path
from tensorseed.spec.layers.base import MAX_SLOTS
from tensorseed.spec.limits import Limits
from tensorseed.spec.schemes.parts import MAX_PARTS

MAX_FIELDS = 64  # of one object
MAX_ITEMS = MAX_SLOTS // 2  # of one list of arguments

_SHAPES = frozenset({"shape", "normalized_shape", "out_features"})

Oversize = tuple[Path, str]


def find_oversize(entry: Any, limits: Limits) -> Oversize | None:
    """The path of the first member of `entry` with too many elements, and a sentence; None without one."""
    if not isinstance(entry, dict):
        return _length(entry, "an entry", MAX_ITEMS)
    if len(entry) > MAX_FIELDS:
        return (), _too_many("an object", "fields", len(entry), MAX_FIELDS)
    for name, value in entry.items():
        if isinstance(value, list):
            maximum = limits.dimensions if name in _SHAPES else MAX_ITEMS
            found = _length(value, name, maximum)
        elif isinstance(value, dict):
            found = _inits(value, limits) if name == "init" else find_oversize(value, limits)
        else:
            continue
        if found is not None:
            return (name, *found[0]), found[1]
    return None


def _inits(inits: Mapping[str, Any], limits: Limits) -> Oversize | None:
    """As `oversize`, for an init, or the inits of a layer by parameter."""
    if len(inits) > MAX_SLOTS:
        return (), _too_many("init", "members", len(inits), MAX_SLOTS)
    for name, value in inits.items():
        found = None
        if isinstance(value, dict):
            found = _inits(value, limits) if len(value) <= MAX_FIELDS else find_oversize(value, limits)
        elif isinstance(value, list) and name == "parts":
            found = _parts(value, limits)
        elif isinstance(value, list):
            found = _length(value, name, limits.values if name == "data" else MAX_ITEMS)
        if found is not None:
            return (name, *found[0]), found[1]
    return None


def _parts(parts: list[Any], limits: Limits) -> Oversize | None:
    """As `oversize`, for the parts of an init, whose own inits hold no parts."""
    found = _length(parts, "parts", MAX_PARTS)
    if found is not None:
        return found
    for index, part in enumerate(parts):
        found = None
        if isinstance(part, dict):
            found = find_oversize({name: value for name, value in part.items() if name != "init"}, limits)
            init = part.get("init")
            if found is None and isinstance(init, dict):
                plain = {name: value for name, value in init.items() if name != "parts"}
                found = _inits({"init": plain}, limits)
        elif isinstance(part, list):
            found = _length(part, "this list", MAX_ITEMS)
        if found is not None:
            return (index, *found[0]), found[1]
    return None


def _length(value: Any, name: str, maximum: int) -> Oversize | None:
    if isinstance(value, list) and len(value) > maximum:
        elements = "dimensions" if name in _SHAPES else "elements"
        return (), _too_many(name if len(name) <= MAX_FIELDS else "this list", elements, len(value), maximum)
    return None


def _too_many(whole: str, elements: str, number: int, maximum: int) -> str:
    return f"{whole} has at most {maximum:,} {elements}, this one has {number:,}: leave some out"


class ShapeError(ValueError):
    """A `shape` that no tensor can have."""

    def __init__(self, shape: tuple[int, ...], detail: str) -> None:
        self.shape = shape
        super().__init__(detail)


def oversized_argument(arguments: Mapping[str, Any], shape: tuple[int, ...]) -> Path:
    """The path of the argument that makes `shape` large: the largest divisor of a dimension.

    The path is empty where no argument divides one.
    """
    numbers = [(size, path) for path, size in _integers(arguments) if any(d % size == 0 for d in shape if d)]
    return max(numbers, key=itemgetter(0), default=(0, ()))[1]


def _integers(value: Any, path: Path = ()) -> Iterator[tuple[Path, int]]:
    """The integers above 1 among the arguments, with their paths."""
    if type(value) is int and value > 1:
        yield path, value
    elif isinstance(value, dict | tuple):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _integers(part, (*path, key))


def check_shape(shape: tuple[int, ...], dtype: DType, limits: Limits) -> None:
    """Check that a tensor of `shape` has an address, with dimensions of 0 counted as 1.

    Raises:
        ShapeError: it has 2⁶³ bytes or more, or more than `limits.dimensions` dimensions.
    """
    if len(shape) > limits.dimensions:
        detail = f"a tensor has at most {limits.dimensions} dimensions, this one has {len(shape)}"
        raise ShapeError(shape, detail)
    nbytes = dtype.itemsize
    for size in shape:
        nbytes *= max(size, 1)
        if nbytes >= 1 << 63:
            detail = f"the dimensions overflow: a {dtype.name} tensor has fewer than 2^63 bytes"
            raise ShapeError(shape, detail)
