"""Compiled loop as Python calls it: by machine code, or by numba."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterable, Mapping
from ctypes import CFUNCTYPE, c_char_p, c_int
from importlib import import_module
from threading import RLock
from typing import Any

import numpy as np

from tensorseed.sampling.addresses import address_of

Types = tuple[int | None, ...]
"""The types of arguments, as far as a kernel is compiled for several, by `types_of`."""

OTHER = -1
AXES = 128  # more than numpy's arrays have
IN_ORDER, WRITEABLE = 0x101, 0x400  # flags of numpy: C-contiguous and aligned; writeable
ARRAY, FLOAT32 = "P", "f"  # codes beside those of `struct`: an address, a float64 that is a float32
_FUNCTION = CFUNCTYPE(c_int, c_char_p)  # calls it without the GIL
_CODES = {np.int32: "i", np.uint32: "I", np.uint64: "Q", np.float32: FLOAT32, float: "d", np.float64: "d"}

_preparations: list[Callable[[], None]] = []
_preparing = RLock()


class MismatchError(ValueError):
    """An argument is no number of the kind that machine code takes."""


class Entry:
    """Machine code for some types of arguments, with a code for each of the 64-bit numbers that it takes."""

    def __init__(self, address: int, codes: str) -> None:
        self.codes = codes
        self.run: Callable[[bytes], int] = _FUNCTION(address)
        """Run it with a row, and return 0, or the status of a failure."""
        self._pack = struct.Struct("=" + "".join(map(_format, codes))).pack
        self._float32 = [i for i, code in enumerate(codes) if code == FLOAT32]

    def row(self, arguments: tuple[Any, ...]) -> bytes:
        """The row of arguments.

        Raises:
            MismatchError: a number is of another kind, or out of range.
        """
        numbers = _numbers(arguments)
        for i in self._float32:
            if type(numbers[i]) is not np.float32:
                raise MismatchError("float32")
        try:
            return self._pack(*numbers)
        except struct.error as error:
            raise MismatchError(str(error)) from None


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
        if _preparations:
            with _preparing:
                for prepare in _preparations:
                    prepare()
                _preparations.clear()
        return getattr(import_module(self._module), self._name)

    def install(self, entries: Mapping[Types, Entry]) -> None:
        """Call machine code from now on, by the types of the arguments."""
        self._entries = entries

    def entry(self, types: Types, codes: str) -> Entry | None:
        """The machine code for some types of arguments, if it takes numbers of these kinds."""
        found = self._entries.get(types)
        return found if found is not None and found.codes == codes else None

    def run(self, entry: Entry, row: bytes) -> None:
        """Run machine code of this kernel with a row.

        Raises:
            MemoryError: there is no memory for an array of the loop.
            RuntimeError: it failed in another way.
        """
        status = entry.run(row)
        if status > 0:  # an exception, of which a kernel has this one
            raise MemoryError(f"the kernel {self._name} has no memory")
        if status:
            raise RuntimeError(f"the kernel {self._name} failed")

    def __call__(self, *arguments: Any) -> None:
        """Run it.

        Raises:
            MemoryError: there is no memory for an array of the loop.
        """
        entry = self._entries.get(types_of(arguments))
        if entry is None:
            self.dispatcher(*arguments)
            return
        try:
            row = entry.row(arguments)
        except MismatchError:
            self.dispatcher(*arguments)
            return
        self.run(entry, row)


def before_numba(prepare: Callable[[], None]) -> None:
    """Call this once, before the first kernel is left to numba."""
    _preparations[:] = [prepare]


def row_of(arguments: Iterable[Any]) -> bytes:
    """A row of 64-bit numbers: of an array its address and shape, of a tuple its elements."""
    arguments = tuple(arguments)
    return struct.pack("=" + "".join(map(_format, codes_of(arguments))), *_numbers(arguments))


def codes_of(arguments: tuple[Any, ...]) -> str:
    """The codes of the numbers of a row, by the types of the arguments."""
    codes = ""
    for argument in arguments:
        if type(argument) is np.ndarray:
            codes += ARRAY + "q" * argument.ndim
        elif type(argument) is tuple:
            codes += codes_of(argument)
        else:
            codes += _CODES.get(type(argument), "q")
    return codes


def _numbers(arguments: tuple[Any, ...]) -> list[Any]:
    numbers: list[Any] = []
    for argument in arguments:
        kind = type(argument)
        if kind is np.ndarray:
            numbers.append(_address(argument))
            numbers += argument.shape
        elif kind is tuple:
            numbers += argument
        else:
            numbers.append(argument)
    return numbers


def _format(code: str) -> str:
    """The format of `struct` for a word with a number of some code, whose range it checks."""
    known = {ARRAY: "Q", FLOAT32: "d"}.get(code, code)
    padding = f"{8 - struct.calcsize(f'={known}')}x"
    return known + padding if sys.byteorder == "little" else padding + known


def types_of(arguments: tuple[Any, ...]) -> Types:
    """Dtype, axes and writeability of an array in order, the length of a tuple, None for a number."""
    return tuple(
        [
            _type_of(each) if type(each) is np.ndarray else len(each) if type(each) is tuple else None
            for each in arguments
        ]
    )


def array_type(number: int, axes: int, writeable: bool) -> int:
    """The type of an array in order, by numpy's number of its dtype: below that of any tuple."""
    return -2 - (2 * (AXES * number + axes) + writeable)


def _type_of(array: np.ndarray[Any, Any]) -> int:
    flags, dtype = array.flags.num, array.dtype
    if flags & IN_ORDER != IN_ORDER or not dtype.isnative:
        return OTHER
    return array_type(dtype.num, array.ndim, flags & WRITEABLE != 0)


def _address(array: np.ndarray[Any, Any]) -> int:
    return address_of(array) if array.flags.writeable else int(array.ctypes.data)
