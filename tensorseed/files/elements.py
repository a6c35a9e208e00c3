"""Sources of a file's elements: drawn, or materialised as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from tensorseed.sampling.addresses import array_at
from tensorseed.sampling.distributions.base import Indices, Storage
from tensorseed.sampling.executors.base import Executor, Range
from tensorseed.sampling.executors.compiled import CompiledExecutor
from tensorseed.sampling.philox import Stream

if TYPE_CHECKING:
    from tensorseed.spec.resolved import ResolvedSpec, ResolvedTensor

TENSOR_OVERHEAD_BYTES = 512  # of a materialised tensor, beside its elements


Part = tuple["ResolvedTensor", int, int, int]
"""A tensor, an element, and the address and the number of those from it on."""


class ElementSource(Protocol):
    """Gives the elements of the tensors of one spec, in the storage of their dtypes."""

    def fill(self, tensor: ResolvedTensor, first: int, out: Storage) -> None:
        """Fill `out` with the elements `first`, `first + 1`, … of the row-major tensor."""

    def fill_many(self, parts: Sequence[Part]) -> None:
        """Fill the memory of every part, which is contiguous."""

    def fill_runs(self, tensor: ResolvedTensor, starts: Indices, out: Storage) -> None:
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

    def fill_many(self, parts: Sequence[Part]) -> None:
        """See `ElementSource`."""
        assert self._resolved.generator == "philox"
        ranges = [
            (tensor.distribution, tensor.dtype, tensor.stream, first, address, size)
            for tensor, first, address, size in parts
        ]
        seed = self._resolved.seed
        if all(part[0].seed is None for part in parts):
            self._executor.fill_many(seed, ranges)
            return
        by_seed: dict[int, list[Range]] = {}
        for (tensor, *_), one in zip(parts, ranges, strict=True):
            by_seed.setdefault(tensor.stream_of(seed).seed, []).append(one)
        for own, those in by_seed.items():
            self._executor.fill_many(own, those)

    def fill_runs(self, tensor: ResolvedTensor, starts: Indices, out: Storage) -> None:
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

    def fill_many(self, parts: Sequence[Part]) -> None:
        """See `ElementSource`."""
        for tensor, first, address, size in parts:
            self.fill(tensor, first, array_at(address, size, tensor.dtype.storage))

    def fill_runs(self, tensor: ResolvedTensor, starts: Indices, out: Storage) -> None:
        """See `ElementSource`."""
        for start, row in zip(starts.tolist(), out, strict=True):
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
