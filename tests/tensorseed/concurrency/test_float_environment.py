"""Default floating-point environment: subnormal numbers are kept."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import tensorseed
from tensorseed.concurrency.float_environment import (
    default_float_environment,
    reset_float_environment,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs a C library of Linux")

SMALL = np.array([1e-300])


def product() -> bytes:
    """The bits of a subnormal number."""
    return (SMALL * 1e-10).tobytes()


@pytest.fixture
def flushing() -> Iterator[None]:
    """A thread that flushes subnormal numbers, as after loading a library of -ffast-math."""
    assert torch.set_flush_denormal(True)
    yield
    torch.set_flush_denormal(False)


EXPECTED = product()


@pytest.mark.usefixtures("flushing")
def test_the_block_computes_in_the_default_environment_and_restores_the_threads_own() -> None:
    own = product()
    with default_float_environment():
        inside = product()
    assert inside == EXPECTED != own == product()
    with pytest.raises(ZeroDivisionError), default_float_environment():
        _ = 1 // 0
    assert product() == own


@pytest.mark.usefixtures("flushing")
def test_a_thread_of_ones_own_is_reset() -> None:
    found: list[bytes] = []

    def compute() -> None:
        found.append(product())
        reset_float_environment()
        found.append(product())

    thread = threading.Thread(target=compute)
    thread.start()
    thread.join()
    assert found[0] != EXPECTED == found[1]


def drawn(dtype: str, std: float) -> tuple[str, str, bytes, str]:
    """Everything that a library's user sees of weights that are subnormal."""
    layer: dict[str, Any] = {"name": "w", "type": "Tensor", "shape": [500], "dtype": dtype}
    weights = tensorseed.open({"layers": [{**layer, "init": {"kind": "normal", "std": std}}]})
    return weights.token, weights.etag, weights["w"].bits[:].tobytes(), weights.digest()


@pytest.mark.parametrize(("dtype", "std"), [("float32", 1e-39), ("float64", 1e-309), ("bfloat16", 1e-39)])
def test_weights_have_the_same_bits_where_subnormal_numbers_are_flushed(dtype: str, std: float) -> None:
    expected = drawn(dtype, std)
    assert torch.set_flush_denormal(True)
    try:
        found = drawn(dtype, std)
    finally:
        torch.set_flush_denormal(False)
    assert found == expected
