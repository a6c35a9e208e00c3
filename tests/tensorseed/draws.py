"""Helpers of the numeric tests: drawing, and the dtypes drawn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from tensorseed.devices.registry import available_devices
from tensorseed.files.elements import ElementSource, element_source
from tensorseed.files.virtual_file import VirtualFile
from tensorseed.sampling.distributions import Distribution, Normal, TruncNormal, Uniform
from tensorseed.sampling.dtypes import DTYPES, DType
from tensorseed.sampling.executors.base import Executor
from tensorseed.sampling.executors.compiled import CompiledExecutor
from tensorseed.sampling.low_precision import decode
from tensorseed.sampling.philox import Stream
from tensorseed.spec.resolved import ResolvedTensor

FLOATS = [dtype for dtype in DTYPES.values() if dtype.mantissa_bits]
DRAWN: list[Distribution] = [
    Uniform(-0.1, 0.3),
    Normal(0.01, 0.02),
    TruncNormal(0.0, 1.0, -2.0, 2.0),
    TruncNormal(0.1, 0.02, 0.1, 0.13),  # half of a near one
    TruncNormal(0.0, 0.02, -2.0, 2.0),  # all of the mass
    TruncNormal(0.5, 2.0, -1.0, 7.5),  # straddles the mean unevenly
    TruncNormal(0.0, 1.0, 3.0, 5.0),  # the upper tail
    TruncNormal(0.0, 1.0, -1.0, math.inf),
    TruncNormal(0.0, 1.0, -21.0, -20.0),  # so far down that float32 has no number for the mass
]


def executors() -> list[tuple[str, Executor]]:
    """Everything that draws on this host, by name: torch's operations on the CPU, and every device's own."""
    from tensorseed.sampling.executors.tensor import (
        TensorExecutor,  # here, for programs that do without torch
    )

    devices = [(device.name, device.executor()) for device in available_devices()]
    return [("torch", TensorExecutor("cpu")), *devices]


def bits(
    what: Distribution,
    dtype: DType,
    count: int,
    *,
    first: int = 0,
    seed: int = 42,
    name: str = "weight",
    executor: Executor | None = None,
) -> npt.NDArray[Any]:
    """`count` elements in the dtype's storage."""
    out = np.empty(count, dtype.storage)
    (executor or CompiledExecutor()).fill(what, dtype, Stream(seed, name), first, out)
    return out


def runs(what: Distribution, dtype: DType, starts: npt.NDArray[Any], run: int) -> npt.NDArray[Any]:
    """A row of `run` elements from each of the starts on."""
    out = np.empty((starts.size, run), dtype.storage)
    CompiledExecutor().fill_runs(what, dtype, Stream(42, "weight"), starts, out)
    return out


def numbers(what: Distribution, dtype: DType, count: int, **options: Any) -> npt.NDArray[np.float64]:
    """`count` elements as exact float64 numbers."""
    return decode(bits(what, dtype, count, **options), dtype)


def tensor_arrays(
    file: VirtualFile, source: ElementSource | None = None
) -> list[tuple[ResolvedTensor, npt.NDArray[np.float64]]]:
    """Every tensor with its values, exactly, as float64."""
    source = source or element_source(file.resolved)
    arrays = []
    for entry in file.entries():
        stored = file.read(entry.start, entry.stop, source).copy().view(entry.tensor.dtype.storage)
        arrays.append((entry.tensor, decode(stored, entry.tensor.dtype).reshape(entry.tensor.shape)))
    return arrays
