"""Files that are computed as a whole: their bytes, and a bounded shelf of them."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from cachetools import LRUCache

from tensorseed.sampling.distributions.base import Storage

OVERHEAD = 512  # bytes that a tensor costs beside its values


class Materialised:
    """The elements of every tensor of a file, row-major, by name, in their dtypes' storage."""

    def __init__(self, arrays: Mapping[str, Storage]) -> None:
        self._arrays = arrays
        self.nbytes = sum(array.nbytes for array in arrays.values())

    @property
    def weight(self) -> int:
        """What keeping it costs, in bytes."""
        return self.nbytes + OVERHEAD * len(self._arrays)

    def fill(self, name: str, first: int, out: Storage) -> None:
        """Fill `out` with the elements `first`, `first + 1`, … of a tensor."""
        out[:] = self._arrays[name][first : first + out.size]

    def gather(self, name: str, elements: npt.NDArray[np.int64], out: Storage) -> None:
        """Fill `out` with the listed elements of a tensor, in their order."""
        out[:] = self._arrays[name][elements]


class Shelf:
    """The files materialised lately, by recipe: at most `nbytes` of them. Any thread may use it."""

    def __init__(self, nbytes: int) -> None:
        self._kept: LRUCache[str, Materialised] = LRUCache(nbytes, lambda file: file.weight)
        self._lock = threading.Lock()

    def get(self, recipe: str) -> Materialised | None:
        """The file of a recipe, if it is still there."""
        with self._lock:
            return self._kept.get(recipe)

    def put(self, recipe: str, file: Materialised) -> None:
        """Keep a file, in the place of those asked for least lately; not one that is too large."""
        with self._lock:
            if file.weight <= self._kept.maxsize:
                self._kept[recipe] = file
