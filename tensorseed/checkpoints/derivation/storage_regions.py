"""Recorded fills of storage regions of tensors without data, in order."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from tensorseed.checkpoints.derivation.recorded_distributions import RecordedDistribution, constant

if TYPE_CHECKING:
    import torch

MAX_RUNS = 4_096  # of equal numbers in what is overwritten in part


class Region(NamedTuple):
    """The elements of a view, counted in its storage: from `start` to `stop`, exclusive.

    `dense` says that it has all of them, each once.
    """

    start: int
    stop: int
    dense: bool

    def covers(self, other: Region) -> bool:
        """Whether it has every element of `other`, for certain."""
        return self.dense and self.start <= other.start and other.stop <= self.stop

    def meets(self, other: Region) -> bool:
        """Whether the two may share an element."""
        return self.start < other.stop and other.start < self.stop

    def moved(self, by: int) -> Region:
        """The same, further on in its storage."""
        return Region(self.start + by, self.stop + by, self.dense)


def region_of(tensor: torch.Tensor) -> Region:
    """The elements of its storage that `tensor` shows."""
    start = int(tensor.storage_offset())
    if tensor.numel() == 0:
        return Region(start, start, dense=True)
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    span = 1 + sum((int(size) - 1) * abs(int(step)) for size, step in steps)
    return Region(start, start + span, span == tensor.numel())


class Write(NamedTuple):
    """A fill of a region; None where its content is unknown."""

    region: Region
    fill: RecordedDistribution | None


class UnknownContentError(Exception):
    """The content of a region is unknown; the message says why."""


@dataclass(slots=True)
class Contents:
    """The writes to one storage, the last one winning.

    `known` holds the elements themselves where they were computed without chance; then there are no writes.
    """

    size: int
    writes: list[Write] = field(default_factory=list)
    known: torch.Tensor | None = None  # (size,)

    def put(self, region: Region, fill: RecordedDistribution | None) -> None:
        """RecordedDistribution a region."""
        whole = Region(0, self.size, dense=True)
        if region.covers(whole):
            self.writes, self.known = [], None
        elif self.known is not None:
            self.writes, self.known = spelled_out(self.known), None
        self.writes.append(Write(region, fill))

    def is_whole(self) -> bool:
        """Whether the first write reached every element."""
        return bool(self.writes) and self.writes[0].region.covers(Region(0, self.size, dense=True))

    def within(self, region: Region) -> tuple[RecordedDistribution, list[Write]]:
        """The fill of a region, and what was written over parts of it, oldest first.

        Raises:
            UnknownContentError: a part was never filled, or its content is unknown.
        """
        if self.known is not None:
            raise UnknownContentError("it holds numbers that were computed")
        over: list[Write] = []
        for write in reversed(self.writes):
            if not write.region.meets(region):
                continue
            if write.fill is None:
                raise UnknownContentError(
                    "it is computed from random numbers, or by an operation that no scheme has"
                )
            if write.region.covers(region):
                return write.fill, _differing(write.fill, over[::-1])
            over.append(write)
        return _assembled(region, over[::-1]), []

    def single(self, region: Region) -> RecordedDistribution | None:
        """The one fill of a region, whatever its shape; None where there are several, or none."""
        try:
            fill, over = self.within(region)
        except UnknownContentError:
            return None
        if over:
            return None
        whole = any(write.region == region for write in self.writes)
        return (
            fill if whole else replace(fill, token=object())
        )  # parts of a draw are no functions of each other

    def constants(self, tensor: torch.Tensor) -> torch.Tensor | None:
        """The elements of a contiguous view whose parts were filled with one number each; None elsewhere."""
        import torch

        region = region_of(tensor)
        writes = [write for write in self.writes if write.region.meets(region)]
        fills = [write.fill for write in writes if write.fill is not None and write.fill.kind == "constant"]
        first = next(iter(writes), None)
        if first is None or not first.region.covers(region) or not tensor.is_contiguous():
            return None
        if len(fills) < len(writes) or not all(write.region.dense for write in writes):
            return None
        found = torch.empty(tensor.numel(), dtype=tensor.dtype, device="cpu")
        for write, fill in zip(writes, fills, strict=True):
            start, stop = (max(end - region.start, 0) for end in write.region[:2])
            found[start:stop] = fill.numbers[0]
        return found.view(tensor.shape)

    def values(self, tensor: torch.Tensor) -> torch.Tensor | None:
        """The elements of a view, where they were computed without chance."""
        import torch

        if self.known is not None:
            return self.known.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())
        fill = self.single(region_of(tensor))
        if fill is None or fill.kind != "constant":
            return None
        return torch.full(tensor.shape, fill.numbers[0], dtype=tensor.dtype, device="cpu")


def _differing(fill: RecordedDistribution, over: list[Write]) -> list[Write]:
    """The writes that a fill with the same distribution underneath does not make needless."""
    last = max((place for place, write in enumerate(over) if write.fill != fill), default=-1)
    return over[: last + 1]


def _assembled(region: Region, parts: list[Write]) -> RecordedDistribution:
    """The fill of a region that was filled part by part."""
    reached = region.start
    for write in sorted(parts, key=lambda part: part.region):
        if write.region.start > reached or not write.region.dense:
            break
        reached = max(reached, write.region.stop)
    if not parts or reached < region.stop:
        raise UnknownContentError("its model never fills it")
    fills = {write.fill for write in parts}
    first = parts[0].fill
    if len(fills) > 1 or first is None or first.kind == "structured":
        raise UnknownContentError("its parts have different distributions")
    return replace(first, spelling=None, shape=None)


def spelled_out(known: torch.Tensor) -> list[Write]:
    """Numbers as fills: runs of equal ones. `known` has one dimension."""
    if known.numel() == 0:
        return []
    runs, counts = known.unique_consecutive(return_counts=True)  # type: ignore[no-untyped-call]
    if runs.numel() > MAX_RUNS or known.dtype.is_complex:
        return [Write(Region(0, known.numel(), dense=True), None)]
    writes, start = [], 0
    for value, count in zip(runs.tolist(), counts.tolist(), strict=True):
        number = float(value)
        fill = constant(number) if math.isfinite(number) else None
        writes.append(Write(Region(start, start + count, dense=True), fill))
        start += count
    return writes
