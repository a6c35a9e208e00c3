"""Uniform and normal draws."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

from tensorseed.sampling.distributions.base import (
    Draw,
    Formula,
    Magnitudes,
    Shape,
    check_bound,
    in_draw_precision,
)
from tensorseed.sampling.dtypes import DType

MAX_DEVIATIONS = 9.0  # farther than any normal draw reaches, even in float64
EXPECTED_DEVIATIONS = 6.0  # one normal draw of 500 million is beyond


@dataclass(frozen=True)
class Uniform(Draw):
    """U[low, high): `low + u·(high − low)`, u in [0, 1) of 24 bits, or of 53 in float64."""

    low: float
    high: float

    def check_values(self, dtype: DType) -> None:
        """Both ends and the width must be finite."""
        check_bound(max(abs(self.low), abs(self.high), self.high - self.low), dtype)

    def mean_and_variance(self, shape: Shape) -> tuple[float, float]:
        """(low + high)/2 and (high − low)²/12."""
        half = (self.high - self.low) / 2.0
        return self.low + half, half * (half / 3.0)

    def moments(self, shape: Shape) -> tuple[float, float] | None:
        """The deviation without its square, which may overflow or vanish."""
        return None if 0 in shape else (self.mean_and_variance(shape)[0], self._std)

    def magnitudes(self, shape: Shape) -> Magnitudes:
        """Bounded by the farther end."""
        return Magnitudes(self._std, max(abs(self.low), abs(self.high)))

    @property
    def _std(self) -> float:
        half = (self.high - self.low) / 2.0
        variance = half * (half / 3.0)
        is_normal = sys.float_info.min <= variance <= sys.float_info.max
        return math.sqrt(variance) if is_normal else half / math.sqrt(3.0)

    def has_equal_slices(self, shape: Shape, axis: int) -> bool:
        """Whether the interval is one number."""
        return self.low == self.high

    def formula(self, dtype: DType) -> Formula:
        """Arguments low, high − low and high."""
        return Formula(
            "uniform64" if dtype.draw == "float64" else "uniform32",
            in_draw_precision(dtype, self.low, self.high - self.low, self.high),
        )


@dataclass(frozen=True)
class Normal(Draw):
    """N(mean, std²): `mean + z·std`, z by Box and Muller (1958)."""

    mean: float
    std: float

    def check_values(self, dtype: DType) -> None:
        """The farthest draw must be finite."""
        check_bound(abs(self.mean) + MAX_DEVIATIONS * self.std, dtype)

    def mean_and_variance(self, shape: Shape) -> tuple[float, float]:
        """mean and std²."""
        return self.mean, self.std * self.std

    def moments(self, shape: Shape) -> tuple[float, float] | None:
        """mean and std, without its square, which may overflow or vanish."""
        return None if 0 in shape else (self.mean, self.std)

    def magnitudes(self, shape: Shape) -> Magnitudes:
        """Six deviations from the mean."""
        return Magnitudes(self.std, abs(self.mean) + EXPECTED_DEVIATIONS * self.std)

    def has_equal_slices(self, shape: Shape, axis: int) -> bool:
        """Whether the deviation is zero."""
        return self.std == 0.0

    def formula(self, dtype: DType) -> Formula:
        """Arguments mean and std."""
        return Formula(
            "normal64" if dtype.draw == "float64" else "normal32",
            in_draw_precision(dtype, self.mean, self.std),
        )
