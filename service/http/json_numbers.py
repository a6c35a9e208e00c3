"""Exact numbers in JSON, with words for NaN and the infinities."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tensorseed.sampling.dtypes import DTYPES


def to_json_lists(array: npt.NDArray[np.float64], dtype: str) -> Any:
    """The values of a tensor of `dtype` as nested lists; a rank-0 array as a number."""
    if DTYPES[dtype].is_integer:
        return array.astype(np.int64).tolist()
    if np.isfinite(array).all():
        return array.tolist()
    spelled = array.astype(object)
    spelled[np.isnan(array)] = "NaN"
    spelled[np.isposinf(array)] = "Infinity"
    spelled[np.isneginf(array)] = "-Infinity"
    return spelled.tolist()


def spell_nonfinite(value: Any) -> Any:
    """The value with every non-finite number in it as its word."""
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {key: spell_nonfinite(part) for key, part in value.items()}
    return [spell_nonfinite(part) for part in value] if isinstance(value, list | tuple) else value
