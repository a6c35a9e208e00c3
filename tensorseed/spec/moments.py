"""The theoretical mean and standard deviation of a tensor, before rounding to its dtype.

These numbers are for people: they may use the library functions that are banned on the way to a weight.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from tensorseed.sampling.distributions import (
    Constant,
    Dirac,
    Distribution,
    Eye,
    KernelCentre,
    Normal,
    Orthogonal,
    Sinusoidal,
    Sparse,
    TruncNormal,
    Uniform,
    Values,
    ZeroRange,
)
from tensorseed.spec.resolved import ResolvedTensor

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_PANELS = 16
_FREQUENCIES = 1 << 14
_NEGLIGIBLE = 90.0  # exp(-90/2) of the peak is nothing


def moments(tensor: ResolvedTensor) -> tuple[float, float] | None:
    """(mean, std) over the tensor's elements, std that of a population. None without elements."""
    if 0 in tensor.shape:
        return None
    mean, variance = _moments(tensor.distribution, tensor.shape)
    return mean, math.sqrt(max(variance, 0.0))


def _moments(distribution: Distribution, shape: tuple[int, ...]) -> tuple[float, float]:
    """(mean, variance)."""
    match distribution:
        case Constant(value):
            return value, 0.0
        case Uniform(low, high):
            half = (high - low) / 2.0
            return low + half, half * (half / 3.0)
        case Normal(mean, std):
            return mean, std * std
        case TruncNormal():
            return _truncated(distribution)
        case Eye(columns):
            rows = shape[0]
            share = min(rows, columns) / (rows * columns)
            return share, share * (1.0 - share)
        case Sparse(rows, _, zeros, std):
            return 0.0, std * std * (1.0 - zeros / rows)
        case Orthogonal(rows, columns, factor):
            return 0.0, factor * factor / max(rows, columns)
        case Dirac(columns, group):
            share = min(columns, group) / (columns * group)
            return share, share * (1.0 - share)
        case Sinusoidal():
            mean = _mean_of_waves(distribution, shape[0])
            return mean, 0.5 - mean * mean  # each sine and its cosine have the sum of squares one
        case KernelCentre(base, outputs, inputs, spatial):
            mean, variance = _moments(base, (outputs.size, inputs.size))
            share = 1.0 / math.prod(axis.size for axis in spatial)
            return share * mean, share * (variance + (1.0 - share) * mean * mean)
        case Values():
            return _literal(_Same(distribution))
        case ZeroRange(base, start, stop):
            mean, variance = _moments(base, shape)
            share = 1.0 - (stop - start) / math.prod(shape)
            return share * mean, share * (variance + (1.0 - share) * mean * mean)


class _Same:
    """A cache key that compares by identity: hashing thousands of literal numbers anew costs too much."""

    def __init__(self, values: Values) -> None:
        self.values = values

    def __hash__(self) -> int:
        return id(self.values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.values is self.values


@lru_cache(maxsize=16)
def _literal(key: _Same) -> tuple[float, float]:
    data = key.values.data
    mean = math.fsum(number / len(data) for number in data)
    return mean, math.fsum((number - mean) * ((number - mean) / len(data)) for number in data)


@lru_cache(maxsize=1024)
def _mean_of_waves(waves: Sinusoidal, positions: int) -> float:
    """By the sums of sines and cosines in arithmetic progression; of many frequencies, some stand for all."""
    half = waves.columns // 2
    index = np.linspace(0.0, half - 1.0, min(half, _FREQUENCIES))
    steps = max(half - 1 if waves.endpoint else half, 1)
    angle = 0.5 * np.exp(-index * (math.log(waves.max_timescale) / steps))
    sums = np.sin(positions * angle) / np.sin(angle)
    phase = (positions - 1) * angle
    return float((sums * (np.sin(phase) + np.cos(phase))).mean()) / (2.0 * positions)


@lru_cache(maxsize=1024)
def _truncated(normal: TruncNormal) -> tuple[float, float]:
    """By Gauss-Legendre quadrature of the density over its peak, which neither cancels nor underflows."""
    alpha = (normal.low - normal.mean) / normal.std
    beta = (normal.high - normal.mean) / normal.std
    peak = min(max(alpha, 0.0), beta)
    reach = math.sqrt(peak * peak + _NEGLIGIBLE)
    low, high = max(alpha, -reach), min(beta, reach)
    if low >= high:
        return normal.mean + normal.std * peak, 0.0
    width = (high - low) / _PANELS
    centres = low + width * (np.arange(_PANELS) + 0.5)
    z = (centres[:, None] + 0.5 * width * _NODES[None, :]).ravel()  # (panels · nodes)
    weights = np.tile(_WEIGHTS, _PANELS) * np.exp(-0.5 * (z - peak) * (z + peak))
    weights /= weights.sum()
    shift = float((weights * (z - peak)).sum())
    spread = float((weights * (z - peak - shift) ** 2).sum())
    return normal.mean + normal.std * (peak + shift), normal.std * normal.std * spread
