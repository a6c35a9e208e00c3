"""Activations that bound, shrink or normalise their input."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tensorseed.spec.layers.network_module import LINEAR_INIT, SIGNED_UNIT, TANH_INIT, Bounds, Shape
from tensorseed.spec.modules.base import StatelessModule
from tensorseed.spec.modules.rectifiers import Activation
from tensorseed.spec.numbers import EXACT, Float64
from tensorseed.spec.schemes import ArgumentError

Along = Annotated[
    int, Field(description="The axis whose elements are normalised together; -1 is the last.", examples=[-1])
]
Lambda = Annotated[float, Field(ge=0, description="Half the width of what becomes 0.", examples=[0.5]), EXACT]

_UNIT = Bounds(0.0, 1.0)


class Sigmoid(StatelessModule):
    """σ(x) = 1 / (1 + exp(−x))."""

    recommended_init = LINEAR_INIT
    type: Literal["Sigmoid"]

    def bounds(self) -> Bounds:
        """0 and 1."""
        return _UNIT


class LogSigmoid(StatelessModule):
    """ln σ(x)."""

    type: Literal["LogSigmoid"]


class Hardsigmoid(Activation):
    """min(max(0, x + 3), 6) / 6."""

    recommended_init = LINEAR_INIT
    type: Literal["Hardsigmoid"]

    def bounds(self) -> Bounds:
        """0 and 1."""
        return _UNIT


class Tanh(StatelessModule):
    """tanh(x)."""

    recommended_init = TANH_INIT
    type: Literal["Tanh"]

    def bounds(self) -> Bounds:
        """-1 and 1."""
        return SIGNED_UNIT


class Hardtanh(Activation):
    """min(max(min_val, x), max_val)."""

    recommended_init = LINEAR_INIT
    type: Literal["Hardtanh"]
    min_val: Float64 = Field(default=-1.0, description="The lower bound.", examples=[-1.0])
    max_val: Float64 = Field(default=1.0, description="The upper bound; above min_val.", examples=[1.0])

    def check_arguments(self) -> None:
        """The bounds are an interval."""
        if not self.min_val < self.max_val:
            raise ArgumentError(("max_val",), f"max_val must be above min_val, which is {self.min_val:g}")

    def bounds(self) -> Bounds:
        """Its own."""
        return Bounds(self.min_val, self.max_val)


class Softsign(StatelessModule):
    """x / (1 + ∣x∣)."""

    recommended_init = TANH_INIT
    type: Literal["Softsign"]

    def bounds(self) -> Bounds:
        """-1 and 1."""
        return SIGNED_UNIT


class Tanhshrink(StatelessModule):
    """x − tanh(x)."""

    type: Literal["Tanhshrink"]


class Hardshrink(StatelessModule):
    """x where ∣x∣ > lambd, 0 elsewhere."""

    rectifies = True
    type: Literal["Hardshrink"]
    lambd: Lambda = 0.5


class Softshrink(StatelessModule):
    """x moved by lambd towards 0, and 0 where ∣x∣ ≤ lambd."""

    rectifies = True
    type: Literal["Softshrink"]
    lambd: Lambda = 0.5


class GLU(StatelessModule):
    """a · σ(b), a and b the halves of the input along dim.

    Source: Dauphin et al.: Language modeling with gated convolutional networks, ICML 2017
    """

    type: Literal["GLU"]
    dim: int = Field(default=-1, description="The axis that is halved.", examples=[-1])

    def check_input(self, shape: Shape) -> None:
        """An even axis."""
        check_axis("dim", self.dim, shape)
        if shape[self.dim] % 2:
            raise ValueError(f"halves axis {self.dim}, whose size {shape[self.dim]} is odd: {list(shape)}")


class _Normalised(StatelessModule):
    """Base of the softmax family. `dim` is required: without it torch guesses, and warns."""

    dim: Along

    def check_input(self, shape: Shape) -> None:
        """The axis exists."""
        check_axis("dim", self.dim, shape)

    def distribution_axis(self, dims: int, /) -> int:
        """`dim`, from the end."""
        return self.dim if self.dim < 0 else self.dim - dims


class Softmax(_Normalised):
    """exp(xᵢ) / Σⱼ exp(xⱼ)."""

    type: Literal["Softmax"]


class Softmin(_Normalised):
    """exp(−xᵢ) / Σⱼ exp(−xⱼ)."""

    type: Literal["Softmin"]


class LogSoftmax(_Normalised):
    """xᵢ − ln Σⱼ exp(xⱼ)."""

    type: Literal["LogSoftmax"]


class Softmax2d(StatelessModule):
    """Softmax over the channels of (N, C, H, W) or (C, H, W)."""

    input_dims = (3, 4)
    type: Literal["Softmax2d"]

    def distribution_axis(self, _dims: int, /) -> int:
        """The channels."""
        return -3


def check_axis(argument: str, axis: int, shape: Shape) -> None:
    """Raise ValueError unless `shape` has the axis."""
    if not -len(shape) <= axis < len(shape):
        known = f"{len(shape)} dimensions have the axes {-len(shape)} to {len(shape) - 1}"
        raise ValueError(f"has {argument} {axis}, an axis that its input {list(shape)} lacks: {known}")
