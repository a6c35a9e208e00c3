"""Mean and variance of truncated normals."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)
PANELS = 16
NEGLIGIBLE = 90.0  # exp(−90/2) of the peak is nothing


@lru_cache(maxsize=1024)
def truncated_moments(mean: float, std: float, low: float, high: float) -> tuple[float, float]:
    """(mean, variance) by Gauss-Legendre quadrature of the density over its peak.

    The quotient neither cancels nor underflows.
    """
    alpha, beta = (low - mean) / std, (high - mean) / std
    peak = min(max(alpha, 0.0), beta)
    reach = math.sqrt(peak * peak + NEGLIGIBLE)
    first, last = max(alpha, -reach), min(beta, reach)
    if first >= last:
        return mean + std * peak, 0.0
    width = (last - first) / PANELS
    centres = first + width * (np.arange(PANELS) + 0.5)
    z = (centres[:, None] + 0.5 * width * NODES[None, :]).ravel()  # (panels · nodes)
    weights = np.tile(WEIGHTS, PANELS) * np.exp(-0.5 * (z - peak) * (z + peak))
    weights /= weights.sum()
    shift = 0.0 if alpha == -beta else float((weights * (z - peak)).sum())
    spread = float((weights * (z - peak - shift) ** 2).sum())
    return mean + std * (peak + shift), std * std * spread
