"""The truncated normal, with bounds in values or in standard deviations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from tensorseed.sampling import distributions
from tensorseed.sampling.distributions import AnyDistribution
from tensorseed.spec.numbers import EXACT, Bound, Float64, sum_of_product
from tensorseed.spec.schemes.base import Scheme, SchemeWarning, Shape
from tensorseed.spec.schemes.fans import Fans
from tensorseed.spec.schemes.plain import Normal

INEFFECTIVE = 6.0  # deviations, beyond which one normal draw of 500 million lies


class TruncNormal(Scheme):
    """Normal conditioned on lying between two bounds: the values `a` and `b`, or `cutoff` multiples of `std`.

    Formula: w ~ N(mean, std²) given a ≤ w ≤ b; with cutoff a = mean − cutoff · std, b = mean + cutoff · std
    Source: torch.nn.init.trunc_normal_
    """

    in_torch = True
    not_in_torch = ("cutoff",)

    kind: Literal["trunc_normal"]
    mean: Float64 = Field(default=0.0, description="The mean before truncation.", examples=[0.0])
    std: Annotated[float, Field(gt=0.0), EXACT] = Field(
        default=1.0, description="The standard deviation before truncation, greater than 0.", examples=[0.02]
    )
    a: Bound = Field(
        default=-2.0, description='The smallest value; "-Infinity" for no lower bound.', examples=[-0.04]
    )
    b: Bound = Field(
        default=2.0,
        description='The largest value, at least `a`; "Infinity" for no upper bound.',
        examples=[0.04],
    )
    cutoff: Annotated[Bound, Field(gt=0.0)] | None = Field(
        default=None,
        description="The distance of both bounds from the mean in standard deviations, in the place of a and "
        "b; greater than 0.",
        examples=[2.0],
    )

    @model_validator(mode="after")
    def _ordered(self) -> TruncNormal:
        if self.cutoff is None:
            if self.a > self.b:
                raise ValueError("a is greater than b: give the smallest value as a and the largest as b")
            if self.a == math.inf or self.b == -math.inf:
                raise ValueError("a and b leave no number: only a can be -Infinity, and only b Infinity")
        elif not self.model_fields_set.isdisjoint(("a", "b")):
            raise ValueError("cutoff takes the place of a and b: give cutoff alone, or a and b without it")
        elif math.isfinite(self.cutoff) and not all(map(math.isfinite, self._bounds())):
            raise ValueError('cutoff times std overflows: choose a smaller one, or "Infinity" for no bound')
        return self

    def _bounds(self) -> tuple[float, float]:
        if self.cutoff is None:
            return self.a, self.b
        if not math.isfinite(self.cutoff):
            return -self.cutoff, self.cutoff
        low, high = (sum_of_product(self.mean, sign * self.cutoff, self.std) for sign in (-1, 1))
        return low, high

    def canonical(self, _shape: Shape, _groups: int, /) -> Scheme:
        """With bounds in values. Without any bound it is `normal`."""
        low, high = self._bounds()
        if (low, high) == (-math.inf, math.inf):
            return Normal(kind="normal", mean=self.mean, std=self.std)
        if self.cutoff is None:
            return self
        given = self.model_fields_set - {"cutoff"}  # a fault points at these
        return TruncNormal.model_construct(
            given, kind="trunc_normal", mean=self.mean, std=self.std, a=low, b=high, cutoff=None
        )

    def distribution_for(self, _shape: Shape, _fans: Fans | None, /) -> AnyDistribution:
        """TruncNormal(mean, std, a, b)."""
        return distributions.TruncNormal(self.mean, self.std, *self._bounds())

    def rescaled(self, factor: float, _shape: Shape, _fans: Fans | None, /) -> Scheme:
        """Another mean and deviation, and other bounds in values."""
        moved = ("mean", "std") if self.cutoff is not None else ("mean", "std", "a", "b")
        given = self.model_dump(exclude_defaults=True)
        return TruncNormal.model_validate({**given, **{name: factor * getattr(self, name) for name in moved}})

    def warnings(self, _activation: str | None, /) -> Iterator[SchemeWarning]:
        """Those of `on_truncation`."""
        low, high = self._bounds()
        yield from on_truncation((low - self.mean) / self.std, (high - self.mean) / self.std)


def on_truncation(alpha: float, beta: float) -> Iterator[SchemeWarning]:
    """Warnings about a standard normal truncated to [alpha, beta].

    `heavy_truncation`: the interval cuts away more than half of it.
    `ineffective_truncation`: it cuts nothing.
    """
    mass, distance = _mass(alpha, beta), min(-alpha, beta)
    if mass < 0.5:
        detail = f"the interval holds {mass:.3g} of the normal distribution: widen it or move the mean"
        yield SchemeWarning("heavy_truncation", detail)
    elif distance > INEFFECTIVE:
        detail = f"the bounds cut nothing, {distance:.3g} standard deviations from the mean"
        remedy = "give them as multiples of std, such as cutoff 2, or say normal"
        yield SchemeWarning("ineffective_truncation", f"{detail}: {remedy}")


def _mass(alpha: float, beta: float) -> float:
    """The probability that a standard normal lies in [alpha, beta]."""
    if alpha < 0 < beta:
        return 1.0 - _tail(-alpha) - _tail(beta)
    near, far = (alpha, beta) if alpha >= 0 else (-beta, -alpha)
    return _tail(near) - _tail(far)


def _tail(z: float) -> float:
    """The probability that a standard normal exceeds z."""
    return math.erfc(z / math.sqrt(2.0)) / 2.0
