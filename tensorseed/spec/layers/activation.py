"""Activations that own a parameter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from tensorseed.spec.layers.base import Count, Layer, Slot
from tensorseed.spec.layers.network_module import LEAKY_RELU_INIT, Computation, InputAxis, Shape
from tensorseed.spec.schemes.plain import Constant

# torch's default. Its argument `init`, a number, is here the init of `weight`, as for every parameter.
_SLOPE = Constant(kind="constant", value=0.25)


class PReLU(Layer):
    """A rectifier with a learned slope below zero, for all channels or for each.

    Formula: y = max(0, x) + weight · min(0, x)
    Source: He, Zhang, Ren, Sun: Delving deep into rectifiers, ICCV 2015
    """

    computation = Computation.MATRIX_PRODUCT
    input_axis = InputAxis("num_parameters", 1)
    recommended_init = LEAKY_RELU_INIT

    type: Literal["PReLU"]
    num_parameters: Count = Field(
        default=1, description="Number of slopes: 1, or the number of channels.", examples=[64]
    )

    def slots(self) -> Iterator[Slot]:
        """For another slope give weight a constant init.

        weight (num_parameters): constant(0.25)
        """
        yield Slot("weight", (self.num_parameters,), _SLOPE)

    def check_input(self, shape: Shape) -> None:
        """Check the channels, unless there is one slope for all."""
        if self.num_parameters != 1:
            super().check_input(shape)

    def feature_axis(self) -> int | None:
        """The axis of the input."""
        return None
