"""Lazy array: a tensor whose elements are computed, or fetched, when read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from tensorseed.errors import UnrepresentableError
from tensorseed.files.indexing import has_ellipsis, select
from tensorseed.sampling.distributions.base import Storage
from tensorseed.sampling.dtypes import DType
from tensorseed.weights.gathering import Gathering
from tensorseed.weights.memory import as_tensor, torch_device

if TYPE_CHECKING:
    from torch import Tensor
    from torch import device as TorchDevice  # noqa: N812


class ElementReader(Protocol):
    """Gives elements of tensors by name."""

    def read(self, name: str, ranges: Sequence[range]) -> Storage:
        """Return the elements of a tensor at the product of `ranges`, one range for each dimension.

        The result has the storage of the tensor's dtype and the shape `tuple(map(len, ranges))`.
        A range may be empty, and its step negative.
        """

    def gather(self, name: str, gathering: Gathering) -> Storage:
        """Return the elements of a tensor that arrays select, which are at least one, in their shape."""


class LazyArray:
    """A tensor of `Weights`; indexing it, or `numpy.asarray`, computes elements.

    A slice has the bits of the whole tensor's slice, and costs what it selects.
    numpy has no bfloat16 and no float8: their arrays need the package `ml_dtypes`, and `bits` needs none.
    """

    def __init__(
        self, reader: ElementReader, name: str, dtype: DType, shape: tuple[int, ...], *, bits: bool = False
    ) -> None:
        self._reader = reader
        self._bits = bits
        self.name = name
        self.shape = shape
        self.tensor_dtype = dtype  # of the file's tensor; numpy may lack it
        self.size = math.prod(shape)
        self.nbytes = self.size * dtype.itemsize
        self.ndim = len(shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the arrays that are read.

        Raises:
            UnrepresentableError: numpy lacks the dtype, and `ml_dtypes` is not installed.
        """
        if self._bits:
            return np.dtype(f"u{self.tensor_dtype.itemsize}")
        return numpy_dtype(self.tensor_dtype)

    @property
    def bits(self) -> LazyArray:
        """The same elements as unsigned integers of their bits."""
        return LazyArray(self._reader, self.name, self.tensor_dtype, self.shape, bits=True)

    def __getitem__(self, index: Any) -> npt.NDArray[Any]:
        """Compute `numpy.asarray(self)[index]`.

        Integers, slices and new axes compute what they select.
        Arrays and lists, of integers or of truth values, compute the elements that they select, and what lies
        between near ones.

        Raises:
            IndexError: the index does not fit the shape.
            UnrepresentableError: numpy lacks the dtype, and `ml_dtypes` is not installed.
        """
        dtype = self.dtype
        selection = select(index, self.shape)
        if selection is None:
            gathering = Gathering(index, self.shape)
            if 0 in gathering.shape:
                return np.empty(gathering.shape, dtype)
            gathered: npt.NDArray[Any] = self._reader.gather(self.name, gathering).view(dtype)
            return gathered
        ranges, shape = selection
        read: npt.NDArray[Any] = self._reader.read(self.name, ranges).view(dtype).reshape(shape)
        return read if has_ellipsis(index) else read[()]  # a number, of integers alone

    def torch(self, device: str | TorchDevice = "cpu") -> Tensor:
        """Return the whole tensor as one of torch, which has every dtype.

        >>> import tensorseed
        >>> entry = {"name": "w", "type": "Tensor", "shape": [2], "init": "ones", "dtype": "bfloat16"}
        >>> tensorseed.open({"layers": [entry]})["w"].torch()
        tensor([1., 1.], dtype=torch.bfloat16)

        Raises:
            DeviceError: torch has no such device on this host.
            ModuleNotFoundError: torch is not installed.
        """
        place = torch_device(device)
        import torch

        dtype = f"uint{8 * self.tensor_dtype.itemsize}" if self._bits else self.tensor_dtype.name
        whole = self._reader.read(self.name, [range(size) for size in self.shape])
        return as_tensor(whole, getattr(torch, dtype)).to(place)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("the array is computed when it is read: it cannot be had without a copy")
        found = self[...]
        return found if dtype is None else found.astype(dtype, copy=False)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a tensor without dimensions")
        return self.shape[0]

    def __iter__(self) -> Iterator[npt.NDArray[Any]]:
        return (self[row] for row in range(len(self)))

    def __repr__(self) -> str:
        dtype = "bits of " * self._bits + self.tensor_dtype.name
        return f"LazyArray({self.name!r}, shape={self.shape}, dtype={dtype})"


def numpy_dtype(dtype: DType) -> np.dtype[Any]:
    """Return numpy's dtype, of `ml_dtypes` where numpy has none of its own.

    Raises:
        UnrepresentableError: numpy lacks the dtype, and `ml_dtypes` is not installed.
    """
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
