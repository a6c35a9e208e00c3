"""Draws of an init, to compare with those of a framework."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

import tensorseed

KERNEL = {"in": -2, "out": -1}
"""The axes of the kernels of Keras, JAX and Flax."""

MATRIX = (240, 160)
CONVOLUTION = (3, 3, 40, 60)


def draw(kind: str, shape: Sequence[int], axes: dict[str, int] | None = None, **parameters: Any) -> Any:
    """The numbers of an init in float64."""
    init = {"kind": kind, **parameters}
    fan_axes = {"fan_axes": axes} if axes else {}
    entry = {"name": "w", "type": "Tensor", "shape": list(shape), "dtype": "float64", "init": init}
    return np.asarray(tensorseed.open({"layers": [{**entry, **fan_axes}]})["w"])


def assert_alike(ours: Any, theirs: Any) -> None:
    """Check deviation, bounds and distribution of two large draws; a tail within the bounds is random."""
    one, other = ours.ravel(), theirs.astype(np.float64).ravel()
    if other.std() == 0:
        np.testing.assert_array_equal(one.astype(np.float32), other.astype(np.float32))
        return
    assert abs(one.std() / other.std() - 1) < 0.02
    assert abs(one.mean() - other.mean()) < 0.03 * other.std()
    spread = np.ptp(other)
    assert abs(np.ptp(one) / spread - 1) < 0.15
    assert stats.ks_2samp(one, other).pvalue > 1e-3


def gram(kernel: Any) -> Any:
    """The products of the columns, which are along the last axis."""
    columns = kernel.reshape(-1, kernel.shape[-1])
    return columns.T @ columns
