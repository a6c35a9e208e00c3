"""Weights of a spec in this process: a lazy mapping from names to arrays."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tensorseed.concurrency.float_environment import default_float_environment
from tensorseed.devices.local import LIMITS, local_settings, local_source
from tensorseed.errors import UnknownNameError, UnrepresentableError, shortened
from tensorseed.files.computation import CHUNK_BYTES, FileComputation
from tensorseed.files.indexing import has_ellipsis, positions, select
from tensorseed.files.output import Inputs, open_output
from tensorseed.files.slices import Box
from tensorseed.files.virtual_file import VirtualFile, fill_elements, open_file
from tensorseed.sampling.dtypes import DType
from tensorseed.spec.resolved import ResolvedSpec, ResolvedTensor
from tensorseed.spec.spec import parse_spec
from tensorseed.spec.spec_token import decode_token, encode_token

_TOKEN = re.compile(r"s1\.[A-Za-z0-9_-]+")


def open(spec: Mapping[str, Any] | str | os.PathLike[str]) -> Weights:  # noqa: A001
    """Open the weights of a spec, without computing any.

    `spec` is a dict, its JSON text, the path of a JSON file, a token, or the id of a shipped recipe.

    >>> weights = open({"layers": [{"name": "fc", "type": "Linear", "in_features": 4, "out_features": 2}]})
    >>> weights["fc.weight"].shape
    (2, 4)

    Raises:
        SpecError: the spec is not valid; `faults` has a JSON pointer and a remedy for every fault.
        TooLargeError: the spec exceeds a limit.
        UnknownNameError: the string is neither JSON, nor a file, a token or an id.
        VersionError: the spec is of another version or of other kernels of torch.
        OSError: the file cannot be read.
    """
    with default_float_environment():
        resolved, inputs = _resolve(spec)
        return Weights(open_file(resolved), inputs)


class Weights(Mapping[str, "LazyArray"]):
    """The weights of a spec by name, in file order; arrays are computed when they are read.

    `token` names the spec, and `etag` the bytes of its file, whose size is `size`.
    """

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
            return LazyArray(self, self._file.entry(name).tensor)
        except UnknownNameError:
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return (entry.tensor.name for entry in self._file.entries())

    def __len__(self) -> int:
        return len(self._file.entries())

    def __repr__(self) -> str:
        return f"Weights({len(self):,} tensors, {self.size:,} bytes, etag={self.etag})"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the safetensors file that the service sends; it appears at `path` when it is complete.

        Raises:
            OSError: the file cannot be written, or `path` is the spec's file, or no regular file;
                what was at `path` is left as it was.
            DeviceError: generator torch is to draw on a device that this host lacks.
            CapacityError: the memory does not suffice.
        """
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

    def _read(self, tensor: ResolvedTensor, ranges: Sequence[range]) -> npt.NDArray[Any]:
        """Compute the elements at the product of `ranges` in their storage, many of them on all threads."""
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


class LazyArray:
    """A tensor of `Weights`; indexing it, or `numpy.asarray`, computes elements.

    A slice has the bits of the whole tensor's slice, and costs what it selects.
    numpy has no bfloat16 and no float8: their arrays need the package `ml_dtypes`, and `bits` needs none.
    """

    def __init__(self, weights: Weights, tensor: ResolvedTensor, *, bits: bool = False) -> None:
        self._weights = weights
        self._tensor = tensor
        self._bits = bits
        self.name = tensor.name
        self.shape = tensor.shape
        self.nbytes = tensor.nbytes
        self.size = tensor.numel
        self.ndim = len(tensor.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the arrays that are read.

        Raises:
            UnrepresentableError: numpy lacks the dtype, and `ml_dtypes` is not installed.
        """
        if self._bits:
            return np.dtype(f"u{self._tensor.dtype.itemsize}")
        return _numpy_dtype(self._tensor.dtype)

    @property
    def bits(self) -> LazyArray:
        """The same elements as unsigned integers of their bits."""
        return LazyArray(self._weights, self._tensor, bits=True)

    def __getitem__(self, index: Any) -> npt.NDArray[Any]:
        """Compute `numpy.asarray(self)[index]`.

        Integers and slices compute what they select, every other index the whole tensor.

        Raises:
            IndexError: the index does not fit the shape.
            UnrepresentableError: numpy lacks the dtype, and `ml_dtypes` is not installed.
        """
        dtype = self.dtype
        selection = select(index, self.shape)
        if selection is None:
            whole: npt.NDArray[Any] = self[...][index]
            return whole
        ranges, shape = selection
        found: npt.NDArray[Any] = self._weights._read(self._tensor, ranges).view(dtype).reshape(shape)
        return found if has_ellipsis(index) else found[()]  # a number, of integers alone

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("the array is computed when it is read: it cannot be had without a copy")
        found = self[...]
        return found if dtype is None else found.astype(dtype, copy=False)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a tensor without dimensions")
        return self.shape[0]

    def __repr__(self) -> str:
        dtype = "bits of " * self._bits + self._tensor.dtype.name
        return f"LazyArray({self.name!r}, shape={self.shape}, dtype={dtype})"


def _resolve(spec: Mapping[str, Any] | str | os.PathLike[str]) -> tuple[ResolvedSpec, Inputs]:
    """Return the resolved spec, and the file that it was read from."""
    if isinstance(spec, Mapping):
        return parse_spec(json.dumps(spec, allow_nan=False).encode(), LIMITS), ()
    if isinstance(spec, str):
        if spec.lstrip("\ufeff \t\r\n").startswith("{"):
            return parse_spec(spec.encode(errors="surrogatepass"), LIMITS), ()
        if _TOKEN.fullmatch(spec):
            return decode_token(spec, LIMITS), ()
        if not spec.endswith(".json") and not os.path.isfile(spec):  # False for a text too long for a path
            return _resolve_recipe(spec), ()
    with Path(spec).open("rb") as file:
        return parse_spec(file.read(), LIMITS), (os.fstat(file.fileno()),)


def _resolve_recipe(name: str) -> ResolvedSpec:
    from tensorseed.checkpoints.library import Library, folders
    from tensorseed.checkpoints.recipe import MAX_SHARD_BYTES

    library = Library(folders(None), LIMITS, MAX_SHARD_BYTES)
    if name not in library.ids():
        raise UnknownNameError(
            f"{shortened(name)!r} is no file, no token and no id of a recipe: "
            "give a spec, or an id such as tensorseed/tiny-llama"
        )
    return parse_spec(library.repository(name).recipe.weights.spec(), LIMITS)


def _numpy_dtype(dtype: DType) -> np.dtype[Any]:
    try:
        return np.dtype(dtype.name)
    except TypeError:
        pass
    try:
        import ml_dtypes
    except ModuleNotFoundError:
        raise UnrepresentableError(
            f"numpy has no {dtype.name}: install ml_dtypes, or read the bits of the array, .bits[...]"
        ) from None
    found: np.dtype[Any] = np.dtype(getattr(ml_dtypes, dtype.name))
    return found
