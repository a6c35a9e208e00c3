"""Exact distribution of a tensor's elements: density and point masses.

It is that of one element at a random index, over all seeds, before it is rounded to a dtype. These numbers
are for people. They take no part in a weight.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from tensorseed.sampling.distributions import (
    AnyDistribution,
    BilinearKernel,
    Constant,
    Decay,
    Dirac,
    Eye,
    GroupIndex,
    InverseSoftplusLogUniform,
    KernelCentre,
    LogOfUniform,
    LogUniform,
    Normal,
    Orthogonal,
    Parts,
    Power,
    Quantized,
    RealGatedLru,
    Sinusoidal,
    Sparse,
    Stack,
    Tril,
    TruncNormal,
    Uniform,
    Values,
    WeightNorm,
    ZeroRange,
)
from tensorseed.sampling.distributions.base import Numbers, Shape
from tensorseed.sampling.distributions.sinusoidal import exp
from tensorseed.sampling.distributions.transformed import log
from tensorseed.sampling.distributions.trunc_normal import BITS, truncation
from tensorseed.sampling.dtypes import DTYPES

MAX_EXPONENT = 700.0  # of `exp`; what is below −700 is nothing beside any density
MAX_RUNS = 4_096  # of parts whose densities are mixed
FLOAT64 = DTYPES["float64"]

Interval = tuple[float, float]


@dataclass(frozen=True)
class Component:
    """A density `of` numbers within an interval, its `ends`; it is 0 outside."""

    ends: Interval
    of: Callable[[Numbers], Numbers]

    def at(self, x: Numbers) -> Numbers:
        """The density at the numbers."""
        found = np.zeros(x.shape)
        inside = (x >= self.ends[0]) & (x <= self.ends[1])
        found[inside] = self.of(x[inside])
        return found


@dataclass(frozen=True)
class Density:
    """A mixture: components with their weights, and masses of single numbers. All weights add up to 1."""

    components: tuple[tuple[float, Component], ...] = ()
    masses: Mapping[float, float] = field(default_factory=dict)

    @property
    def support(self) -> Interval | None:
        """The least interval that holds all components; None where there are none."""
        if not self.components:
            return None
        ends = [component.ends for _, component in self.components]
        return min(low for low, _ in ends), max(high for _, high in ends)

    def at(self, x: Numbers) -> Numbers:
        """The density at the numbers, without the masses."""
        return sum((weight * component.at(x) for weight, component in self.components), np.zeros(x.shape))


def density_of(distribution: AnyDistribution, shape: Shape) -> Density | None:
    """The exact distribution of the elements of a tensor of `shape`.

    None where nothing is random and the numbers are many, and where no formula is known: of written-out
    values, sinusoids, interpolating kernels, norms and quantised numbers.
    """
    if 0 in shape:
        return None
    match distribution:
        case Constant():
            return _point(distribution.value)
        case Uniform() | Normal() | TruncNormal():
            return _draw(distribution)
        case Orthogonal():
            return _orthogonal(distribution)
        case Stack():
            return _orthogonal(distribution.base)
        case LogUniform() | LogOfUniform() | InverseSoftplusLogUniform() | RealGatedLru():
            return _transformed(distribution)
        case Eye() | Dirac():
            return _ones(distribution.gain, distribution.mean_and_variance(shape)[0])
        case Tril():
            return _ones(1.0, distribution.mean_and_variance(shape)[0])
        case Sparse():
            normal = _draw(Normal(0.0, distribution.std))
            return _among_zeros(normal, 1.0 - distribution.zeros / distribution.rows)
        case ZeroRange():
            share = 1.0 - (distribution.stop - distribution.start) / math.prod(shape)
            return _among_zeros(density_of(_known(distribution.base), shape), share)
        case KernelCentre():
            inside = (math.prod(axis.size for axis in distribution.axes),)
            share = 1.0 / math.prod(axis.size for axis in distribution.spatial)
            return _among_zeros(density_of(_known(distribution.base), inside), share)
        case Parts() if len(distribution.runs) <= MAX_RUNS:
            length = distribution.shape[distribution.axis]
            return _mixture(
                (
                    run.size * run.repeat / length,
                    density_of(_known(run.base), distribution.drawn_shape(run)),
                )
                for run in distribution.runs
            )
        case Values() | Sinusoidal() | Decay() | Power() | BilinearKernel():
            return None
        case WeightNorm() | Quantized() | GroupIndex() | Parts():
            return None


def _known(distribution: object) -> AnyDistribution:
    """A distribution that another one holds, which is one of the union's."""
    assert isinstance(distribution, AnyDistribution)
    return distribution


def _point(value: float) -> Density:
    return Density(masses={value + 0.0: 1.0})


def _ones(gain: float, mean: float) -> Density:
    """One number among zeros, by the tensor's mean."""
    return _point(0.0) if gain == 0.0 else Density(masses={gain: mean / gain, 0.0: 1.0 - mean / gain})


def _among_zeros(density: Density | None, share: float) -> Density | None:
    return _mixture([(share, density), (1.0 - share, _point(0.0))])


def _mixture(weighted: Iterable[tuple[float, Density | None]]) -> Density | None:
    """The mixture of densities, those of one formula once; None where one is unknown."""
    components: dict[Component, float] = {}
    masses: dict[float, float] = {}
    for share, density in weighted:
        if density is None:
            return None
        if share <= 0.0:
            continue
        for weight, component in density.components:
            components[component] = components.get(component, 0.0) + share * weight
        for value, mass in density.masses.items():
            masses[value] = masses.get(value, 0.0) + share * mass
    return Density(tuple((weight, component) for component, weight in components.items()), masses)


def _whole(ends: Interval, of: Callable[[Numbers], Numbers]) -> Density:
    return Density(((1.0, Component(ends, of)),))


@dataclass(frozen=True)
class _Flat:
    """1 over the width of an interval."""

    width: float

    def __call__(self, x: Numbers) -> Numbers:
        return np.full(x.shape, 1.0 / self.width)


@dataclass(frozen=True)
class _Bell:
    """exp(−z²/2 − log_scale), z = (x − mean)/std; log_scale is the logarithm of √(2π)·std·mass."""

    mean: float
    std: float
    log_scale: float

    def __call__(self, x: Numbers) -> Numbers:
        with np.errstate(over="ignore"):  # the square of what is far out is infinite, and its exp 0
            z = (x - self.mean) / self.std
            return _exp(-0.5 * z * z - self.log_scale)


def _draw(draw: Uniform | Normal | TruncNormal) -> Density | None:
    if isinstance(draw, Uniform):
        width = draw.high - draw.low
        return _whole((draw.low, draw.high), _Flat(width)) if width > 0.0 else _point(draw.low)
    if isinstance(draw, Normal):
        if draw.std == 0.0:
            return _point(draw.mean)
        log_scale = 0.5 * math.log(2.0 * math.pi) + math.log(draw.std)
        return _whole((-math.inf, math.inf), _Bell(draw.mean, draw.std, log_scale))
    if draw.low == draw.high:
        return _point(draw.low)
    numbers = truncation(draw, FLOAT64)
    span = numbers.p_step * 2.0 ** BITS["float64"]
    if span <= 0.0:
        return None
    mass = math.log(span) - numbers.minus_log_mass
    log_scale = 0.5 * math.log(2.0 * math.pi) + math.log(draw.std) + mass
    return _whole((draw.low, draw.high), _Bell(draw.mean, draw.std, log_scale))


@dataclass(frozen=True)
class _Sphere:
    """A coordinate of a point of the sphere of radius `gain` in n dimensions: c·(1 − t²)^((n−3)/2)."""

    gain: float
    n: int

    def __call__(self, x: Numbers) -> Numbers:
        t = x / self.gain
        constant = math.lgamma(self.n / 2) - math.lgamma((self.n - 1) / 2)
        constant -= 0.5 * math.log(math.pi) + math.log(self.gain)
        inside = np.maximum((1.0 - t) * (1.0 + t), 2.0**-52)  # n = 2 has no bound at its ends
        return _exp(0.5 * (self.n - 3) * log(inside) + constant)


def _orthogonal(matrix: Orthogonal) -> Density:
    """The density of one element of a Haar matrix, a coordinate of a unit vector.

    Source: Muirhead, Aspects of Multivariate Statistical Theory, 1982, section 1.5.
    """
    n, gain = max(matrix.rows, matrix.columns), matrix.gain
    if gain == 0.0:
        return _point(0.0)
    if n == 1:
        return Density(masses={gain: 0.5, -gain: 0.5})
    return _whole((-abs(gain), abs(gain)), _Sphere(abs(gain), n))


@dataclass(frozen=True)
class _Transformed:
    """The density of a monotone function of a uniform number: that number's slope over its width."""

    base: LogUniform | LogOfUniform | InverseSoftplusLogUniform | RealGatedLru
    width: float

    def __call__(self, x: Numbers) -> Numbers:
        return self._slope(x) / self.width

    def _slope(self, x: Numbers) -> Numbers:
        match self.base:
            case LogUniform():  # u = log x
                return 1.0 / x
            case LogOfUniform():  # u = exp x
                return _exp(x)
            case InverseSoftplusLogUniform():  # u = log softplus(x)
                return _sigmoid(x) / _softplus(x)
            case RealGatedLru():  # u = (1 + exp x)⁻²
                return 2.0 * _sigmoid(x) * (1.0 - _sigmoid(x)) ** 2


def _transformed(base: LogUniform | LogOfUniform | InverseSoftplusLogUniform | RealGatedLru) -> Density:
    width = base.base.high - base.base.low
    low, high = sorted(base.ends)
    if not width > 0.0 or low == high:
        return _point(low)
    found = _whole((low, high), _Transformed(base, width))
    if not isinstance(base, InverseSoftplusLogUniform) or base.floor <= base.low:
        return found
    return Density(found.components, {low: (math.log(base.floor) - base.base.low) / width})


def _exp(x: Numbers) -> Numbers:
    """exp by portable operations; 0 where it is negligible."""
    return np.where(x > -MAX_EXPONENT, exp(np.clip(x, -MAX_EXPONENT, MAX_EXPONENT)), 0.0)


def _softplus(x: Numbers) -> Numbers:
    return np.maximum(x, 0.0) + log(1.0 + _exp(-np.abs(x)))


def _sigmoid(x: Numbers) -> Numbers:
    small = _exp(-np.abs(x))
    return np.where(x >= 0.0, 1.0, small) / (1.0 + small)
