"""Who is told what the worker does: the seam between the computing and whatever counts it."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import ParamSpec, TypeVar

from tensorseed.files.virtual_file import VirtualFile

P = ParamSpec("P")
T = TypeVar("T")


class Observer:
    """Is told of every chunk, from any thread. This one does nothing with it."""

    def generated(self, scheme: str, dtype: str, nbytes: int) -> None:
        """`nbytes` bytes of tensors of one init scheme and dtype have been computed."""

    def computed(self, seconds: float) -> None:
        """A chunk took `seconds` to compute."""

    def waited(self, seconds: float) -> None:
        """A chunk waited `seconds` for a thread."""


NOBODY = Observer()


def tell(observer: Observer, file: VirtualFile, start: int, stop: int, began: float) -> None:
    """Tell `observer` of the bytes [start, stop) of `file`, whose computing began at `began`.

    `began` is a `time.perf_counter()`. A chunk of many tensors is told of by scheme and dtype.
    """
    if observer is NOBODY:
        return
    observer.computed(perf_counter() - began)
    sums: dict[tuple[str, str], int] = {}
    for entry in file.entries_within(start, stop):
        nbytes = min(stop, entry.stop) - max(start, entry.start)
        if nbytes > 0:
            kind = entry.tensor.scheme.kind, entry.tensor.dtype.name
            sums[kind] = sums.get(kind, 0) + nbytes
    for (scheme, dtype), nbytes in sums.items():
        observer.generated(scheme, dtype, nbytes)


def queued(observer: Observer, function: Callable[P, T]) -> Callable[P, T]:
    """`function`, which tells how long after this call it was begun."""
    if observer is NOBODY:
        return function
    submitted = perf_counter()

    def begin(*args: P.args, **kwargs: P.kwargs) -> T:
        observer.waited(perf_counter() - submitted)
        return function(*args, **kwargs)

    return begin
