"""Layer, RMS and group normalisation, without running statistics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from tensorseed.spec.layers.base import NO_UNITS, ONES, ZEROS, Count, Layer, Module, Positive, Slot
from tensorseed.spec.layers.network_module import Computation, InputAxis, Shape
from tensorseed.spec.numbers import Float64
from tensorseed.spec.schemes import ArgumentError

EPS = "Added to the variance before the square root."
AFFINE = "Whether there is a scale and a shift."
SHIFT = "Whether there is a shift."
_NORMALIZED = "The dimensions that are normalised, a number or a list."


def _unwrap(size: int | Shape) -> int | Shape:
    """Unwrap a list of one number, so that 5 and [5] are one argument."""
    return size[0] if isinstance(size, tuple) and len(size) == 1 else size


NormalizedShape = Annotated[Count | tuple[Count, ...], AfterValidator(_unwrap)]


def _dimensions(size: int | Shape) -> Shape:
    return (size,) if isinstance(size, int) else size


def check_normalized(size: int | Shape, shape: Shape, argument: str = "normalized_shape") -> None:
    """Check that the last dimensions of an input are `size`, which is called `argument`.

    Raises:
        ValueError: they are not. The sentence continues the layer's name.
    """
    wanted = _dimensions(size)
    if shape[-len(wanted) :] != wanted or not wanted:
        got = list(shape[-len(wanted) :])
        detail = f"has {argument} {list(wanted)} and gets {got}, from an input of shape {list(shape)}"
        raise ValueError(f"{detail}: set {argument} to {got}")


def affine_slots(shape: Shape, *, bias: bool) -> Iterator[Slot]:
    """The scale, and the shift if there is one."""
    yield Slot("weight", shape, ONES, role=NO_UNITS)
    if bias:
        yield Slot("bias", shape, ZEROS, role=NO_UNITS)


class LayerNormArguments(Module):
    """The arguments of LayerNorm."""

    normalized_shape: NormalizedShape = Field(description=_NORMALIZED, examples=[768, [3, 5]])
    eps: Float64 = Field(default=1e-5, description=EPS, examples=[1e-5])
    elementwise_affine: bool = Field(default=True, description=AFFINE, examples=[True])
    bias: bool = Field(default=True, description=SHIFT, examples=[True])

    def slots(self) -> Iterator[Slot]:
        """The scale and the shift of each element.

        weight (*normalized_shape) if elementwise_affine: ones
        bias (*normalized_shape) if elementwise_affine and bias: zeros
        """
        if self.elementwise_affine:
            yield from affine_slots(_dimensions(self.normalized_shape), bias=self.bias)


class LayerNorm(LayerNormArguments, Layer):
    """Normalises over the last dimensions, those of `normalized_shape`.

    Formula: y = (x - mean) / √(var + eps) · weight + bias
    Source: Ba, Kiros, Hinton: Layer normalization, 2016
    """

    computation = Computation.MATRIX_PRODUCT
    normalizes = True

    type: Literal["LayerNorm"]

    def check_input(self, shape: Shape) -> None:
        """Check the last dimensions."""
        check_normalized(self.normalized_shape, shape)


class RMSNormArguments(Module):
    """The arguments of RMSNorm."""

    normalized_shape: NormalizedShape = Field(description=_NORMALIZED, examples=[768, [3, 5]])
    eps: Float64 | None = Field(
        default=None,
        description="Added to the mean square before the root; null for the dtype's machine epsilon.",
        examples=[1e-6],
    )
    elementwise_affine: bool = Field(default=True, description="Whether there is a scale.", examples=[True])

    def slots(self) -> Iterator[Slot]:
        """The scale of each element.

        weight (*normalized_shape) if elementwise_affine: ones
        """
        if self.elementwise_affine:
            yield from affine_slots(_dimensions(self.normalized_shape), bias=False)


class RMSNorm(RMSNormArguments, Layer):
    """Divides by the root mean square over the last dimensions, those of `normalized_shape`.

    Formula: y = x / √(mean(x²) + eps) · weight
    Source: Zhang and Sennrich: Root mean square layer normalization, NeurIPS 2019
    """

    computation = Computation.MATRIX_PRODUCT
    normalizes = True

    type: Literal["RMSNorm"]

    def check_input(self, shape: Shape) -> None:
        """Check the last dimensions."""
        check_normalized(self.normalized_shape, shape)


class GroupNorm(Layer):
    """Normalises over groups of channels of (N, C, …).

    Formula: y = (x - mean) / √(var + eps) · weight + bias, mean and var of each group of each sample
    Source: Wu and He: Group normalization, ECCV 2018
    """

    computation = Computation.MATRIX_PRODUCT
    input_axis = InputAxis("num_channels", 1)

    type: Literal["GroupNorm"]
    num_groups: Positive = Field(description="Number of groups; divides num_channels.", examples=[32])
    num_channels: Count = Field(description="Number of channels.", examples=[256])
    eps: Float64 = Field(default=1e-5, description=EPS, examples=[1e-5])
    affine: bool = Field(default=True, description=AFFINE, examples=[True])
    bias: bool = Field(default=True, description=SHIFT, examples=[True])

    def slots(self) -> Iterator[Slot]:
        """The scale and the shift of each channel.

        weight (num_channels) if affine: ones
        bias (num_channels) if affine and bias: zeros
        """
        if self.num_channels % self.num_groups:
            raise ArgumentError(
                ("num_groups",),
                f"num_groups must divide num_channels: {self.num_groups} does not divide {self.num_channels}",
            )
        if self.affine:
            yield from affine_slots((self.num_channels,), bias=self.bias)

    def feature_axis(self) -> int | None:
        """The axis of the input."""
        return None


class LayerNormPart(LayerNormArguments):
    """LayerNorm inside another module."""

    type: Literal["LayerNorm"]


class RMSNormPart(RMSNormArguments):
    """RMSNorm inside another module."""

    type: Literal["RMSNorm"]


NormPart = Annotated[LayerNormPart | RMSNormPart, Field(discriminator="type")]
