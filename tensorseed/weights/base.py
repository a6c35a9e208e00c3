"""Interface of weights: a lazy mapping from names to arrays."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence

from tensorseed.sampling.distributions.base import Storage
from tensorseed.weights.lazy_array import LazyArray


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

    def __repr__(self) -> str:
        return f"Weights({len(self):,} tensors, {self.size:,} bytes, etag={self.etag})"
