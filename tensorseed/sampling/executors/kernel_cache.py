"""Where compiled loops are kept between processes: numba's cache of files, made to bear a folder's faults.

numba asks for a folder that can be written, and fails where one cannot be: on a read-only file system, on a
full disk, or with a file that a crash has torn. Here what cannot be read is compiled again, and what cannot
be written is not kept; a folder that holds the loops already may be read-only.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache, UserProvidedCacheLocator


class FolderLocator(UserProvidedCacheLocator):  # type: ignore[misc]
    """The folder of `numba.config.CACHE_DIR`, whether or not it can be written."""

    def ensure_cache_path(self) -> None:
        """Make the folder, if that is possible."""
        with suppress(OSError):
            super().ensure_cache_path()


class FolderImplementation(CompileResultCacheImpl):  # type: ignore[misc]
    """Keeps what was compiled in that folder and nowhere else."""

    _locator_classes = (FolderLocator,)


class KernelCache(FunctionCache):  # type: ignore[misc]
    """The cache of one loop."""

    _impl_class = FolderImplementation

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What was compiled for a signature and this processor, or None: then numba compiles it."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # torn pickles raise errors of every kind
            with suppress(OSError):
                self.flush()  # or the next process would meet them again
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled, where there is room."""
        with suppress(OSError):
            super().save_overload(sig, data)


def keep_in(folder: Path, loops: list[Any]) -> None:
    """Let loops be looked up in a folder before they are compiled, and kept there afterwards."""
    numba.config.CACHE_DIR = str(folder)
    for loop in loops:
        loop._cache = KernelCache(loop.py_func)
