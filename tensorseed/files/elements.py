"""Sources of a file's elements: drawn, or materialised as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from tensorseed.sampling.addresses import array_at
from tensorseed.sampling.distributions.base import Indices, Starts, Storage
from tensorseed.sampling.executors.base import Executor, Ranges
from tensorseed.sampling.executors.compiled import CompiledExecutor
from tensorseed.sampling.philox import Stream
from tensorseed.spec.resolved import ResolvedTensor, Tensors

if TYPE_CHECKING:
    from tensorseed.spec.resolved import ResolvedSpec

TENSOR_OVERHEAD_BYTES = 512  # of a materialised tensor, beside its elements


class Parts(NamedTuple):
    """Consecutive elements of many tensors in memory, as columns: part i is the i-th of each.

    It has `sizes` elements from `firsts` on, in contiguous memory at `addresses`.
    """

    tensors: Sequence[ResolvedTensor]
    firsts: Indices
    addresses: Indices
    sizes: Indices

    def joined(self, others: Sequence[tuple[ResolvedTensor, int, int, int]]) -> Parts:
        """These and others, each of which is a row."""
        places = np.array([other[1:] for other in others], np.int64).reshape(-1, 3).T
        columns = (np.concatenate(pair) for pair in zip(self[1:], places, strict=True))
        return Parts([*self.tensors, *(other[0] for other in others)], *columns)

    def at(self, indices: Indices) -> Parts:
        """Those of the parts, in this order."""
        tensors: Sequence[ResolvedTensor] = [self.tensors[i] for i in indices.tolist()]
        return Parts(tensors, self.firsts[indices], self.addresses[indices], self.sizes[indices])

    def ranges(self) -> Ranges:
        """What an executor draws."""
        if isinstance(self.tensors, Tensors):
            return self._of_columns(self.tensors)
        _, streams, dtypes, _, distributions, *_, seeds = zip(*self.tensors, strict=True)
        keys = [*zip(map(id, distributions), map(id, dtypes), strict=True)]  # they are hashed sooner
        kinds = dict(zip(keys, zip(distributions, dtypes, strict=True), strict=True))
        rows = dict(zip(kinds, range(len(kinds)), strict=True))
        of_each = np.fromiter(map(rows.__getitem__, keys), np.int64, len(keys))
        return Ranges([*kinds.values()], of_each, streams, seeds, *self[1:])

    def _of_columns(self, tensors: Tensors) -> Ranges:
        found, rows = tensors.used_kinds()
        kinds = [(kind.distribution, kind.dtype) for kind in found]
        return Ranges(kinds, rows, tensors.streams, tensors.seeds, *self[1:])


NO_PARTS = Parts((), *np.empty((3, 0), np.int64))


class ElementSource(Protocol):
    """Gives the elements of the tensors of one spec, in the storage of their dtypes."""

    def fill(self, tensor: ResolvedTensor, first: int, out: Storage) -> None:
        """Fill `out` with the elements `first`, `first + 1`, … of the row-major tensor."""

    def fill_many(self, parts: Parts) -> None:
        """Fill the memory of every part, which is contiguous."""

    def fill_runs(self, tensor: ResolvedTensor, starts: Starts, out: Storage) -> None:
        """Fill each row of `out` (runs, elements) with consecutive elements, from its `starts` on."""

    def gather(self, tensor: ResolvedTensor, elements: Indices, out: Storage) -> None:
        """Fill `out` with the listed elements of the row-major tensor, in their order."""


class DrawnElements:
    """The elements of generator philox, each a function of its index, computed when read."""

    def __init__(self, resolved: ResolvedSpec, executor: Executor | None = None) -> None:
        self._resolved = resolved
        self._executor = executor or CompiledExecutor()

    def fill(self, tensor: ResolvedTensor, first: int, out: Storage) -> None:
        """See `ElementSource`."""
        self._executor.fill(tensor.distribution, tensor.dtype, self._stream(tensor), first, out)

    def fill_many(self, parts: Parts) -> None:
        """See `ElementSource`."""
        assert self._resolved.generator == "philox"
        if parts.tensors:
            self._executor.fill_many(self._resolved.seed, parts.ranges())

    def fill_runs(self, tensor: ResolvedTensor, starts: Starts, out: Storage) -> None:
        """See `ElementSource`."""
        self._executor.fill_runs(tensor.distribution, tensor.dtype, self._stream(tensor), starts, out)

    def gather(self, tensor: ResolvedTensor, elements: Indices, out: Storage) -> None:
        """See `ElementSource`."""
        self._executor.gather(tensor.distribution, tensor.dtype, self._stream(tensor), elements, out)

    def _stream(self, tensor: ResolvedTensor) -> Stream:
        assert self._resolved.generator == "philox"
        return tensor.stream_of(self._resolved.seed)


class MaterialisedElements:
    """The elements of every tensor of a file, row-major, by the tensor's name."""

    def __init__(self, arrays: Mapping[str, Storage]) -> None:
        self._arrays = arrays

    @property
    def nbytes(self) -> int:
        """The memory that they take, in bytes."""
        elements = sum(array.nbytes for array in self._arrays.values())
        return elements + TENSOR_OVERHEAD_BYTES * len(self._arrays)

    def fill(self, tensor: ResolvedTensor, first: int, out: Storage) -> None:
        """See `ElementSource`."""
        out[:] = self._arrays[tensor.name][first : first + out.size]

    def fill_many(self, parts: Parts) -> None:
        """See `ElementSource`."""
        for tensor, *place in zip(parts.tensors, *map(np.ndarray.tolist, parts[1:]), strict=True):
            first, address, size = place
            self.fill(tensor, first, array_at(address, size, tensor.dtype.storage))

    def fill_runs(self, tensor: ResolvedTensor, starts: Starts, out: Storage) -> None:
        """See `ElementSource`."""
        for start, row in zip(starts, out, strict=True):
            self.fill(tensor, start, row)

    def gather(self, tensor: ResolvedTensor, elements: Indices, out: Storage) -> None:
        """See `ElementSource`."""
        out[:] = self._arrays[tensor.name][elements]


def element_source(resolved: ResolvedSpec) -> ElementSource:
    """Return what computes the elements of a spec on this host; generator torch computes them here.

    Raises:
        SpecError: torch has no kernel for one of the tensors.
        TooLargeError: torch rejects nearly every candidate of a truncated normal.
        ComputationCancelledError: the computation is cancelled.
    """
    if resolved.generator == "philox":
        return DrawnElements(resolved)
    from tensorseed.files.torch_generator import materialise  # imports torch

    return MaterialisedElements(materialise(resolved))
