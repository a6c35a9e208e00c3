"""Weights computed in this process, on all threads."""

from __future__ import annotations

import hashlib
import math
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import orjson

from tensorseed.concurrency.float_environment import default_float_environment
from tensorseed.devices.local import LIMITS, local_settings, local_source
from tensorseed.errors import DeviceError, UnknownNameError
from tensorseed.files.computation import CHUNK_BYTES, FileComputation
from tensorseed.files.filling import Fill, fill_arrays
from tensorseed.files.indexing import positions, scaled
from tensorseed.files.output import Inputs, open_output
from tensorseed.files.plan import PlanRows, PlanWarning, plan_pieces
from tensorseed.files.slices import Box
from tensorseed.files.virtual_file import VirtualFile, fill_elements, open_file
from tensorseed.sampling.distributions.base import Indices, Storage
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.spec.resolved import ResolvedSpec, ResolvedTensor
from tensorseed.spec.spec_token import decode_token, encode_token
from tensorseed.weights.base import Weights
from tensorseed.weights.gathering import MIN_UNREAD, Gathering
from tensorseed.weights.lazy_array import LazyArray
from tensorseed.weights.memory import Part, allocate, check_array

if TYPE_CHECKING:
    from torch import Tensor

SAMPLE = 2_048  # elements that a picture of a tensor is made of
MAX_BLOCK_ELEMENTS = 1 << 22  # of an index with arrays, that are computed at a time
GATHER_COST = 16  # of an element that is computed by itself, in elements of a block


class LocalWeights(Weights):
    """Weights whose elements this process computes; a slice costs what it selects."""

    def __init__(self, file: VirtualFile, inputs: Inputs = ()) -> None:
        """`inputs` are the files that `save` never overwrites."""
        self._file = file
        self.inputs = inputs
        self.size = file.size
        self.etag = f'"{file.digest}"'

    def __reduce__(self) -> tuple[Callable[[str], LocalWeights], tuple[str]]:
        return _of_token, (self.token,)  # what a process that is sent them opens

    @property
    def resolved(self) -> ResolvedSpec:
        """The resolved spec."""
        return self._file.resolved

    @property
    def token(self) -> str:
        """The token of the spec, as in the URLs of the service."""
        return encode_token(self.resolved)

    def __getitem__(self, name: str) -> LazyArray:
        try:
            tensor = self._file.entry(name).tensor
        except UnknownNameError:
            raise KeyError(name) from None
        return LazyArray(self, name, tensor.dtype, tensor.shape)

    def __iter__(self) -> Iterator[str]:
        return (entry.tensor.name for entry in self._file.entries())

    def __len__(self) -> int:
        return len(self._file.entries())

    def plan(self) -> dict[str, Any]:
        """Return the plan; see `Weights`. A warning of code `device` tells of one that this host lacks."""
        token = self.token
        pieces = plan_pieces(self._file, token, f"/v1/weights/{token}", self._missing_device())
        plan: dict[str, Any] = orjson.loads(b"".join(pieces))
        return plan

    def _plan_rows(self, count: int) -> Sequence[Mapping[str, Any]]:
        return PlanRows().of(self._file.entries()[:count])

    def _sample(self, name: str) -> npt.NDArray[np.floating[Any]] | None:
        tensor = self._file.entry(name).tensor
        drawn, count = tensor.distribution, min(SAMPLE, tensor.numel)
        if self.resolved.generator != "philox" or drawn.is_literal or not drawn.is_cheap or not count:
            return None
        wide = tensor._replace(dtype=DTYPES[tensor.dtype.draw])  # the same values before they are rounded
        values = np.empty(count, wide.dtype.storage)
        with default_float_environment():
            self._computation.source.fill(wide, 0, values)
        return values

    def _missing_device(self) -> list[PlanWarning]:
        resolved = self.resolved
        if resolved.torch is None or resolved.device == "cpu":
            return []
        from tensorseed.devices.registry import Devices

        try:
            Devices().get(resolved.device)
        except DeviceError as error:
            detail = f"{error}; the file cannot be computed here"
            return [{"tensor": None, "code": "device", "detail": detail}]
        return []

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file; see `Weights`."""
        with open_output(Path(path), self.inputs, overwrite=True) as file:
            for chunk in self._computation.chunks():
                file.write(chunk.data)

    def digest(self) -> str:
        """Compute the SHA-256 of the file, as 64 hex digits. It computes every byte, and stores none."""
        hashing = hashlib.sha256()
        for chunk in self._computation.chunks():
            hashing.update(chunk.data)
        return hashing.hexdigest()

    @cached_property
    def _computation(self) -> FileComputation:
        settings = local_settings()
        source = local_source(self.resolved, settings.kernel_cache)
        return FileComputation(self._file, source, settings.threads)

    def read(self, name: str, ranges: Sequence[range]) -> Storage:
        """Compute the elements at the product of `ranges` in their storage, many of them on all threads."""
        tensor = self._file.entry(name).tensor
        shape = tuple(map(len, ranges))
        out = allocate(shape, tensor.dtype.storage)
        box = Box(tensor.shape, tuple(chosen.start for chosen in ranges), shape)
        if not out.size:
            return out
        if not all(chosen.step == 1 for chosen in ranges):
            strides = [math.prod(tensor.shape[axis + 1 :]) for axis in range(len(ranges))]
            self._gather(tensor, list(map(scaled, ranges, strides)), out.reshape(-1))
        elif out.nbytes > CHUNK_BYTES:
            self._fill_all([Fill(tensor, out, box)])
        else:  # 30 µs less than with a plan for several threads
            with default_float_environment():
                fill_elements(tensor, box, 0, out.reshape(-1), self._computation.source)
        return out

    def gather(self, name: str, gathering: Gathering) -> Storage:
        """Compute blocks of near points, and the others by themselves; see `ElementReader`."""
        tensor = self._file.entry(name).tensor
        groups = gathering.parted(gathering.points, MAX_BLOCK_ELEMENTS)
        alone = groups.sizes + MIN_UNREAD > GATHER_COST * gathering.inner * groups.counts
        out = gathering.empty(gathering.points, tensor.dtype.storage)
        for ranges, within, places in gathering.blocks(groups, np.flatnonzero(~alone)):
            gathering.store(out, places, self.read(name, ranges)[within])
        if alone.any():
            places = groups.order[np.repeat(alone, groups.counts)]
            elements = gathering.empty(places.size, out.dtype)
            self._gather(tensor, gathering.offsets(places), elements.reshape(-1))
            gathering.store(out, places, elements)
        return out.reshape(gathering.shape)

    def _gather(self, tensor: ResolvedTensor, offsets: Sequence[range | Indices], out: Storage) -> None:
        source, count = self._computation.source, CHUNK_BYTES // out.itemsize

        def gather(first: int) -> None:
            part = out[first : first + count]
            source.gather(tensor, positions(offsets, first, part.size), part)

        if out.size <= count:
            with default_float_environment():
                gather(0)
        else:
            deque(self._computation.map(gather, range(0, out.size, count)), maxlen=0)

    def fill(self, arrays: Mapping[str, Storage]) -> None:
        """Compute the elements of some tensors into arrays, on all threads; see `Weights`."""
        self._fill_all([self._fill(name, array) for name, array in arrays.items()])

    def _fill(self, name: str, array: Storage) -> Fill:
        tensor = self._file.entry(name).tensor
        check_array(name, array, tensor.shape, tensor.dtype.storage)
        return Fill(tensor, array)

    def fill_parts(self, parts: Sequence[Part]) -> None:
        """Compute parts of tensors, on all threads; see `Weights`."""
        self._fill_all([Fill(self._file.entry(name).tensor, out, box) for name, box, out in parts])

    def _fill_all(self, fills: Sequence[Fill]) -> None:
        fill_arrays(fills, self._computation.source, self._computation.threads)

    def _fill_tensor(self, name: str, tensor: Tensor) -> None:
        """Draw on a GPU what it draws; the CPU computes everything else."""
        if not self._draw(self._file.entry(name).tensor, tensor):
            super()._fill_tensor(name, tensor)

    def _draw(self, drawn: ResolvedTensor, out: Tensor) -> bool:
        from tensorseed.files.device_filling import fill_on_device

        if self.resolved.generator != "philox":
            return False
        with default_float_environment():
            return fill_on_device(drawn, Box.whole(drawn.shape), out, self.resolved.seed)


def _of_token(token: str) -> LocalWeights:
    with default_float_environment():
        return LocalWeights(open_file(decode_token(token, LIMITS)))
