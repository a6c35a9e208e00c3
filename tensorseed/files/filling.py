"""Filling of host memory with the elements of tensors, on all threads."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from tensorseed.concurrency.cancellation import cancellable, cancelled_with_thread, check_cancelled
from tensorseed.concurrency.float_environment import default_float_environment, reset_float_environment
from tensorseed.concurrency.fresh_memory import populate
from tensorseed.files.elements import NO_PARTS, ElementSource, Parts
from tensorseed.files.slices import Box, is_contiguous
from tensorseed.files.virtual_file import BLOCK, fill_elements
from tensorseed.sampling.addresses import address_of, array_at
from tensorseed.sampling.distributions.base import Indices, Storage
from tensorseed.spec.resolved import ResolvedTensor

PIECE_BYTES = (1 << 18, 1 << 24)  # at least and at most, that a thread fills at a time
PIECES = 8  # for each thread, of groups of small parts that are neither too small nor too large
TURNS = 2  # for each thread, in which what is left would be filled: the last pieces are the smallest
MIN_ALONE_BYTES = 1 << 20  # of a part that is filled by itself, which costs a tenth of a group


class Fill(NamedTuple):
    """A tensor and the memory for its elements, or for those of a box of it.

    `out` is a C-contiguous array of any shape, in the storage of the tensor's dtype, or the address of one,
    which its owner keeps meanwhile.
    """

    tensor: ResolvedTensor
    out: Storage | int
    box: Box | None = None


class Piece(NamedTuple):
    """The elements of a tensor, or of a box of it, from `first` on: their address, and their number."""

    tensor: ResolvedTensor
    box: Box | None
    first: int
    address: int
    size: int

    @property
    def nbytes(self) -> int:
        """Their memory."""
        return self.size * self.tensor.dtype.itemsize

    def cut(self, nbytes: int) -> tuple[Piece, Piece]:
        """The first of about so many bytes, which end where a block or a run of a box does; the others."""
        tensor, box, first, address, size = self
        width = tensor.dtype.itemsize
        unit = BLOCK // width if box is None else box.run
        end = max((first + nbytes // width) // unit, first // unit + 1) * unit
        count = min(size, end - first)
        rest = Piece(tensor, box, first + count, address + count * width, size - count)
        return Piece(tensor, box, first, address, count), rest


def fill_arrays(fills: Sequence[Fill], source: ElementSource, threads: int, more: Parts = NO_PARTS) -> None:
    """Fill memory with elements from `source`, on the calling thread and `threads` − 1 others.

    `more` may be very many small tensors. An exception, such as KeyboardInterrupt, leaves no thread that
    still writes.

    Raises:
        ComputationCancelledError: the computation of the calling thread is cancelled.
    """
    pieces = [*map(_whole, fills)]
    boxes = [piece for piece in pieces if piece.box is not None]
    parts = more.joined([(one.tensor, one.first, one.address, one.size) for one in pieces if one.box is None])
    widths = np.array([tensor.dtype.itemsize for tensor in parts.tensors], np.int64)
    sizes = parts.sizes * widths
    total = int(sizes.sum()) + sum(box.nbytes for box in boxes)
    helpers = min(threads, -(-total // PIECE_BYTES[0])) - 1
    with default_float_environment():
        _Filling(_groups(parts, sizes, boxes, threads), source).run(helpers)


class _Filling:
    """Groups of pieces that some threads fill, each the next that is left."""

    def __init__(self, groups: Iterator[Parts | Piece], source: ElementSource) -> None:
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
                if isinstance(group, Parts):
                    self._source.fill_many(group)
                else:
                    populate(group.address, group.size * group.tensor.dtype.itemsize)
                    out = array_at(group.address, group.size, group.tensor.dtype.storage)
                    fill_elements(group.tensor, group.box, group.first, out, self._source)

    def _join(self, threads: Sequence[threading.Thread]) -> None:
        """Wait for the threads, whatever interrupts that: each ends after the piece that it fills."""
        while True:
            try:
                for thread in threads:
                    thread.join()
                return
            except BaseException as error:
                self._errors.append(error)


def _whole(fill: Fill) -> Piece:
    """The memory of a fill; a box that is one run is elements of the tensor."""
    tensor, out, box = fill
    size = math.prod(tensor.shape if box is None else box.shape)
    if isinstance(out, int):
        address = out
    else:
        assert out.flags.c_contiguous
        assert (out.size, out.dtype) == (size, tensor.dtype.storage)
        address = address_of(out)
    if box is None or not size or not is_contiguous(box):
        return Piece(tensor, box, 0, address, size)
    return Piece(tensor, None, box.element(0), address, size)


def _groups(parts: Parts, sizes: Indices, boxes: Sequence[Piece], threads: int) -> Iterator[Parts | Piece]:
    """Yield pieces of boxes and large parts, ever smaller ones, then the small parts in groups."""
    minimum, maximum = PIECE_BYTES
    is_large = sizes >= max(minimum, min(maximum, MIN_ALONE_BYTES))
    large, small = parts.at(np.flatnonzero(is_large)), np.flatnonzero((sizes > 0) & ~is_large)
    places = zip(*map(np.ndarray.tolist, large[1:]), strict=True)
    wholes = [Piece(tensor, None, *place) for tensor, place in zip(large.tensors, places, strict=True)]
    of_small = int(sizes[small].sum())
    left = of_small + sum(piece.nbytes for piece in (*boxes, *wholes))
    for rest in (*boxes, *wholes):
        while rest.size:
            piece, rest = rest.cut(min(max(left // (TURNS * threads), minimum), maximum))
            left -= piece.nbytes
            yield piece
    at_once = min(max(of_small // (PIECES * threads), minimum), maximum)
    numbers = np.cumsum(sizes[small]) // at_once
    for group in np.split(small, np.flatnonzero(np.diff(numbers)) + 1):
        yield parts.at(group)
