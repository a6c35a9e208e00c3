"""Functions of uniform draws, such as time steps and decays."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tensorseed.sampling import distributions
from tensorseed.sampling.distributions import AnyDistribution, Constant
from tensorseed.spec.numbers import EXACT
from tensorseed.spec.schemes.base import Scheme, Shape
from tensorseed.spec.schemes.fans import Fans

MIN_STEP, MAX_STEP = 1e-6, 600.0  # of a softplus: below, 1 − exp(−y) loses digits
MIN_NUMBER, MAX_NUMBER = 1e-300, 1e300

Positive = Annotated[float, Field(ge=MIN_NUMBER, le=MAX_NUMBER), EXACT]
Step = Annotated[float, Field(ge=MIN_STEP, le=MAX_STEP), EXACT]
Square = Annotated[float, Field(ge=MIN_NUMBER, le=0.99999), EXACT]


class _Between(Scheme):
    """Base of the schemes of an interval from `a` to `b`."""

    a: float
    b: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.a < self.b:
            raise ValueError("a must be less than b: give the lower bound as a and the upper one as b")
        return self


class LogUniform(_Between):
    """A number whose logarithm is uniform between those of `a` and `b`.

    Formula: w = exp(u), u ~ U[log a, log b)
    Source: scipy.stats.loguniform
    """

    kind: Literal["log_uniform"]
    a: Positive = Field(description="The lower bound, more than 0.", examples=[0.001])
    b: Positive = Field(description="The upper bound, more than `a`.", examples=[0.1])

    def distribution_for(self, shape: Shape, _fans: Fans | None, /) -> AnyDistribution:
        """LogUniform(a, b)."""
        return Constant(0.0) if 0 in shape else distributions.LogUniform(self.a, self.b)


class LogOfUniform(_Between):
    """The logarithm of a number that is uniform between `a` and `b`, as the `A_log` of linear attention.

    Formula: w = log(u), u ~ U[a, b)
    Source: Yang, Kautz, Hatamizadeh: Gated delta networks, ICLR 2025; transformers' Qwen3NextGatedDeltaNet
    """

    kind: Literal["log_of_uniform"]
    a: Positive = Field(description="The lower bound, more than 0.", examples=[0.01])
    b: Positive = Field(description="The upper bound, more than `a`.", examples=[16.0])

    def distribution_for(self, shape: Shape, _fans: Fans | None, /) -> AnyDistribution:
        """LogOfUniform(a, b)."""
        return Constant(0.0) if 0 in shape else distributions.LogOfUniform(self.a, self.b)


class InverseSoftplusLogUniform(_Between):
    """The number whose softplus is log-uniform, as the bias of Mamba's time steps.

    Formula: w = y + log(1 − exp(−y)), y = max(exp(u), floor), u ~ U[log a, log b)
    Source: Gu, Dao: Mamba: linear-time sequence modeling with selective state spaces, COLM 2024, whose code
        calls a, b and floor dt_min, dt_max and dt_init_floor
    """

    kind: Literal["inverse_softplus_log_uniform"]
    a: Step = Field(default=0.001, description="The smallest softplus.", examples=[0.001])
    b: Step = Field(default=0.1, description="The largest softplus, more than `a`.", examples=[0.1])
    floor: Step = Field(
        default=MIN_STEP,
        description="The least softplus, to which smaller ones are raised; it matters beyond `a`.",
        examples=[0.0001],
    )

    def canonical(self, _shape: Shape, _groups: int, /) -> Scheme:
        """Without a floor that raises nothing."""
        return self if self.floor > self.a else self.model_copy(update={"floor": MIN_STEP})

    def distribution_for(self, shape: Shape, _fans: Fans | None, /) -> AnyDistribution:
        """InverseSoftplusLogUniform(a, b, floor)."""
        if 0 in shape:
            return Constant(0.0)
        return distributions.InverseSoftplusLogUniform(self.a, self.b, self.floor)


class RealGatedLru(_Between):
    """The parameter of a real-gated linear recurrent unit, whose decay has a uniform square.

    Formula: w = y + log(1 − exp(−y)), y = −log(u) / 2, u ~ U[a, b), so that softplus(w) = −log(√u)
    Source: De, Smith, Fernando, Botev et al.: Griffin: mixing gated linear recurrences with local attention
        for efficient language models, 2024; transformers' RecurrentGemmaRglru
    """

    kind: Literal["rg_lru"]
    a: Square = Field(
        default=0.9**2, description="The smallest square of a decay, more than 0.", examples=[0.81]
    )
    b: Square = Field(
        default=0.999**2, description="The largest square, more than `a` and less than 1.", examples=[0.998]
    )

    def distribution_for(self, shape: Shape, _fans: Fans | None, /) -> AnyDistribution:
        """RealGatedLru(a, b)."""
        return Constant(0.0) if 0 in shape else distributions.RealGatedLru(self.a, self.b)
