"""Arrays among the arguments of a request: their sizes and reading."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from tensorseed.client.remote_weights import AsyncArray, AsyncWeights
from tensorseed.client.source import MAX_INPUT_BYTES
from tensorseed.errors import TooLargeError
from tensorseed.files.arrays import is_array
from tensorseed.weights.base import Weights
from tensorseed.weights.lazy_array import LazyArray

MIN_TEXT_BYTES = 2  # of a number and its comma


def read_lazy(value: Any, *, as_text: bool) -> Any:
    """Return the value with its lazy arrays read, nested ones too; others stay as they are.

    Raises:
        TooLargeError: a body with the arrays is longer than any service takes.
    """
    _check_sizes(value, as_text=as_text)
    return _replaced(value, lambda array: np.asarray(array) if isinstance(array, LazyArray) else array)


async def fetch_lazy(value: Any, *, as_text: bool) -> Any:
    """Return the value as `read_lazy` does, with those of `AsyncWeights` fetched.

    Raises:
        TooLargeError: as `read_lazy`.
    """
    await asyncio.to_thread(_check_sizes, value, as_text=as_text)
    waiting = await asyncio.to_thread(lambda: [one for one in _arrays(value) if isinstance(one, AsyncArray)])
    fetched = {id(array): await array[...] for array in waiting}

    def read(array: Any) -> Any:
        return fetched[id(array)] if isinstance(array, AsyncArray) else array

    return await asyncio.to_thread(lambda: read_lazy(_replaced(value, read), as_text=as_text))


def _check_sizes(value: Any, *, as_text: bool) -> None:
    """Refuse arrays whose bytes, or whose shortest text, no service takes."""
    size = sum(
        _elements(one) * MIN_TEXT_BYTES if as_text else getattr(one, "nbytes", 0) for one in _arrays(value)
    )
    if size > MAX_INPUT_BYTES:
        raise TooLargeError(
            f"the arrays are {size:,} bytes of a request, over {MAX_INPUT_BYTES:,}: give less at a time"
        )


def _elements(array: Any) -> int:
    size = 1
    for length in getattr(array, "shape", ()):
        size *= int(length)
    return size


def _arrays(value: Any) -> Iterator[Any]:
    """Yield the arrays of a value, nested ones too."""
    match value:
        case Weights() | AsyncWeights():
            return  # which are no argument
        case Mapping():
            for part in value.values():
                yield from _arrays(part)
        case list() | tuple():
            for part in value:
                if not isinstance(part, int | float | str):
                    yield from _arrays(part)
        case _ if is_array(value):
            yield value


def _replaced(value: Any, read: Callable[[Any], Any]) -> Any:
    """Return the value with what `read` makes of its arrays."""
    match value:
        case Weights() | AsyncWeights():
            return value
        case Mapping():
            return {key: _replaced(part, read) for key, part in value.items()}
        case list() | tuple():
            return [part if isinstance(part, int | float | str) else _replaced(part, read) for part in value]
    return read(value) if is_array(value) else value
