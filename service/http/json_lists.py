"""Numbers as JSON: exact, in nested lists, and as words where JSON has no number."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def nested(array: npt.NDArray[np.float64], dtype: str) -> Any:
    """The values of a tensor of `dtype` as nested lists; a rank-0 array as a number.

    Those that are not finite are the strings "NaN", "Infinity" and "-Infinity".
    """
    if dtype == "int64":
        return array.astype(np.int64).tolist()
    if np.isfinite(array).all():
        return array.tolist()
    spelled = array.astype(object)
    spelled[np.isnan(array)] = "NaN"
    spelled[np.isposinf(array)] = "Infinity"
    spelled[np.isneginf(array)] = "-Infinity"
    return spelled.tolist()
