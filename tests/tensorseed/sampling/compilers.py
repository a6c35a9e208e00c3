"""Kernels by the machine code of the cache, or by numba alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tensorseed.devices.local import local_settings
from tensorseed.sampling.executors import kernel_cache, numba_cache
from tensorseed.sampling.machine_code.entry_points import KERNELS


def cache_folder() -> Path:
    """The folder of the kernels, which holds them."""
    folder = local_settings().kernel_cache
    if folder is None:
        pytest.skip("needs a folder that keeps kernels")
    kernel_cache.compile_kernels(folder)
    return folder


def use_machine_code() -> None:
    """Call machine code, which this process may have compiled."""
    assert kernel_cache.load_kernels(cache_folder())


def compile_by_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the kernels to numba, and have it compile all of them, or load them."""
    numba_cache.use_numba(cache_folder() / kernel_cache.sources_digest())
    for kernel in KERNELS:
        monkeypatch.setattr(kernel, "_entries", {})
    kernel_cache.run_examples()
