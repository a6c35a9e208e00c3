"""Truncated normals, drawn by inversion of the normal distribution.

With α = (low − mean)/std, β = (high − mean)/std and the normal distribution's tails, the words below
`lower_words` are values below the mean. Either side is a tail probability q = mass·p, where

    p = steps·p_step + p_lower   for word < lower_words, steps = word
    p = steps·p_step + p_upper   otherwise, steps = 2ᵇ − 1 − word

and b is 32 or 53. An interval that straddles the mean has mass 1. The mass of an interval on one side is the
tail that it starts from, however small. So p spans (0, 1], and nothing underflows.

A float32 draw needs no tails where its interval holds the mean and ends within 2 1/64 deviations of it. Most
initialisers are such: two deviations in JAX and Keras, and by default in torch. Then

    Φ(z) = ½ + d,   d = word·d_step + d_middle, the word as a signed number of 32 bits.

Constants on the way to a weight may not come from a machine's `erf`. Decimal arithmetic is exactly specified,
so that a result rounded to float64 or float32 is the correctly rounded value on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from tensorseed.sampling.distributions.base import (
    Draw,
    Formula,
    Magnitudes,
    Shape,
    check_bound,
    in_draw_precision,
)
from tensorseed.sampling.distributions.draws import EXPECTED_DEVIATIONS
from tensorseed.sampling.distributions.truncated_moments import truncated_moments
from tensorseed.sampling.dtypes import DTYPES, DType, round_down, round_up

DIGITS = 60
CONTEXT = Context(prec=DIGITS, Emin=-(10**9), Emax=10**9)
NEAR = Fraction(129, 64)  # multiples of std; `near_quantile32` is fitted a little farther
FARTHEST_SQUARE = 78.0  # above 112·log 2, see `_reach`
MAX_DISTANCE = 37  # multiples of std; beyond, a tail is below 10⁻²⁹⁹
BITS = {"float32": 32, "float64": 53}
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803")
SERIES_LIMIT = Decimal(3)  # below, the power series; above, the continued fraction
FRACTION_TERMS = 13_500  # over x², and 60 more, leave an error below 10⁻⁵⁸ for x ≥ 3


class Truncation(NamedTuple):
    """Arguments of `trunc_normal32` and `trunc_normal64`, as float64 numbers still to be rounded."""

    mean: float
    std: float
    low: float  # the smallest value of the target dtype that is in the interval
    high: float  # the largest
    lower_words: int
    p_step: float
    p_lower: float
    p_upper: float
    mass: float
    minus_log_mass: float


class NearTruncation(NamedTuple):
    """Arguments of `near_trunc_normal32`, as float64 numbers still to be rounded."""

    mean: float
    std: float
    low: float
    high: float
    d_step: float
    d_middle: float


@dataclass(frozen=True)
class TruncNormal(Draw):
    """N(mean, std²) conditioned on [low, high], values and not multiples of `std`; either may be infinite."""

    mean: float
    std: float
    low: float
    high: float

    def check_values(self, dtype: DType) -> None:
        """The draws must be finite in the draw's precision, and the interval must hold some mass."""
        check_bound(max(abs(self.mean), self.std), dtype)
        if self.std < DTYPES[dtype.draw].smallest_normal:
            raise ValueError(f"the standard deviation {self.std!r} underflows: choose a larger scale")
        check_interval(self, dtype)
        check_bound(self._reach(), dtype)

    def _reach(self) -> float:
        """An absolute value that no draw exceeds.

        A draw z beyond α ≥ 0 has exp((α² − z²)/2) ≥ tail(z)/tail(α) ≥ span·2⁻⁵⁴. An interval with a `span`
        below a quarter ends sooner.
        """
        alpha, beta = (self.low - self.mean) / self.std, (self.high - self.mean) / self.std
        nearest = max(alpha, -beta, 0.0)
        deviations = math.sqrt(nearest * nearest + FARTHEST_SQUARE)
        return min(abs(self.mean) + deviations * self.std, max(abs(self.low), abs(self.high)))

    def mean_and_variance(self, shape: Shape) -> tuple[float, float]:
        """The moments after truncation."""
        return truncated_moments(self.mean, self.std, self.low, self.high)

    def magnitudes(self, shape: Shape) -> Magnitudes:
        """Bounded by the farther end, where that is nearer than six deviations."""
        mean, variance = self.mean_and_variance(shape)
        std = math.sqrt(max(variance, 0.0))
        return Magnitudes(std, min(abs(mean) + EXPECTED_DEVIATIONS * std, max(abs(self.low), abs(self.high))))

    def has_equal_slices(self, shape: Shape, axis: int) -> bool:
        """Whether the interval is one number."""
        return self.low == self.high

    def nanoseconds(self, dtype: DType) -> float:
        """Those of the inverse of a tail."""
        return 5.5 if dtype.draw == "float64" else 2.2

    def formula(self, dtype: DType) -> Formula:
        """Arguments as in `NearTruncation` or `Truncation`."""
        near = near_truncation(self, dtype)
        if near is not None:
            return Formula("near_trunc_normal32", in_draw_precision(dtype, *near))
        far = truncation(self, dtype)
        at = far._fields.index("lower_words")
        return Formula(
            "trunc_normal64" if dtype.draw == "float64" else "trunc_normal32",
            (*in_draw_precision(dtype, *far[:at]), far[at], *in_draw_precision(dtype, *far[at + 1 :])),
        )


def check_interval(normal: TruncNormal, dtype: DType) -> None:
    """Check that the normal can be drawn for `dtype`, without computing a tail.

    Raises:
        ValueError: no value of the dtype lies in [low, high], or the interval starts more than 37 standard
            deviations from the mean.
    """
    low, high = _ends(normal, dtype)
    if low > high:
        raise ValueError(
            f"no {dtype.name} value lies in [{normal.low!r}, {normal.high!r}]: widen the interval "
            "or choose a dtype with more bits"
        )
    alpha, beta = _exactly_standardised(normal)
    if alpha > MAX_DISTANCE or beta < -MAX_DISTANCE:
        raise ValueError(
            f"[a, b] lies more than {MAX_DISTANCE} standard deviations from the mean and holds no mass: "
            "move the mean into the interval or raise std"
        )


def _ends(normal: TruncNormal, dtype: DType) -> tuple[float, float]:
    """The interval's ends among the finite values of the dtype; never −0."""
    return round_up(normal.low, dtype) + 0.0, round_down(normal.high, dtype) + 0.0


def _exactly_standardised(normal: TruncNormal) -> tuple[Fraction | float, Fraction | float]:
    """α = (low − mean)/std and β = (high − mean)/std, for decisions: a rounded one may cross a boundary."""
    mean, std = Fraction(normal.mean), Fraction(normal.std)
    low, high = (
        end if math.isinf(end) else (Fraction(end) - mean) / std for end in (normal.low, normal.high)
    )
    return low, high


def _standardised(normal: TruncNormal) -> tuple[Decimal, Decimal]:
    """α and β to the digits of the context, for arithmetic."""
    mean, std = Decimal(normal.mean), Decimal(normal.std)
    return (Decimal(normal.low) - mean) / std, (Decimal(normal.high) - mean) / std


def is_near(normal: TruncNormal) -> bool:
    """Whether the interval holds the mean and ends within 2 1/64 deviations of it."""
    alpha, beta = _exactly_standardised(normal)
    return -NEAR <= alpha <= 0 <= beta <= NEAR


def near_truncation(normal: TruncNormal, dtype: DType) -> NearTruncation | None:
    """The numbers for an interval near the mean; None for any other and for draws in float64.

    Raises:
        ValueError: as `check_interval`.
    """
    check_interval(normal, dtype)
    if dtype.draw == "float64" or not is_near(normal):
        return None
    with localcontext(CONTEXT):
        alpha, beta = _standardised(normal)
        below, above = upper_tail(-alpha), upper_tail(beta)
        step = (1 - below - above) / (1 << BITS[dtype.draw])
        middle = (below - above + step) / 2
        return NearTruncation(normal.mean, normal.std, *_ends(normal, dtype), float(step), float(middle))


def truncation(normal: TruncNormal, dtype: DType) -> Truncation:
    """The numbers for a truncated normal drawn for `dtype`.

    Raises:
        ValueError: as `check_interval`.
    """
    check_interval(normal, dtype)
    low, high = _ends(normal, dtype)
    with localcontext(CONTEXT):
        alpha, beta = _standardised(normal)
        words = Decimal(1 << BITS[dtype.draw])
        if alpha >= 0:
            tail, lower_words = upper_tail(alpha), Decimal(0)
            start_lower, start_upper = Decimal(0), _tail(beta) / tail
            span = 1 - start_upper
        elif beta <= 0:
            tail, lower_words = upper_tail(-beta), words
            start_lower, start_upper = _tail(-alpha) / tail, Decimal(0)
            span = 1 - start_lower
        else:
            tail = Decimal(1)
            start_lower, start_upper = _tail(-alpha), _tail(beta)
            span = 1 - start_lower - start_upper
            # Below 10⁻⁵⁹ deviations nothing is left of the span, and draws are the mean on either side.
            share = (Decimal("0.5") - start_lower) / span if span else Decimal("0.5")
            lower_words = (share * words).to_integral_value()
        step = span / words
        return Truncation(
            mean=normal.mean,
            std=normal.std,
            low=low,
            high=high,
            lower_words=int(lower_words),
            p_step=float(step),
            p_lower=float(start_lower + step / 2),
            p_upper=float(start_upper + step / 2),
            mass=float(tail),
            minus_log_mass=float(-tail.ln()),
        )


def _tail(x: Decimal) -> Decimal:
    """Q(x) for x ≥ 0, and 0 where it is below 10⁻⁹⁹⁹."""
    return upper_tail(x) if x < 67 else Decimal(0)


@lru_cache(maxsize=4096)
def upper_tail(x: Decimal) -> Decimal:
    """Q(x) = 1 − Φ(x) for x ≥ 0.

    Below 3: Q = ½ − φ(x)·Σ x²ⁿ⁺¹/(1·3·5…(2n+1)). Above: Laplace's φ(x)/(x + 1/(x + 2/(x + 3/(x + …)))).
    Source: Abramowitz and Stegun, 26.2.11 and 26.2.14.
    """
    with localcontext(CONTEXT):
        density = (-x * x / 2).exp() / (2 * PI).sqrt()
        if x < SERIES_LIMIT:
            term = total = x
            odd = 1
            while term > total.scaleb(-DIGITS):
                odd += 2
                term = term * x * x / odd
                total += term
            return Decimal("0.5") - density * total
        fraction = x
        for n in range(FRACTION_TERMS // int(x * x) + 60, 0, -1):
            fraction = x + n / fraction
        return density / fraction


@lru_cache(maxsize=256)
def truncated_std(cutoff: float) -> float:
    """The standard deviation of a standard normal truncated to ±`cutoff`, the nearest float64.

    √(1 − 2·c·φ(c)/(1 − 2·Q(c))). It is 0.87962566103423978 for 2, as in jax.nn.initializers.
    """
    with localcontext(CONTEXT):
        c = Decimal(cutoff)
        density = (-c * c / 2).exp() / (2 * PI).sqrt()
        return float((1 - 2 * c * density / (1 - 2 * upper_tail(c))).sqrt())
