"""Filling of host memory with the elements of tensors, on all threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from tensorseed.concurrency.cancellation import cancellable, cancelled_with_thread, check_cancelled
from tensorseed.concurrency.float_environment import default_float_environment, reset_float_environment
from tensorseed.files.elements import ElementSource
from tensorseed.files.slices import Box, is_contiguous
from tensorseed.files.virtual_file import BLOCK, fill_elements
from tensorseed.sampling.distributions.base import Storage
from tensorseed.spec.resolved import ResolvedTensor

PIECE_BYTES = (1 << 18, 1 << 22)  # at least and at most, that a thread fills at a time
PIECES = 8  # for each thread, where they are neither too small nor too large


class Fill(NamedTuple):
    """A tensor and the memory for its elements, or for those of a box of it.

    `out` is C-contiguous, of any shape, and has the storage of the tensor's dtype.
    """

    tensor: ResolvedTensor
    out: Storage
    box: Box | None = None


class Piece(NamedTuple):
    """A part of a fill: elements from `first` on, of the box if there is one, and memory of one axis."""

    tensor: ResolvedTensor
    box: Box | None
    first: int
    out: Storage


def fill_arrays(fills: Sequence[Fill], source: ElementSource, threads: int) -> None:
    """Fill memory with elements from `source`, on the calling thread and `threads` − 1 others.

    An exception, such as KeyboardInterrupt, leaves no thread that still writes.

    Raises:
        ComputationCancelledError: the computation of the calling thread is cancelled.
    """
    total = sum(fill.out.nbytes for fill in fills)
    at_once = min(max(total // (PIECES * threads), PIECE_BYTES[0]), PIECE_BYTES[1])
    helpers = min(threads, -(-total // at_once)) - 1
    with default_float_environment():
        _Filling(_groups(fills, at_once), source).run(helpers)


class _Filling:
    """Groups of pieces that some threads fill, each the next that is left."""

    def __init__(self, groups: Iterator[list[Piece]], source: ElementSource) -> None:
        self._groups = groups
        self._source = source
        self._lock = threading.Lock()
        self._errors: list[BaseException] = []
        self._stopped = cancelled_with_thread()

    def run(self, helpers: int) -> None:
        """Fill all, on the calling thread and so many others."""
        threads = [threading.Thread(target=self._help, name=f"filling-{i}") for i in range(helpers)]
        try:
            for thread in threads:
                with suppress(RuntimeError):  # the system has none left, and those that are there do its part
                    thread.start()
            self._work()
        except BaseException as error:
            self._errors.append(error)
        self._join([thread for thread in threads if thread.ident is not None])
        if self._errors:
            raise self._errors[0]

    def _help(self) -> None:
        reset_float_environment()
        try:
            self._work()
        except BaseException as error:
            self._errors.append(error)

    def _work(self) -> None:
        with cancellable(lambda: bool(self._errors) or self._stopped()):
            while True:
                check_cancelled()
                with self._lock:
                    group = next(self._groups, None)
                if group is None:
                    return
                self._source.fill_many(
                    [(tensor, first, out) for tensor, box, first, out in group if box is None]
                )
                for tensor, box, first, out in group:
                    if box is not None:
                        fill_elements(tensor, box, first, out, self._source)

    def _join(self, threads: Sequence[threading.Thread]) -> None:
        """Wait for the threads, whatever interrupts that: each ends after the piece that it fills."""
        while True:
            try:
                for thread in threads:
                    thread.join()
                return
            except BaseException as error:
                self._errors.append(error)


def _groups(fills: Sequence[Fill], at_once: int) -> Iterator[list[Piece]]:
    """Yield all pieces, of about so many bytes, or in groups of as many."""
    group: list[Piece] = []
    size = 0
    for piece in _pieces(fills, at_once):
        group.append(piece)
        size += piece.out.nbytes
        if size >= at_once:
            yield group
            group, size = [], 0
    if group:
        yield group


def _pieces(fills: Sequence[Fill], at_once: int) -> Iterator[Piece]:
    """Yield the parts of every fill, in order; none but its first and last splits a block."""
    for tensor, whole, box in fills:
        assert whole.flags.c_contiguous
        out = whole.reshape(-1)
        if box is None or is_contiguous(box):
            first = 0 if box is None or not out.size else box.element(0)
            yield from _consecutive(tensor, out, first, at_once // out.itemsize)
        else:
            count = max(1, at_once // (box.run * out.itemsize)) * box.run
            for first in range(0, out.size, count):
                yield Piece(tensor, box, first, out[first : first + count])


def _consecutive(tensor: ResolvedTensor, out: Storage, first: int, count: int) -> Iterator[Piece]:
    """Yield pieces of about so many consecutive elements; they end where blocks do."""
    done = 0
    while done < out.size:
        stop = min(out.size, done + count - (first + done) % (BLOCK // out.itemsize))
        yield Piece(tensor, None, first + done, out[done:stop])
        done = stop
