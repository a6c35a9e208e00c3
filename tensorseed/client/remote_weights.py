"""Weights of a service: a lazy mapping that fetches what is read."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from tensorseed.client.download import gather
from tensorseed.client.remote_reader import RemoteReader
from tensorseed.errors import UnknownNameError
from tensorseed.files.indexing import has_ellipsis, positions, select
from tensorseed.sampling.distributions.base import Storage
from tensorseed.sampling.dtypes import DType
from tensorseed.weights.base import Weights
from tensorseed.weights.display import MAX_TENSORS, counted, known_row, tensors_table
from tensorseed.weights.gathering import Gathering
from tensorseed.weights.lazy_array import LazyArray, numpy_dtype
from tensorseed.weights.memory import allocate, check_array

if TYPE_CHECKING:
    from jax import Array
    from jax.sharding import Sharding
    from torch import Tensor
    from torch import device as TorchDevice  # noqa: N812

T = TypeVar("T")
BLOCKS_AT_A_TIME = 4  # that an index fetches
Reopen = Callable[[str], "RemoteWeights"]


class Runner(Protocol):
    """Runs asynchronous work and returns its result."""

    def __call__(self, work: Callable[[], Awaitable[T]]) -> T:
        """Return the result of `work`."""


class _Described:
    """What the header of a remote file says, which is read already."""

    def __init__(self, reader: RemoteReader) -> None:
        self._reader = reader
        self.size = reader.size
        self.etag = reader.etag

    @property
    def token(self) -> str:
        """The token of the spec, as in the URLs of the service."""
        return self._reader.token

    @property
    def slice_url(self) -> str | None:
        """The URL of a slice; None for a whole file, which its token names."""
        return self._reader.slice_url

    def __iter__(self) -> Iterator[str]:
        return iter(self._reader.header.tensors)

    def __len__(self) -> int:
        return len(self._reader.header.tensors)


class RemoteWeights(_Described, Weights):
    """Weights that a service computes; a slice transfers the bytes that it selects.

    Many bytes come in several ranges at a time, and every answer has the file's entity tag.
    What comes is not compared with a digest, which `save` does.
    """

    def __init__(self, reader: RemoteReader, run: Runner, reopen: Reopen) -> None:
        """`reopen` opens a token, a spec or a URL again, in a process that is sent the weights."""
        super().__init__(reader)
        self._run = run
        self._reopen = reopen

    def __reduce__(self) -> tuple[Reopen, tuple[str]]:
        return self._reopen, (self._reader.location,)

    def __getitem__(self, name: str) -> LazyArray:
        return LazyArray(self, name, self._reader.dtype(name), self._reader.header.tensors[name].shape)

    def read(self, name: str, ranges: Sequence[range]) -> Storage:
        """Fetch elements; see `ElementReader`."""
        return self._run(lambda: self._reader.read(name, ranges))

    def gather(self, name: str, gathering: Gathering) -> Storage:
        """Fetch the elements that arrays select; see `ElementReader`."""
        return self._run(lambda: _gather(self._reader, name, gathering))

    def fill(self, arrays: Mapping[str, Storage]) -> None:
        """Fetch the elements of some tensors into arrays, in ranges that hold several; see `Weights`."""
        tensors = self._reader.header.tensors
        for name, array in arrays.items():
            if name not in tensors:
                raise UnknownNameError(f"the file has no tensor called {name!r}")
            check_array(name, array, tensors[name].shape, self._reader.dtype(name).storage)
        self._run(lambda: self._reader.fill(arrays))

    def plan(self) -> dict[str, Any]:
        """Return the service's plan; see `Weights`.

        Raises:
            UnrepresentableError: the weights are a slice.
        """
        return self._run(self._reader.plan)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Download the file, go on where an earlier download broke, and verify it; see `Weights`.

        Raises:
            NetworkError: the service did not answer as it should, even after several attempts.
            MismatchError: the bytes are not those that the service computes.
            DiskError: the file cannot be written; it is an OSError too.
        """
        self._run(lambda: self._reader.save(Path(path)))

    def digest(self) -> str:
        """Return the SHA-256 of the file, as 64 hex digits; the service computes it."""
        return self._run(self._reader.digest)


class AsyncWeights(_Described, Mapping[str, "AsyncArray"]):
    """Weights that a service computes, for an event loop; see `RemoteWeights`."""

    def __getitem__(self, name: str) -> AsyncArray:
        return AsyncArray(
            self._reader, name, self._reader.dtype(name), self._reader.header.tensors[name].shape
        )

    def __eq__(self, other: object) -> bool:
        """Return whether both are weights of one file, by its entity tag."""
        return self.etag == other.etag if isinstance(other, AsyncWeights | Weights) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.etag)

    def __repr__(self) -> str:
        return f"AsyncWeights({counted(len(self), 'tensor')}, {self.size:,} bytes, etag={self.etag})"

    def _repr_html_(self) -> str:
        """Show what the header says: a notebook cannot wait for the plan here."""
        rows = [
            known_row(array.name, array.tensor_dtype.name, array.shape)
            for array in islice(self.values(), MAX_TENSORS)
        ]
        caption = f"{counted(len(self), 'tensor')}, {self.size:,} bytes, ETag {self.etag}"
        return tensors_table(rows, len(self), caption, lambda _: None)

    async def numpy(self) -> dict[str, npt.NDArray[Any]]:
        """Return every tensor as an array of numpy; see `Weights.numpy`."""
        return (await self._fetched()).numpy()

    async def torch(self, device: str | TorchDevice = "cpu") -> dict[str, Tensor]:
        """Return every tensor as one of torch on `device`, as a state dict; see `Weights.torch`."""
        return (await self._fetched()).torch(device)

    async def jax(self, shardings: Sharding | Mapping[str, Sharding] | None = None) -> dict[str, Array]:
        """Return every tensor as an array of jax; see `Weights.jax`."""
        return (await self._fetched()).jax(shardings)

    async def plan(self) -> dict[str, Any]:
        """Return the service's plan."""
        return await self._reader.plan()

    async def save(self, path: str | os.PathLike[str]) -> None:
        """Download the file and verify it; see `RemoteWeights.save`."""
        await self._reader.save(Path(path))

    async def digest(self) -> str:
        """Return the SHA-256 of the file, as 64 hex digits; the service computes it."""
        return await self._reader.digest()

    async def _fetched(self) -> _FetchedWeights:
        arrays = {
            name: allocate(entry.shape, self._reader.dtype(name).storage)
            for name, entry in self._reader.header.tensors.items()
        }
        await self._reader.fill(arrays)
        return _FetchedWeights(self._reader, arrays)


class _FetchedWeights(RemoteWeights):
    """Weights whose bytes are in memory."""

    def __init__(self, reader: RemoteReader, arrays: Mapping[str, Storage]) -> None:
        super().__init__(reader, _never, _reopen_never)
        self._arrays = arrays

    def read(self, name: str, ranges: Sequence[range]) -> Storage:
        """Return elements; see `ElementReader`."""
        whole = self._arrays[name]
        steps = (
            slice(chosen.start, None if chosen.stop < 0 else chosen.stop, chosen.step) for chosen in ranges
        )
        return np.ascontiguousarray(whole[tuple(steps)]).reshape([len(chosen) for chosen in ranges])

    def gather(self, name: str, gathering: Gathering) -> Storage:
        """Return elements that arrays select; see `ElementReader`."""
        offsets = gathering.offsets(np.arange(gathering.points))
        chosen = positions(offsets, 0, math.prod(gathering.shape))
        return self._arrays[name].reshape(-1).take(chosen).reshape(gathering.shape)

    def _filled(self) -> dict[str, Storage]:
        return dict(self._arrays)


async def _gather(reader: RemoteReader, name: str, gathering: Gathering) -> Storage:
    """Fetch the elements that arrays select, in some blocks at a time."""
    storage = np.dtype(reader.dtype(name).storage)
    max_elements = max(1, reader.max_block_bytes // storage.itemsize)
    groups = await asyncio.to_thread(gathering.parted, reader.max_blocks, max_elements)
    waiting = gathering.blocks(groups, range(groups.starts.size))
    out = gathering.empty(gathering.points, storage)

    async def drain() -> None:
        for ranges, within, places in waiting:
            read = await reader.read(name, ranges)
            gathering.store(out, places, read[within])

    await gather([drain() for _ in range(min(BLOCKS_AT_A_TIME, groups.starts.size))])
    return out.reshape(gathering.shape)


def _never(work: Callable[[], Awaitable[T]]) -> T:
    raise AssertionError(f"{work} asks for what is in memory")


def _reopen_never(location: str) -> RemoteWeights:
    raise AssertionError(f"{location[:100]} is in memory")


class AsyncArray:
    """A tensor of `AsyncWeights`; `await array[10:20]` fetches elements, as `LazyArray` does."""

    __iter__ = None  # which would never end: a row that is not awaited raises no IndexError

    def __init__(
        self, reader: RemoteReader, name: str, dtype: DType, shape: tuple[int, ...], *, bits: bool = False
    ) -> None:
        self._reader = reader
        self._bits = bits
        self.name = name
        self.shape = shape
        self.tensor_dtype = dtype
        self.ndim = len(shape)
        self.size = math.prod(shape)
        self.nbytes = self.size * dtype.itemsize

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the arrays that are fetched; see `LazyArray.dtype`."""
        return np.dtype(f"u{self.tensor_dtype.itemsize}") if self._bits else numpy_dtype(self.tensor_dtype)

    @property
    def bits(self) -> AsyncArray:
        """The same elements as unsigned integers of their bits."""
        return AsyncArray(self._reader, self.name, self.tensor_dtype, self.shape, bits=True)

    async def __getitem__(self, index: Any) -> npt.NDArray[Any]:
        """Fetch the elements of an index; see `LazyArray`."""
        dtype, selection = self.dtype, select(index, self.shape)
        if selection is None:
            gathering = await asyncio.to_thread(Gathering, index, self.shape)
            if 0 in gathering.shape:
                return np.empty(gathering.shape, dtype)
            return (await _gather(self._reader, self.name, gathering)).view(dtype)
        ranges, shape = selection
        read: npt.NDArray[Any] = (await self._reader.read(self.name, ranges)).view(dtype).reshape(shape)
        return read if has_ellipsis(index) else read[()]

    def __array__(self, dtype: object = None, copy: bool | None = None) -> NoReturn:
        raise TypeError(f"an event loop fetches {self!r}: write await array[...]")

    def __repr__(self) -> str:
        dtype = "bits of " * self._bits + self.tensor_dtype.name
        return f"AsyncArray({self.name!r}, shape={self.shape}, dtype={dtype})"
