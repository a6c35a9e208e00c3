"""Classification of torch's memory and device errors, by real messages."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tensorseed.devices.torch_errors import (
    format_bytes,
    is_device_error,
    is_device_failure,
    is_out_of_memory,
    needed_bytes,
)

CUDA = (
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.11 GiB of which 1 GiB"
)


def raised(action) -> Exception:
    with pytest.raises((MemoryError, RuntimeError, ValueError)) as caught:
        action()
    return caught.value


@pytest.mark.parametrize(
    ("error", "needed"),
    [
        (raised(lambda: np.empty(1 << 60, np.uint8)), 1 << 60),
        (raised(lambda: torch.empty(1 << 60, dtype=torch.uint8)), 1 << 60),
        (torch.OutOfMemoryError(CUDA), 2 << 30),
        (MemoryError(), None),
        (RuntimeError("CUDA error: out of memory"), None),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), None),
    ],
    ids=str,
)
def test_out_of_memory(error, needed):
    assert is_out_of_memory(error)
    assert is_device_error(error)
    assert not is_device_failure(error)
    assert needed_bytes(error) == needed


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: device-side assert triggered"),
        RuntimeError("CUDA driver error: unknown error"),
        torch.cuda.AcceleratorError("an illegal memory access was encountered"),
    ],
    ids=str,
)
def test_a_breakdown(error):
    assert is_device_failure(error)
    assert is_device_error(error)


@pytest.mark.parametrize(
    "error",
    [
        raised(lambda: torch.ones(2) @ torch.ones(3)),
        raised(lambda: np.ones(2) @ np.ones(3)),
        ValueError("CUDA error: out of memory"),
    ],
    ids=str,
)
def test_what_is_the_requests_own_fault(error):
    assert not is_device_error(error)


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [
        (0, "0 bytes"),
        (1_023, "1023 bytes"),
        (1 << 10, "1.0 KiB"),
        (3 << 29, "1.5 GiB"),
        (1 << 70, "1,024.0 EiB"),
    ],
)
def test_sizes_are_told_in_binary_units(nbytes, text):
    assert format_bytes(nbytes) == text
