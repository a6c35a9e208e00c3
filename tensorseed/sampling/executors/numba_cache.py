"""Compilation of the kernels by numba, and a cache that tolerates faults.

numba needs a folder that it can write. It fails on a read-only file system, on a full disk, and on a file
that a crash has torn. Here a kernel that cannot be read is compiled again, and one that cannot be written is
not stored. A folder that already holds the kernels may be read-only.
"""

from __future__ import annotations

import hashlib
import logging
import pickle
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache as once
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import (
    CompileResultCacheImpl,
    FunctionCache,
    IndexDataCacheFile,
    NullCache,
    UserProvidedCacheLocator,
)

from tensorseed.sampling import (
    kernels,
    key_kernels,
    quantization_kernels,
    range_kernels,
)
from tensorseed.sampling.executors.compile_progress import Progress
from tensorseed.sampling.loops import orthogonal, sparse
from tensorseed.sampling.machine_code import entry_points
from tensorseed.sampling.machine_code.file import MachineCode
from tensorseed.sampling.machine_code.trampolines import machine_code

DIGEST_BYTES = hashlib.sha256().digest_size
KERNELS = [
    *kernels.ALL,
    *range_kernels.KERNELS,
    *key_kernels.KERNELS,
    *orthogonal.KERNELS,
    *sparse.KERNELS,
    *quantization_kernels.KERNELS,
]
OVERLOADS = 36  # that the compiler makes: kernels, each counted for every type of its arguments

_log = logging.getLogger(__name__)
_objects: dict[str, bytes] = {}  # of the functions that were compiled or loaded, by their names


class FolderLocator(UserProvidedCacheLocator):  # type: ignore[misc]
    """The folder of `numba.config.CACHE_DIR`, whether or not it can be written."""

    def ensure_cache_path(self) -> None:
        """Make the folder, if that is possible."""
        with suppress(OSError):
            super().ensure_cache_path()


class FolderImplementation(CompileResultCacheImpl):  # type: ignore[misc]
    """Keeps compiled code in that folder and nowhere else."""

    _locator_classes = (FolderLocator,)

    def reduce(self, data: Any) -> Any:
        """What is kept of compiled code."""
        return _recorded(super().reduce(data))

    def rebuild(self, target_context: Any, payload: Any) -> Any:
        """The compiled code of what was kept."""
        return super().rebuild(target_context, _recorded(payload))


def _recorded(payload: Any) -> Any:
    """What numba keeps of a function; its object file is the first part of its library's state."""
    (_, kind, state), description = payload[:2]
    if kind == "object":
        _objects[description.llvm_func_name] = state[0]
    return payload


class CheckedFile(IndexDataCacheFile):  # type: ignore[misc]
    """Index and data files of one kernel, whose data are read only as they were written for their key.

    A damaged byte of machine code would crash the process or change values. Processes of two processor
    models that write at the same time can give both codes one name, of which one is then the other's.
    """

    def save(self, key: Any, data: Any) -> None:
        """Keep the data of a key."""
        super().save(key, (key, data))

    def load(self, key: Any) -> Any:
        """The data of a key; None if there are none.

        Raises:
            ValueError: the data are those of another key.
        """
        found = super().load(key)
        if found is None:
            return None
        written, data = found
        if written != key:
            raise ValueError("the file was written for another processor")
        return data

    def _save_data(self, name: str, data: Any) -> None:
        dumped = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
            file.write(hashlib.sha256(dumped).digest() + dumped)

    def _load_data(self, name: str) -> Any:
        content = Path(self._data_path(name)).read_bytes()
        digest, dumped = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
        if hashlib.sha256(dumped).digest() != digest:
            raise ValueError("the file is damaged")
        return pickle.loads(dumped)  # noqa: S301 - of a folder that nobody else can write


class KernelCache(FunctionCache):  # type: ignore[misc]
    """The cache of one kernel."""

    _impl_class = FolderImplementation

    def __init__(self, py_func: Any) -> None:
        super().__init__(py_func)
        locator = self._impl.locator
        self._cache_file = CheckedFile(
            locator.get_cache_path(), self._impl.filename_base, locator.get_source_stamp()
        )

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The code compiled for a signature and this processor; None makes numba compile it."""
        code = None
        try:
            code = super().load_overload(sig, target_context)
        except Exception:  # torn pickles raise errors of every kind
            with suppress(OSError):
                self.flush()  # or the next process would meet them again
        _count(found=code is not None)
        return code

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep compiled code, where there is room."""
        with suppress(OSError):
            super().save_overload(sig, data)
        _count_compiled()


class NoCache(NullCache):  # type: ignore[misc]
    """The cache of a kernel that is compiled in every process."""

    def load_overload(self, sig: Any, target_context: Any) -> None:  # noqa: ARG002, the base's signature
        """Nothing."""
        _count(found=False)

    def save_overload(self, sig: Any, data: Any) -> None:  # noqa: ARG002
        """Keep nothing."""
        _count_compiled()


class Count:
    """The kernels that are there, each counted for every type of its arguments."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._ready = 0
        self._compiled = False

    def add(self, *, compiled: bool) -> None:
        """Count one, and log it if it took the compiler."""
        self._ready += 1
        self._compiled |= compiled
        if compiled and self._ready < OVERLOADS:
            self._progress(self._ready / OVERLOADS)

    def end(self) -> None:
        """Log that all are there, if any took the compiler."""
        if self._compiled:
            self._progress(1.0)


_COUNT: ContextVar[Count | None] = ContextVar("count", default=None)


@contextmanager
def counted(progress: Progress) -> Iterator[None]:
    """A block whose kernels are counted."""
    count = Count(progress)
    token = _COUNT.set(count)
    try:
        yield
    finally:
        _COUNT.reset(token)
    count.end()


def _count(*, found: bool) -> None:
    if not found:
        _announce()
    elif (count := _COUNT.get()) is not None:
        count.add(compiled=False)


def _count_compiled() -> None:
    if (count := _COUNT.get()) is not None:
        count.add(compiled=True)


def cache_in(folder: Path, functions: list[Any]) -> None:
    """Look kernels up in a folder before compiling them, and keep them there afterwards."""
    numba.config.CACHE_DIR = str(folder)
    for function in functions:
        function._cache = KernelCache(function.py_func)


@once
def _announce() -> None:
    """Log, once a process, why the start takes long."""
    _log.info("compiling kernels for this processor, which takes about 20 s")


def use_numba(folder: Path | None) -> None:
    """Look every kernel up in a folder, if that is not None, before compiling it at its first use."""
    if folder is None:
        for function in KERNELS:
            function._cache = NoCache()
    else:
        cache_in(folder, KERNELS)


def compiled_code() -> MachineCode:
    """Machine code of all kernels that have been compiled, or loaded.

    Raises:
        KeyError: one of them was kept nowhere.
    """
    return machine_code(entry_points.KERNELS, _objects)
