"""The virtual file: its header, which tensor owns which byte, and any range of its bytes.

The format (https://github.com/huggingface/safetensors): 8 bytes with the header's length, little-endian; the
header, JSON in UTF-8, padded with spaces to a multiple of 8; the tensors' bytes, little-endian and row-major,
without holes, ordered as in the header. Tensors are ordered as the reference writer orders them. The metadata
is written in a fixed order, which the reference writer does not promise.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from tensorseed.errors import UnknownNameError
from tensorseed.files.materialised import Materialised
from tensorseed.files.slices import Box, is_contiguous, parse_slice
from tensorseed.sampling.distributions.base import Storage
from tensorseed.sampling.executors.base import Executor
from tensorseed.sampling.executors.compiled import CompiledExecutor
from tensorseed.sampling.low_precision import decode
from tensorseed.sampling.philox import STREAM_VERSION, Stream
from tensorseed.spec.resolved import ResolvedSpec, ResolvedTensor

ALIGNMENT = 8  # of a buffer's address to the file's offsets: enough for every dtype
BLOCK = 16  # bytes; a Philox block fills this many, or a divisor of it, whatever the dtype
LONG_RUN = 1_024  # elements of a slice that lie side by side, from which on runs are filled one by one


class Entry(NamedTuple):
    """A tensor and its bytes [start, stop) in the file. `box` is set if only a slice of it is there."""

    tensor: ResolvedTensor
    start: int
    stop: int
    box: Box | None = None


@dataclass(frozen=True)
class VirtualFile:
    """A file that exists as a description; `read` computes any of its bytes."""

    resolved: ResolvedSpec
    header: bytes
    _entries: tuple[Entry, ...]
    size: int

    def entries(self) -> Sequence[Entry]:
        """The tensors in file order."""
        return self._entries

    @cached_property
    def digest(self) -> str:
        """64 hex digits that identify the bytes: the header names the recipe and the stream's version."""
        return hashlib.sha256(b"tensorseed file v1\n" + self.header).hexdigest()

    @cached_property
    def _starts(self) -> list[int]:
        return [entry.start for entry in self._entries]

    @cached_property
    def _by_name(self) -> dict[str, Entry]:
        return {entry.tensor.name: entry for entry in self._entries}

    def entry(self, name: str) -> Entry:
        """The entry of a tensor. Raises UnknownNameError."""
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownNameError(f"the file has no tensor called {name!r}") from None

    def entries_within(self, start: int, stop: int) -> Sequence[Entry]:
        """The tensors that have a byte in [start, stop), and perhaps empty ones between them."""
        first = max(bisect_right(self._starts, start) - 1, 0)
        return self._entries[first : bisect_left(self._starts, stop)]

    def read(self, start: int, stop: int, executor: Executor | Materialised) -> npt.NDArray[np.uint8]:
        """The bytes [start, stop) of the file; with generator torch from the materialised whole."""
        first, last = self.around(start, stop)
        skew = first % ALIGNMENT
        out = np.empty(skew + last - first, np.uint8)[skew:]
        self.read_into(out, first, executor)
        return out[start - first : stop - first]

    def around(self, start: int, stop: int) -> tuple[int, int]:
        """The least range around [start, stop) whose ends cut no block of a tensor: to compute a few bytes
        more costs less than to cut.
        """
        first, last = start, stop
        if len(self.header) <= start < stop:
            first -= (start - self._entries[bisect_right(self._starts, start) - 1].start) % BLOCK
        if len(self.header) < stop and start < stop:
            entry = self._entries[bisect_right(self._starts, stop - 1) - 1]
            last = min(stop + (entry.start - stop) % BLOCK, entry.stop)
        return first, last

    def read_into(self, out: npt.NDArray[np.uint8], start: int, executor: Executor | Materialised) -> None:
        """Fill `out` with the bytes from `start` on. Its address must equal `start` modulo `ALIGNMENT`."""
        stop = start + out.size
        if start < len(self.header):
            piece = self.header[start:stop]
            out[: len(piece)] = np.frombuffer(piece, np.uint8)
        for entry in self.entries_within(start, stop):
            begin, end = max(start, entry.start), min(stop, entry.stop)
            if begin < end:
                self._read_tensor(entry, begin, out[begin - start : end - start], executor)

    def _read_tensor(
        self, entry: Entry, begin: int, out: npt.NDArray[np.uint8], executor: Executor | Materialised
    ) -> None:
        """A tensor's bytes from file offset `begin` on; elements that the range cuts by way of a copy."""
        storage = np.dtype(entry.tensor.dtype.storage)
        offset = begin - entry.start
        head = min(-offset % storage.itemsize, out.size)
        stop = head + (out.size - head) // storage.itemsize * storage.itemsize
        if stop > head:
            first = (offset + head) // storage.itemsize
            self._elements(entry, first, out[head:stop].view(storage), executor)
        for start, end in ((0, head), (stop, out.size)):
            if start < end:
                first, cut = divmod(offset + start, storage.itemsize)
                element = np.empty(1, storage)
                self._elements(entry, first, element, executor)
                out[start:end] = element.view(np.uint8)[cut : cut + end - start]

    def _elements(self, entry: Entry, first: int, out: Storage, executor: Executor | Materialised) -> None:
        box = entry.box
        fill, gather = self._source(entry.tensor, executor)
        if box is None:
            fill(first, out)
        elif is_contiguous(box):
            fill(box.element(0) + first, out)
        elif box.run < LONG_RUN:
            gather(box.elements(first, out.size), out)
        else:
            done = 0
            while done < out.size:
                position = first + done
                count = min(box.run - position % box.run, out.size - done)
                part = out[done : done + count]
                fill(box.element(position), part)
                done += count

    def _source(
        self, tensor: ResolvedTensor, executor: Executor | Materialised
    ) -> tuple[Callable[[int, Storage], None], Callable[[npt.NDArray[np.int64], Storage], None]]:
        """What fills storage with a range, and with a selection, of the tensor's elements."""
        assert isinstance(executor, Materialised) == (self.resolved.generator == "torch")
        if isinstance(executor, Materialised):
            return partial(executor.fill, tensor.name), partial(executor.gather, tensor.name)
        what = (tensor.distribution, tensor.dtype, Stream(self.resolved.seed, tensor.stream))
        return partial(executor.fill, *what), partial(executor.gather, *what)


def build_header(tensors: Sequence[ResolvedTensor], metadata: Mapping[str, str] | None) -> bytes:
    """The file's first bytes, for tensors in file order, metadata in the given order."""
    members = [] if metadata is None else [f'"__metadata__":{orjson.dumps(dict(metadata)).decode()}']
    kinds: dict[tuple[str, tuple[int, ...]], str] = {}
    for tensor, start, stop in _place(tensors, 0):
        name, kind = tensor.name, (tensor.dtype.code, tensor.shape)
        described = kinds.get(kind)
        if described is None:
            sizes = ",".join(map(str, tensor.shape))
            described = kinds[kind] = f'{{"dtype":"{tensor.dtype.code}","shape":[{sizes}],"data_offsets":['
        quoted = orjson.dumps(name).decode() if '"' in name or "\\" in name else f'"{name}"'
        members.append(f"{quoted}:{described}{start},{stop}]}}")
    text = ("{" + ",".join(members) + "}").encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _place(tensors: Sequence[ResolvedTensor], offset: int) -> Iterator[tuple[ResolvedTensor, int, int]]:
    """Each tensor with its bytes' bounds, one after the other from `offset` on."""
    sizes: dict[tuple[int, tuple[int, ...]], int] = {}
    for tensor in tensors:
        kind = (tensor.dtype.itemsize, tensor.shape)
        size = sizes.get(kind)
        if size is None:
            size = sizes[kind] = tensor.nbytes
        yield tensor, offset, offset + size
        offset += size


def open_file(resolved: ResolvedSpec) -> VirtualFile:
    """The file of a spec, described and not computed."""
    return _assemble(resolved, resolved.tensors, {})


def open_slice(file: VirtualFile, name: str, slice_text: str) -> VirtualFile:
    """The file that holds a slice of one tensor of `file`. Raises UnknownNameError or SliceError."""
    tensor = file.entry(name).tensor
    box = parse_slice(slice_text, tensor.shape)
    extra = {"tensorseed.tensor": name, "tensorseed.slice": str(box)}
    return _assemble(file.resolved, (tensor._replace(shape=box.shape),), extra, box)


def open_part(
    resolved: ResolvedSpec, tensors: Sequence[ResolvedTensor], extra: Mapping[str, str]
) -> VirtualFile:
    """The file that holds some of the tensors of a spec, in file order; `extra` ends its metadata."""
    return _assemble(resolved, tuple(tensors), extra)


def _assemble(
    resolved: ResolvedSpec,
    tensors: tuple[ResolvedTensor, ...],
    extra: Mapping[str, str],
    box: Box | None = None,
) -> VirtualFile:
    header = build_header(tensors, {**_metadata(resolved), **extra})
    entries = tuple(Entry(tensor, start, stop, box) for tensor, start, stop in _place(tensors, len(header)))
    return VirtualFile(resolved, header, entries, entries[-1].stop if entries else len(header))


def _metadata(resolved: ResolvedSpec) -> dict[str, str]:
    """What the file says of itself: what drew it, and its recipe."""
    if resolved.torch is None:
        drawn = {"tensorseed.stream": str(STREAM_VERSION)}
    else:
        drawn = {
            "tensorseed.generator": "torch",
            "tensorseed.torch_version": resolved.torch.version,
            "tensorseed.device": resolved.torch.device,
        }
    return {"format": "pt", **drawn, "tensorseed.recipe": resolved.recipe}


def tensor_arrays(
    file: VirtualFile, executor: Executor | Materialised | None = None
) -> list[tuple[ResolvedTensor, npt.NDArray[np.float64]]]:
    """Every tensor with its values, exactly, as float64."""
    executor = executor or CompiledExecutor()
    arrays = []
    for entry in file.entries():
        stored = file.read(entry.start, entry.stop, executor).copy().view(entry.tensor.dtype.storage)
        arrays.append((entry.tensor, decode(stored, entry.tensor.dtype).reshape(entry.tensor.shape)))
    return arrays
