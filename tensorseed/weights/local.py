"""Weights computed in this process, on all threads."""

from __future__ import annotations

import hashlib
import math
import os
from collections import deque
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from tensorseed.concurrency.float_environment import default_float_environment
from tensorseed.devices.local import local_settings, local_source
from tensorseed.errors import UnknownNameError
from tensorseed.files.computation import CHUNK_BYTES, FileComputation
from tensorseed.files.indexing import positions
from tensorseed.files.output import Inputs, open_output
from tensorseed.files.slices import Box
from tensorseed.files.virtual_file import VirtualFile, fill_elements
from tensorseed.sampling.distributions.base import Storage
from tensorseed.spec.spec_token import encode_token
from tensorseed.weights.base import Weights
from tensorseed.weights.lazy_array import LazyArray


class LocalWeights(Weights):
    """Weights whose elements this process computes; a slice costs what it selects."""

    def __init__(self, file: VirtualFile, inputs: Inputs = ()) -> None:
        """`inputs` are the files that `save` never overwrites."""
        self._file = file
        self._inputs = inputs
        self.size = file.size
        self.etag = f'"{file.digest}"'

    @property
    def token(self) -> str:
        """The token of the spec, as in the URLs of the service."""
        return encode_token(self._file.resolved)

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

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file; see `Weights`."""
        with open_output(Path(path), self._inputs, overwrite=True) as file:
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
        source = local_source(self._file.resolved, settings.kernel_cache)
        return FileComputation(self._file, source, settings.threads)

    def read(self, name: str, ranges: Sequence[range]) -> Storage:
        """Compute the elements at the product of `ranges` in their storage, many of them on all threads."""
        tensor = self._file.entry(name).tensor
        shape = tuple(map(len, ranges))
        out = np.empty(math.prod(shape), tensor.dtype.storage)
        source, count = self._computation.source, CHUNK_BYTES // out.itemsize
        contiguous = all(chosen.step == 1 for chosen in ranges)
        box = Box(tensor.shape, tuple(chosen.start for chosen in ranges), shape)

        def fill(first: int) -> None:
            part = out[first : first + count]
            if contiguous:
                fill_elements(tensor, box, first, part, source)
            else:
                source.gather(tensor, positions(ranges, tensor.shape, first, part.size), part)

        if 0 < out.size <= count:
            with default_float_environment():
                fill(0)
        elif out.size:
            deque(self._computation.map(fill, range(0, out.size, count)), maxlen=0)
        return out.reshape(shape)
