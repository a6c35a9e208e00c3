"""Shapes that are too large to be one, and which of a layer's arguments makes them so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import Any

from tensorseed.sampling.dtypes import DType
from tensorseed.spec.limits import Limits

Path = tuple[str | int, ...]


class ShapeError(ValueError):
    """A `shape` that no tensor has."""

    def __init__(self, shape: tuple[int, ...], detail: str) -> None:
        self.shape = shape
        super().__init__(detail)


def size_of(arguments: Mapping[str, Any], shape: tuple[int, ...]) -> Path:
    """The path of the argument that makes `shape` large: the largest number that a dimension is a multiple
    of; no path where there is none.
    """
    numbers = [(size, path) for path, size in _integers(arguments) if any(d % size == 0 for d in shape if d)]
    return max(numbers, key=itemgetter(0), default=(0, ()))[1]


def _integers(value: Any, path: Path = ()) -> Iterator[tuple[Path, int]]:
    """The numbers above 1 among the arguments, with their paths."""
    if type(value) is int and value > 1:
        yield path, value
    elif isinstance(value, dict | tuple):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _integers(part, (*path, key))


def check_shape(shape: tuple[int, ...], dtype: DType, limits: Limits) -> None:
    """Raise ShapeError unless a tensor of `shape` has an address: below 2⁶³ bytes, zeros counted as ones."""
    if len(shape) > limits.dimensions:
        detail = f"a tensor has at most {limits.dimensions} dimensions, this one has {len(shape)}"
        raise ShapeError(shape, detail)
    nbytes = dtype.itemsize
    for size in shape:
        nbytes *= max(size, 1)
        if nbytes >= 1 << 63:
            detail = f"the dimensions overflow: a {dtype.name} tensor has fewer than 2^63 bytes"
            raise ShapeError(shape, detail)
