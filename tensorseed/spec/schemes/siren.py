"""The uniform init of networks of sines."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from tensorseed.sampling.distributions import AnyDistribution, Uniform
from tensorseed.spec.numbers import EXACT
from tensorseed.spec.schemes import plain
from tensorseed.spec.schemes.base import FanScheme, Scheme, Shape
from tensorseed.spec.schemes.fans import Fans


class Siren(FanScheme):
    """Uniform, for a weight before sin(omega · x): every layer's inputs to the sine have the deviation 1.

    Formula: w ~ U[-bound, bound), bound = √(6 / fan_in) / omega, or 1 / fan_in in the first layer
    Source: Sitzmann, Martel, Bergman, Lindell, Wetzstein: Implicit neural representations with periodic
        activation functions, NeurIPS 2020, whose code leaves the biases at torch's default
    """

    in_torch = True

    kind: Literal["siren"]
    omega: Annotated[float, Field(gt=0.0), EXACT] = Field(
        default=30.0,
        description="The factor within the sine that follows, more than 0; the first layer's bound is "
        "without it.",
        examples=[30.0],
    )
    first: bool = Field(
        default=False, description="Whether the layer is the network's first.", examples=[True]
    )

    def canonical(self, _shape: Shape, _groups: int, /) -> Scheme:
        """Without omega in the first layer."""
        return self.model_copy(update={"omega": 30.0}) if self.first else self

    def bound(self, fans: Fans) -> float:
        """√(6 / fan_in) / omega, or 1 / fan_in."""
        return 1.0 / fans.fan_in if self.first else math.sqrt(6.0 / fans.fan_in) / self.omega

    def rescaled(self, factor: float, _shape: Shape, fans: Fans | None, /) -> Scheme | None:
        """Another omega, or a uniform of the first layer's bound."""
        if fans is None:
            return None
        if self.first:
            bound = factor * self.bound(fans)
            return plain.Uniform(kind="uniform", a=-bound, b=bound)
        return Siren(kind="siren", omega=self.omega / factor)

    def scaled_by(self, fans: Fans) -> AnyDistribution:
        """Uniform(-bound, bound)."""
        bound = self.bound(fans)
        return Uniform(-bound, bound)
