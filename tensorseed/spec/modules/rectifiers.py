"""Rectifiers: activations that are nearly linear on one side."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tensorseed.spec.layers.network_module import LEAKY_RELU_INIT, RELU_INIT, SELU_INIT, Bounds
from tensorseed.spec.modules.base import StatelessModule
from tensorseed.spec.numbers import Float64
from tensorseed.spec.schemes import ArgumentError

Inplace = Annotated[
    bool, Field(description="Accepted, and without effect: results are the same.", examples=[False])
]


class Activation(StatelessModule):
    """Base of the activations that torch can compute in place."""

    inplace: Inplace = False


class ReLU(Activation):
    """max(0, x)."""

    rectifies = True
    recommended_init = RELU_INIT
    type: Literal["ReLU"]


class ReLU6(Activation):
    """min(max(0, x), 6)."""

    rectifies = True
    recommended_init = RELU_INIT
    type: Literal["ReLU6"]

    def bounds(self) -> Bounds:
        """Saturated near 6; at 0 a unit is dead."""
        return Bounds(None, 6.0)


class LeakyReLU(Activation):
    """max(0, x) + negative_slope · min(0, x)."""

    recommended_init = LEAKY_RELU_INIT
    type: Literal["LeakyReLU"]
    negative_slope: Float64 = Field(default=0.01, description="Slope below 0.", examples=[0.01])


class RReLU(Activation):
    """LeakyReLU with a slope drawn from U[lower, upper) for each element while training.

    Source: Xu et al.: Empirical evaluation of rectified activations in convolutional network, 2015
    """

    recommended_init = RELU_INIT
    type: Literal["RReLU"]
    lower: Float64 = Field(default=1.0 / 8, description="Smallest slope below 0.", examples=[0.125])
    upper: Float64 = Field(default=1.0 / 3, description="Largest slope below 0.", examples=[0.3333])

    def draws_in_training(self) -> bool:
        """Always."""
        return True

    def check_arguments(self) -> None:
        """The slopes are an interval."""
        if self.lower > self.upper:
            raise ArgumentError(("lower",), f"lower must be at most upper, which is {self.upper:g}")


class Threshold(Activation):
    """x above threshold, value elsewhere."""

    type: Literal["Threshold"]
    threshold: Float64 = Field(description="Inputs above it stay.", examples=[0.1])
    value: Float64 = Field(description="What the others become.", examples=[0.0])


class ELU(Activation):
    """x above 0, alpha · (exp(x) − 1) elsewhere.

    Source: Clevert et al.: Fast and accurate deep network learning by exponential linear units, ICLR 2016
    """

    recommended_init = RELU_INIT
    type: Literal["ELU"]
    alpha: Float64 = Field(default=1.0, description="Minus the limit far below 0.", examples=[1.0])


class CELU(Activation):
    """x above 0, alpha · (exp(x / alpha) − 1) elsewhere.

    Source: Barron: Continuously differentiable exponential linear units, 2017
    """

    recommended_init = RELU_INIT
    type: Literal["CELU"]
    alpha: Float64 = Field(default=1.0, description="Minus the limit far below 0; not 0.", examples=[1.0])

    def check_arguments(self) -> None:
        """alpha is a divisor."""
        if self.alpha == 0:
            raise ArgumentError(("alpha",), "alpha must not be 0, since inputs are divided by it")


class SELU(Activation):
    """scale · ELU(x), with the scale and alpha that keep mean 0 and variance 1.

    Source: Klambauer et al.: Self-normalizing neural networks, NeurIPS 2017
    """

    recommended_init = SELU_INIT
    type: Literal["SELU"]


class GELU(StatelessModule):
    """x · Φ(x), Φ the normal distribution function.

    Source: Hendrycks and Gimpel: Gaussian error linear units, 2016
    """

    recommended_init = RELU_INIT
    type: Literal["GELU"]
    approximate: Literal["none", "tanh"] = Field(
        default="none", description="Whether Φ is approximated by a tanh.", examples=["tanh"]
    )


class SiLU(Activation):
    """x · σ(x), also called swish."""

    recommended_init = RELU_INIT
    type: Literal["SiLU"]


class Mish(Activation):
    """x · tanh(ln(1 + exp(x))).

    Source: Misra: Mish, a self regularized non-monotonic activation function, BMVC 2020
    """

    recommended_init = RELU_INIT
    type: Literal["Mish"]


class Hardswish(Activation):
    """x · min(max(0, x + 3), 6) / 6.

    Source: Howard et al.: Searching for MobileNetV3, ICCV 2019
    """

    rectifies = True
    recommended_init = RELU_INIT
    type: Literal["Hardswish"]


class Softplus(StatelessModule):
    """ln(1 + exp(beta · x)) / beta, and x where beta · x exceeds threshold."""

    type: Literal["Softplus"]
    beta: Float64 = Field(default=1.0, description="How sharp the bend is; not 0.", examples=[1.0])
    threshold: Float64 = Field(default=20.0, description="From where on it is linear.", examples=[20.0])

    def check_arguments(self) -> None:
        """beta is a divisor."""
        if self.beta == 0:
            raise ArgumentError(("beta",), "beta must not be 0, since it divides the output")
