"""Arrays as JSON lists of exact numbers, with words for NaN and infinity."""

from __future__ import annotations

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
