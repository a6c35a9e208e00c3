"""Interface of weights: a lazy mapping to arrays, and its conversions."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tensorseed.errors import UnrepresentableError, shortened
from tensorseed.sampling.distributions.base import Storage
from tensorseed.weights.display import MAX_TENSORS, counted, known_row, tensors_table
from tensorseed.weights.gathering import Gathering
from tensorseed.weights.lazy_array import LazyArray
from tensorseed.weights.memory import Part, allocate, as_tensor, torch_device

if TYPE_CHECKING:
    from jax import Array
    from jax.sharding import Sharding
    from torch import Tensor
    from torch import device as TorchDevice  # noqa: N812


class Weights(Mapping[str, LazyArray]):
    """The weights of a spec by name, in file order; arrays are computed when they are read.

    `etag` names the bytes of the file, whose size is `size`.
    """

    size: int
    etag: str

    @property
    @abstractmethod
    def token(self) -> str:
        """The token of the spec, as in the URLs of the service."""

    @abstractmethod
    def read(self, name: str, ranges: Sequence[range]) -> Storage:
        """See `ElementReader`."""

    @abstractmethod
    def gather(self, name: str, gathering: Gathering) -> Storage:
        """See `ElementReader`."""

    @abstractmethod
    def fill(self, arrays: Mapping[str, Storage]) -> None:
        """Fill arrays with the elements of the tensors that they are named after.

        Each is C-contiguous and has its tensor's shape and the storage of its dtype: unsigned integers where
        numpy has no such dtype, and for float16.

        Raises:
            UnknownNameError: there is no tensor of a name.
            TensorError: an array has another shape or dtype, or its elements are not side by side.
        """

    def fill_parts(self, parts: Sequence[Part]) -> None:
        """Fill the memory of every part: whole tensors at once, and others one by one."""
        self.fill({name: out for name, box, out in parts if box.shape == box.full})
        for name, box, out in parts:
            if box.shape != box.full:
                out[...] = self.read(name, box.ranges())

    @abstractmethod
    def plan(self) -> dict[str, Any]:
        """Return the plan that POST /v1/weights/plan answers: all of the file but its values.

        It has `token`, `url`, `etag`, `size`, `recipe` and `warnings`, and of every tensor in `tensors`
        the shape, dtype, range of bytes, init, fans, mean and standard deviation.
        """

    @abstractmethod
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the safetensors file that the service sends; it appears at `path` when it is complete.

        Raises:
            OSError: the file cannot be written, or `path` is the spec's file, or no regular file;
                what was at `path` is left as it was.
            DeviceError: generator torch is to draw on a device that this host lacks.
            CapacityError: the memory does not suffice.
        """

    @abstractmethod
    def digest(self) -> str:
        """Return the SHA-256 of the file, as 64 hex digits."""

    def __eq__(self, other: object) -> bool:
        """Return whether both are weights of one file, by its entity tag."""
        return self.etag == other.etag if isinstance(other, Weights) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.etag)

    def __repr__(self) -> str:
        return f"Weights({counted(len(self), 'tensor')}, {self.size:,} bytes, etag={self.etag})"

    def _repr_html_(self) -> str:
        caption = f"{counted(len(self), 'tensor')}, {self.size:,} bytes, ETag {self.etag}"
        return tensors_table(self._plan_rows(MAX_TENSORS), len(self), caption, self._sample)

    def _plan_rows(self, count: int) -> Sequence[Mapping[str, Any]]:
        """The first rows of the plan's tensors, or what is known of them where there is no plan."""
        try:
            rows: Sequence[Mapping[str, Any]] = self.plan()["tensors"][:count]
        except UnrepresentableError:
            return [
                known_row(array.name, array.tensor_dtype.name, array.shape)
                for array in islice(self.values(), count)
            ]
        return rows

    def _sample(self, name: str) -> npt.NDArray[np.floating[Any]] | None:  # noqa: ARG002
        """The first values of a random tensor, for a picture; None where they cost much."""
        return None

    def numpy(self) -> dict[str, npt.NDArray[Any]]:
        """Return every tensor as an array of numpy.

        >>> import tensorseed
        >>> entry = {"name": "w", "type": "Tensor", "shape": [2, 3], "init": "ones"}
        >>> tensorseed.open({"layers": [entry]}).numpy()["w"]
        array([[1., 1., 1.],
               [1., 1., 1.]], dtype=float32)

        Raises:
            UnrepresentableError: numpy lacks a dtype, and `ml_dtypes` is not installed.
        """
        dtypes = {name: array.dtype for name, array in self.items()}
        storages = self._filled()
        return {name: storages[name].view(dtype) for name, dtype in dtypes.items()}

    def torch(self, device: str | TorchDevice = "cpu") -> dict[str, Tensor]:
        """Return every tensor as one of torch on `device`, as a state dict.

        >>> import tensorseed
        >>> layer = {"name": "fc", "type": "Linear", "in_features": 4, "out_features": 2}
        >>> {name: tuple(t.shape) for name, t in tensorseed.open({"layers": [layer]}).torch().items()}
        {'fc.bias': (2,), 'fc.weight': (2, 4)}

        Raises:
            DeviceError: torch has no such device on this host.
            ModuleNotFoundError: torch is not installed.
        """
        place = torch_device(device)
        import torch

        dtypes = {name: getattr(torch, array.tensor_dtype.name) for name, array in self.items()}
        if place.type == "cpu":
            storages = self._filled()
            return {name: as_tensor(storages[name], dtype) for name, dtype in dtypes.items()}
        found = {name: torch.empty(self[name].shape, dtype=dtypes[name], device=place) for name in self}
        if place.type != "meta":
            for name, tensor in found.items():
                self._fill_tensor(name, tensor)
        return found

    def _fill_tensor(self, name: str, tensor: Tensor) -> None:
        """Fill a contiguous tensor on another device than the CPU."""
        whole = self.read(name, [range(size) for size in tensor.shape])
        tensor.copy_(as_tensor(whole, tensor.dtype))

    def jax(self, shardings: Sharding | Mapping[str, Sharding] | None = None) -> dict[str, Array]:
        """Return every tensor as an array of jax: on its default device, or sharded.

        `shardings` is one for all, or one for each name. A process computes its own shards alone.

        Raises:
            UnrepresentableError: jax has no 64-bit dtypes until `jax_enable_x64` is set.
            TensorError: a sharding does not fit the shape of its tensor.
            KeyError: `shardings` lacks a name, or has one that no tensor has.
            TypeError: a sharding is none.
            ModuleNotFoundError: jax is not installed.
        """
        from tensorseed.weights.jax_arrays import make_arrays

        each = shardings if isinstance(shardings, Mapping) else dict.fromkeys(self, shardings)
        if lacking := [name for name in self if name not in each]:
            raise KeyError(f"shardings lacks {shortened(lacking[0])!r}")
        if surplus := [name for name in each if name not in self]:
            raise KeyError(
                f"shardings names {shortened(str(surplus[0]))!r}, which is no tensor of the weights"
            )
        placed = [(array, each[name]) for name, array in self.items()]
        return dict(zip(self, make_arrays(self, placed), strict=True))

    def _filled(self) -> dict[str, Storage]:
        arrays = {name: allocate(array.shape, array.tensor_dtype.storage) for name, array in self.items()}
        self.fill(arrays)
        return arrays
