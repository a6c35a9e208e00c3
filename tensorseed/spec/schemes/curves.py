"""Schemes that are functions of an element's position: decays and powers."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from tensorseed.sampling import distributions
from tensorseed.sampling.distributions import AnyDistribution, Constant
from tensorseed.sampling.distributions.curves import Distance
from tensorseed.spec.numbers import EXACT, Float64
from tensorseed.spec.schemes.base import ArgumentError, Scheme, Shape
from tensorseed.spec.schemes.fans import Fans

MAX_RATE = 1e30
MAX_RATES = 4_096
MIN_EXPONENT, MAX_EXPONENT = 1e-3, 1e3

Rate = Annotated[float, Field(ge=0.0, le=MAX_RATE), EXACT]


class Decay(Scheme):
    """How linear attention forgets: exponentials of a distance, faster in one head than in the next.

    Formula: w[…, h, i, j] = exp(−rates[h] · d), d = i + 1 to the past, rows − 1 − i to the future, i − j
        between the two, where w = 0 if j > i
    Source: Qin et al.: Lightning attention-2: a free lunch for handling unlimited sequence lengths in large
        language models, 2024; transformers' MiniMaxLightningAttention
    """

    is_random = False

    kind: Literal["decay"]
    rates: Annotated[tuple[Rate, ...], Field(min_length=1, max_length=MAX_RATES)] = Field(
        description="The rate of each head, along the third axis from the end; at least 0.",
        examples=[[0.5, 0.25]],
    )
    distance: Distance = Field(
        default="past",
        description="What decays: row + 1, rows − 1 − row, or row − column.",
        examples=["past"],
    )

    def distribution_for(self, shape: Shape, _fans: Fans | None, /) -> AnyDistribution:
        """Decay(rates, rows, columns, distance).

        Raises:
            ValueError: the tensor has fewer than three dimensions.
            ArgumentError: there are more or fewer rates than heads.
        """
        if len(shape) < 3:
            raise ValueError("decay needs at least three dimensions: heads, rows and columns")
        heads, rows, columns = shape[-3:]
        if len(self.rates) != heads and 0 not in shape:
            detail = f"rates has {len(self.rates):,} numbers, and axis {len(shape) - 3} has {heads:,} heads"
            raise ArgumentError(("rates",), f"{detail}: give one for each")
        return Constant(0.0) if 0 in shape else distributions.Decay(self.rates, rows, columns, self.distance)


class Power(Scheme):
    """From one number to another along the last axis, by a power of the position.

    Formula: w[…, i] = a + (b − a) · (i / (n − 1))^exponent, i = 0 … n − 1
    Source: Peng et al.: RWKV: reinventing RNNs for the transformer era, EMNLP 2023, whose decays and mixing
        weights begin so
    """

    is_random = False

    kind: Literal["power"]
    a: Float64 = Field(default=0.0, description="The first number.", examples=[0.0])
    b: Float64 = Field(default=1.0, description="The last number.", examples=[1.0])
    exponent: Annotated[float, Field(ge=MIN_EXPONENT, le=MAX_EXPONENT), EXACT] = Field(
        default=1.0, description="The power; 1 gives evenly spaced numbers.", examples=[0.7]
    )

    def distribution_for(self, shape: Shape, _fans: Fans | None, /) -> AnyDistribution:
        """Power(n, a, b, exponent).

        Raises:
            ValueError: the tensor has no dimension.
            ArgumentError: b − a overflows.
        """
        if not shape:
            raise ValueError("power needs at least one dimension, along whose last it goes from a to b")
        if not math.isfinite(self.b - self.a):
            raise ArgumentError(("b",), "b − a overflows: give smaller numbers")
        if 0 in shape:
            return Constant(0.0)
        return distributions.Power(shape[-1], self.a, self.b, self.exponent)

    def rescaled(self, factor: float, _shape: Shape, _fans: Fans | None, /) -> Scheme:
        """Other ends."""
        return Power(kind="power", a=factor * self.a, b=factor * self.b, exponent=self.exponent)
