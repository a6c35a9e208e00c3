"""Virtual file: a description from which any byte is computed.

Tensors are ordered as the reference writer orders them. The metadata has a fixed order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tensorseed.errors import UnknownNameError
from tensorseed.files.elements import ElementSource, Parts, element_source
from tensorseed.files.entries import Entries, Entry, sizes_of
from tensorseed.files.header import describe, write_columns
from tensorseed.files.slices import Box, is_contiguous, parse_slice
from tensorseed.sampling.addresses import address_of
from tensorseed.sampling.distributions.base import Storage
from tensorseed.sampling.philox import STREAM_VERSION
from tensorseed.spec.resolved import ResolvedSpec, ResolvedTensor, Tensors

ALIGNMENT = 8  # of a buffer's address to the file's offsets: enough for every dtype
BLOCK = 16  # bytes; a Philox block fills this many, or a divisor of it, whatever the dtype
MIN_TOGETHER = 4  # tensors of a range from which on they are filled in a call


class Portion(NamedTuple):
    """The bytes [start, stop) of a tensor, perhaps none, and how many tensors have one like it."""

    entry: Entry
    start: int
    stop: int
    tensors: int


@dataclass(frozen=True)
class VirtualFile:
    """A safetensors file as a description; `read` computes any of its bytes."""

    resolved: ResolvedSpec
    header: bytes
    _entries: Entries
    size: int

    def entries(self) -> Entries:
        """Return the tensors in file order."""
        return self._entries

    @cached_property
    def digest(self) -> str:
        """64 hex digits that identify the bytes: the header names the recipe and the stream version."""
        return header_digest(self.header)

    @cached_property
    def _by_name(self) -> dict[str, Entry]:
        return {entry.tensor.name: entry for entry in self._entries}

    def entry(self, name: str) -> Entry:
        """Return the entry of a tensor.

        Raises:
            UnknownNameError: the file has no tensor of this name.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownNameError(f"the file has no tensor called {name!r}") from None

    def entries_within(self, start: int, stop: int, maximum: int | None = None) -> Entries:
        """Return the tensors that have a byte in [start, stop), and perhaps empty ones between them.

        `maximum` cuts their list short.
        """
        first, last = self._entries.at(start), self._entries.before(stop)
        return self._entries[first : last if maximum is None else min(last, first + maximum)]

    def portions(self, start: int, stop: int) -> Iterator[Portion]:
        """Yield what of each tensor lies in [start, stop), of whole ones that are alike only one."""
        first, last = self._entries.at(start), self._entries.before(stop)
        singles: Sequence[int] = range(first, last)
        if len(singles) >= MIN_TOGETHER:
            singles = (first, last - 1)
            for index, count in self._entries.tensors[first + 1 : last - 1].of_each_kind():
                entry = self._entries[first + 1 + index]
                yield Portion(entry, entry.start, entry.stop, count)
        for entry in map(self._entries.__getitem__, singles):
            yield Portion(entry, max(start, entry.start), min(stop, entry.stop), 1)

    def read(self, start: int, stop: int, source: ElementSource | None = None) -> npt.NDArray[np.uint8]:
        """Compute the bytes [start, stop) of the file, by default on the CPU of this host.

        Without a source, generator torch materialises the whole file at every call.
        """
        first, last = self.around(start, stop)
        skew = first % ALIGNMENT
        out = np.empty(skew + last - first, np.uint8)[skew:]
        self.read_into(out, first, source or element_source(self.resolved))
        return out[start - first : stop - first]

    def around(self, start: int, stop: int) -> tuple[int, int]:
        """Return the smallest range around [start, stop) whose ends split no block of a tensor.

        Computing a few bytes more costs less than splitting a block.
        """
        first, last = start, stop
        if len(self.header) <= start < stop:
            first -= (start - self._entries[self._entries.at(start)].start) % BLOCK
        if len(self.header) < stop and start < stop:
            entry = self._entries[self._entries.at(stop - 1)]
            last = min(stop + (entry.start - stop) % BLOCK, entry.stop)
        return first, last

    def read_into(self, out: npt.NDArray[np.uint8], start: int, source: ElementSource) -> None:
        """Fill `out` with the bytes from `start` on; its address must equal `start` modulo `ALIGNMENT`."""
        stop = start + out.size
        if start < len(self.header):
            piece = self.header[start:stop]
            out[: len(piece)] = np.frombuffer(piece, np.uint8)
        first, last = self._entries.at(start), self._entries.before(stop)
        if last - first >= MIN_TOGETHER:
            self._read_together(first, last, start, out, source)
            return
        for entry in map(self._entries.__getitem__, range(first, last)):
            self._read_part(entry, start, out, source)

    def _read_part(self, entry: Entry, start: int, out: npt.NDArray[np.uint8], source: ElementSource) -> None:
        """Fill the part of `out` that holds bytes of a tensor."""
        begin, end = max(start, entry.start), min(start + out.size, entry.stop)
        if begin < end:
            _read_entry(entry, begin - entry.start, out[begin - start : end - start], source)

    def _read_together(
        self, first: int, last: int, start: int, out: npt.NDArray[np.uint8], source: ElementSource
    ) -> None:
        """Fill the part of `out` that holds the tensors [first, last), in a call but for cut elements."""
        ends = self._entries[first], self._entries[last - 1]
        ahead, stop = max(start - ends[0].start, 0), start + out.size
        behind = max(ends[1].stop - stop, 0)
        of_first, of_last = (one.tensor.dtype.itemsize for one in ends)
        if ahead % of_first:
            self._read_part(ends[0], start, out, source)
            first, ahead = first + 1, 0
        if behind % of_last:
            self._read_part(ends[1], start, out, source)
            last, behind = last - 1, 0
        offsets, sizes = (column[first:last].copy() for column in self._entries.places)
        firsts = np.zeros_like(sizes)
        firsts[0] = ahead // of_first
        offsets[0] += ahead
        sizes[0] -= ahead // of_first
        sizes[-1] -= behind // of_last
        parts = Parts(self._entries.tensors[first:last], firsts, address_of(out) + offsets - start, sizes)
        source.fill_many(parts if sizes.all() else parts.at(np.flatnonzero(sizes)))


def _read_entry(entry: Entry, offset: int, out: npt.NDArray[np.uint8], source: ElementSource) -> None:
    """Fill `out` with the bytes of a tensor from `offset` on; split elements go through a copy."""
    storage = np.dtype(entry.tensor.dtype.storage)
    head = min(-offset % storage.itemsize, out.size)
    stop = head + (out.size - head) // storage.itemsize * storage.itemsize
    if stop > head:
        first = (offset + head) // storage.itemsize
        fill_elements(entry.tensor, entry.box, first, out[head:stop].view(storage), source)
    for start, end in ((0, head), (stop, out.size)):
        if start < end:
            first, cut = divmod(offset + start, storage.itemsize)
            element = np.empty(1, storage)
            fill_elements(entry.tensor, entry.box, first, element, source)
            out[start:end] = element.view(np.uint8)[cut : cut + end - start]


def fill_elements(
    tensor: ResolvedTensor, box: Box | None, first: int, out: Storage, source: ElementSource
) -> None:
    """Fill `out` with the elements `first`, `first + 1`, … of a tensor, or of a box of it."""
    if box is None:
        source.fill(tensor, first, out)
    elif is_contiguous(box):
        source.fill(tensor, box.element(0) + first, out)
    else:
        head = min(-first % box.run, out.size)
        runs, tail = divmod(out.size - head, box.run)
        stop = out.size - tail
        if head:
            source.fill(tensor, box.element(first), out[:head])
        if runs:
            starts = box.run_starts(first + head, runs)
            source.fill_runs(tensor, starts, out[head:stop].reshape(runs, -1))
        if tail:
            source.fill(tensor, box.element(first + stop), out[stop:])


def header_digest(header: bytes) -> str:
    """Return the 64 hex digits of a file's entity tag, which its header decides."""
    running = hashlib.sha256(b"tensorseed file v1\n")
    running.update(header)  # whose copy would hold the interpreter
    return running.hexdigest()


def file_header(tensors: Sequence[ResolvedTensor], metadata: Mapping[str, str] | None) -> bytes:
    """Write the header of tensors in file order, with metadata in the given order."""
    columns = Tensors.of(tensors)
    described = [describe(kind.dtype.code, kind.shape) for kind in columns.kinds]
    return write_columns(columns.names, described, columns.numbers, sizes_of(columns.kinds), metadata)


def open_file(resolved: ResolvedSpec) -> VirtualFile:
    """Describe the file of a spec, without computing any tensor."""
    return _assemble(resolved, resolved.tensors, {})


def open_slice(file: VirtualFile, name: str, slice_text: str) -> VirtualFile:
    """Describe the file of a slice of one tensor of `file`.

    Raises:
        UnknownNameError: the file has no such tensor.
        SliceError: the slice is malformed or does not fit the tensor.
    """
    tensor = file.entry(name).tensor
    box = parse_slice(slice_text, tensor.shape)
    extra = {"tensorseed.tensor": name, "tensorseed.slice": str(box)}
    return _assemble(file.resolved, (tensor._replace(shape=box.shape),), extra, box)


def open_part(
    resolved: ResolvedSpec, tensors: Sequence[ResolvedTensor], extra: Mapping[str, str]
) -> VirtualFile:
    """Describe the file of some tensors of a spec, in file order; `extra` ends its metadata."""
    return _assemble(resolved, tuple(tensors), extra)


def _assemble(
    resolved: ResolvedSpec,
    tensors: Sequence[ResolvedTensor],
    extra: Mapping[str, str],
    box: Box | None = None,
) -> VirtualFile:
    columns = Tensors.of(tensors)
    header = file_header(columns, {**_metadata(resolved), **extra})
    entries = Entries.placed(columns, len(header), box)
    return VirtualFile(resolved, header, entries, entries.stop)


def _metadata(resolved: ResolvedSpec) -> dict[str, str]:
    """Return the metadata of a spec's files: the generator and the recipe."""
    if resolved.torch is None:
        drawn = {"tensorseed.stream": str(STREAM_VERSION)}
    else:
        drawn = {
            "tensorseed.generator": "torch",
            "tensorseed.torch_version": resolved.torch.version,
            "tensorseed.torch_kernels": resolved.torch.kernels,
            "tensorseed.device": resolved.torch.device,
        }
    return {"format": "pt", **drawn, "tensorseed.recipe": resolved.recipe}
