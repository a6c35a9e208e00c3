"""Statistics of the tensors of a safetensors file on disk."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tensorseed.client.local_file import LocalFile
from tensorseed.client.progress import Progress
from tensorseed.files.header import ITEM_BYTES, HeaderEntry
from tensorseed.sampling.dtypes import DTYPES, DType
from tensorseed.sampling.low_precision import decode

CHUNK_ELEMENTS = 1 << 20
ALL_ITEM_BYTES: Mapping[str, int] = {
    **ITEM_BYTES,
    "F8_E8M0": 1,
    "F8_E4M3FNUZ": 1,
    "F8_E5M2FNUZ": 1,
    "C64": 8,
}
"""Bytes of an element of every dtype that has whole bytes, those without statistics too."""

_DTYPES: Mapping[str, DType] = {dtype.code: dtype for dtype in DTYPES.values()}
_INTEGERS: Mapping[str, npt.DTypeLike] = {
    "U8": np.uint8,
    "I8": np.int8,
    "I16": np.int16,
    "U16": np.uint16,
    "I32": np.int32,
    "U32": np.uint32,
    "I64": np.int64,
    "U64": np.uint64,
    "BOOL": np.uint8,
}


class Statistics(NamedTuple):
    """Mean, standard deviation (divided by n) and range of the finite elements; the others are counted."""

    mean: float
    std: float
    min: float
    max: float
    zeros: int
    nonfinite: int


def statistics(local: LocalFile, entry: HeaderEntry, progress: Progress) -> Statistics | None:
    """Compute the statistics of a tensor in float64, a chunk at a time (Chan, Golub and LeVeque, 1979).

    None of a tensor without finite elements, of one that is cut, and of a dtype that numpy cannot hold.
    """
    if entry.stop > len(local.data) or (entry.dtype not in _DTYPES and entry.dtype not in _INTEGERS):
        return None
    count, mean, squares = 0, 0.0, 0.0
    least, greatest, zeros, nonfinite = math.inf, -math.inf, 0, 0
    step = CHUNK_ELEMENTS * ALL_ITEM_BYTES[entry.dtype]
    for start in range(entry.start, entry.stop, step):
        stop = min(start + step, entry.stop)
        values = _values(local.data[start:stop], entry.dtype)
        finite = values[np.isfinite(values)]
        nonfinite += values.size - finite.size
        progress(stop - start)
        if not finite.size:
            continue
        zeros += finite.size - int(np.count_nonzero(finite))
        least, greatest = min(least, float(finite.min())), max(greatest, float(finite.max()))
        with np.errstate(over="ignore", invalid="ignore"):
            center = float(finite.mean())
            spread = float(np.square(finite - center).sum())
        total = count + finite.size
        shift = center - mean
        squares += spread + shift * shift * count * finite.size / total
        mean += shift * finite.size / total
        count = total
    return Statistics(mean, math.sqrt(squares / count), least, greatest, zeros, nonfinite) if count else None


def _values(data: memoryview, code: str) -> npt.NDArray[np.float64]:
    """The numbers of some bytes; integers beyond 2^53 are rounded."""
    integer: Any = _INTEGERS.get(code)
    if integer is not None:
        return np.frombuffer(data, integer).astype(np.float64)
    dtype = _DTYPES[code]
    return decode(np.frombuffer(data, dtype.storage), dtype)
