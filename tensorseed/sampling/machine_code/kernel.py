"""Compiled loop as Python calls it: by machine code, or by numba."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from ctypes import CFUNCTYPE, c_char_p, c_int
from functools import lru_cache
from importlib import import_module
from struct import Struct
from typing import Any

import numpy as np

from tensorseed.sampling.addresses import address_of

Types = tuple[int | None, ...]
"""The types of arguments, as far as a kernel is compiled for several, by `types_of`."""

STRIDED = -1
MAX_AXES = 8
FLOATS = float, np.floating
_FUNCTION = CFUNCTYPE(c_int, c_char_p)  # calls it without the GIL


Entry = Callable[[bytes], int]
"""Machine code for some types of arguments: it takes their row, and gives 0 or the status of a failure."""


class Kernel:
    """A kernel of a module that imports numba, which is imported where there is no machine code."""

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name
        self._entries: Mapping[Types, Entry] = {}

    @property
    def name(self) -> str:
        """The kernel's name."""
        return self._name

    @property
    def dispatcher(self) -> Any:
        """The kernel as numba compiles it."""
        return getattr(import_module(self._module), self._name)

    def install(self, entries: Mapping[Types, Entry]) -> None:
        """Call machine code from now on, by the types of the arguments."""
        self._entries = entries

    def entry(self, types: Types) -> Entry | None:
        """The machine code for some types of arguments, if there is any."""
        return self._entries.get(types)

    def __call__(self, *arguments: Any) -> None:
        """Run it.

        Raises:
            RuntimeError: the loop failed, as by lack of memory.
        """
        entry = self._entries.get(types_of(arguments))
        if entry is None:
            self.dispatcher(*arguments)
        elif entry(row_of(arguments)):
            raise RuntimeError(f"the kernel {self._name} failed")


def entry_at(address: int) -> Entry:
    """The machine code at an address."""
    return _FUNCTION(address)


def row_of(arguments: Iterable[Any]) -> bytes:
    """A row of 64-bit numbers: of an array its address and shape, of a tuple its elements."""
    row: list[Any] = []
    for argument in arguments:
        kind = type(argument)
        if kind is np.ndarray:
            row.append(_address(argument))
            row += argument.shape
        elif kind is tuple:
            row += argument
        else:
            row.append(argument)
    return _packing(tuple(map(type, row)))(*row)


@lru_cache(maxsize=1024)
def _packing(kinds: tuple[type, ...]) -> Callable[..., bytes]:
    return Struct("=" + "".join("d" if issubclass(kind, FLOATS) else "q" for kind in kinds)).pack


def types_of(arguments: tuple[Any, ...]) -> Types:
    """Dtype and axes of an array in order, the length of a tuple, None for a number."""
    return tuple(
        [
            (array_type(each.dtype.num, each.ndim) if each.flags.c_contiguous else STRIDED)
            if type(each) is np.ndarray
            else len(each)
            if type(each) is tuple
            else None
            for each in arguments
        ]
    )


def array_type(number: int, axes: int) -> int:
    """The type of an array in order, by numpy's number of its dtype: below that of any tuple."""
    return -2 - (MAX_AXES * number + axes)


def _address(array: np.ndarray[Any, Any]) -> int:
    return address_of(array) if array.flags.writeable else int(array.ctypes.data)
