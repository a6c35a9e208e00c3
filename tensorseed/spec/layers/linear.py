"""Linear and bilinear layers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from tensorseed.spec.layers.base import TWO_INPUTS, Count, Layer, Positive, Slot, bias_init
from tensorseed.spec.layers.network_module import Computation, InputAxis
from tensorseed.spec.schemes.scaled import KaimingUniform

# The default of torch's linear and convolution weights: U[-1/√fan_in, 1/√fan_in), spelled as torch spells it.
TORCH_DEFAULT = KaimingUniform(kind="kaiming_uniform", a=math.sqrt(5))


class Linear(Layer):
    """Fully connected: every output is a weighted sum of all inputs.

    Formula: y = x Wᵀ + b
    Source: torch.nn.Linear
    """

    computation = Computation.MATRIX_PRODUCT
    input_axis = InputAxis("in_features", -1)

    type: Literal["Linear"]
    in_features: Count = Field(description="Size of each input sample.", examples=[784])
    out_features: Count = Field(description="Size of each output sample.", examples=[256])
    bias: bool = Field(default=True, description="Whether the layer adds a bias.", examples=[True])

    def slots(self) -> Iterator[Slot]:
        """The matrix W and the vector b.

        weight (out_features, in_features): kaiming_uniform(a=√5)
        bias (out_features) if bias: uniform(±1/√in_features)
        """
        yield Slot("weight", (self.out_features, self.in_features), TORCH_DEFAULT)
        if self.bias:
            yield Slot("bias", (self.out_features,), bias_init(self.in_features))


class Bilinear(Layer):
    """Every output is a bilinear form of two inputs.

    Formula: y = x₁ᵀ A x₂ + b
    Source: torch.nn.Bilinear
    """

    exclusion = TWO_INPUTS

    type: Literal["Bilinear"]
    in1_features: Positive = Field(description="Size of each first input sample.", examples=[20])
    in2_features: Count = Field(description="Size of each second input sample.", examples=[30])
    out_features: Count = Field(description="Size of each output sample.", examples=[40])
    bias: bool = Field(default=True, description="Whether the layer adds a bias.", examples=[True])

    def slots(self) -> Iterator[Slot]:
        """The forms A and the vector b.

        weight (out_features, in1_features, in2_features): uniform(±1/√in1_features)
        bias (out_features) if bias: uniform(±1/√in1_features)
        """
        init = bias_init(self.in1_features)
        yield Slot("weight", (self.out_features, self.in1_features, self.in2_features), init)
        if self.bias:
            yield Slot("bias", (self.out_features,), init)
