"""Convolutions and their transposes over one, two and three dimensions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tensorseed.spec.layers.base import (
    COLLAPSE_EQUAL,
    NO_UNITS,
    UNITS,
    Count,
    Layer,
    Positive,
    Role,
    Slot,
    bias_init,
    expand_size,
)
from tensorseed.spec.layers.linear import TORCH_DEFAULT
from tensorseed.spec.layers.network_module import Computation, Shape, channel_axis, check_window
from tensorseed.spec.schemes import ArgumentError

Size1 = Annotated[Count | tuple[Count], COLLAPSE_EQUAL]
Size2 = Annotated[Count | tuple[Count, Count], COLLAPSE_EQUAL]
Size3 = Annotated[Count | tuple[Count, Count, Count], COLLAPSE_EQUAL]
Pad1 = Annotated[Literal["same", "valid"] | int | tuple[int], COLLAPSE_EQUAL]
Pad2 = Annotated[Literal["same", "valid"] | int | tuple[int, int], COLLAPSE_EQUAL]
Pad3 = Annotated[Literal["same", "valid"] | int | tuple[int, int, int], COLLAPSE_EQUAL]

KERNEL = "Size of the kernel, one number for all dimensions or one each."
STRIDE = "Step of the kernel, one number for all dimensions or one each."
_PADDING = "Padding on both sides, one number for all dimensions or one each, or same, or valid."
DILATION = "Spacing of the kernel's elements, one number for all dimensions or one each."


class Convolution(Layer):
    """Base of all convolutions: channels, groups, kernel and bias."""

    rank: ClassVar[int]

    in_channels: Count = Field(description="Channels of the input.", examples=[3])
    out_channels: Count = Field(description="Channels of the output.", examples=[64])
    groups: Positive = Field(
        default=1,
        description="Blocked connections from inputs to outputs; divides both channel counts.",
        examples=[1],
    )
    bias: bool = Field(default=True, description="Whether the layer adds a bias.", examples=[True])

    def feature_axis(self) -> int:
        """The axis of the channels."""
        return -self.rank - 1

    def _filters(self, rows: int, columns: int, role: Role = UNITS) -> Iterator[Slot]:
        """weight (rows, columns / groups, *kernel) and bias (out,).

        Raises:
            ArgumentError: groups does not divide the channels.
        """
        for part, channels in (("in_channels", self.in_channels), ("out_channels", self.out_channels)):
            if channels % self.groups:
                raise ArgumentError(
                    ("groups",), f"groups must divide {part}: {self.groups} does not divide {channels}"
                )
        kernel = expand_size(self.kernel_size, self.rank)  # type: ignore[attr-defined]
        shape = (rows, columns // self.groups, *kernel)
        yield Slot("weight", shape, TORCH_DEFAULT, role=role)
        if self.bias:
            yield Slot("bias", (self.out_channels,), bias_init(math.prod(shape[1:])))


class _Conv(Convolution):
    """Base of the plain convolutions.

    Formula: y[n, o] = bias[o] + Σ_c weight[o, c] ⋆ x[n, c], with ⋆ the cross-correlation
    Source: LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition,
        Proceedings of the IEEE 1998
    """

    computation = Computation.CONVOLUTION

    padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = Field(
        default="zeros", description="What the padding holds.", examples=["circular"]
    )

    def slots(self) -> Iterator[Slot]:
        """The fan_in is that of weight.

        weight (out_channels, in_channels // groups, *kernel_size): kaiming_uniform(a=√5)
        bias (out_channels) if bias: uniform(±1/√fan_in)
        """
        depthwise = 1 < self.groups == self.out_channels  # each output has an input of its own
        yield from self._filters(self.out_channels, self.in_channels, NO_UNITS if depthwise else UNITS)
        if self.padding == "same" and set(expand_size(self.stride, self.rank)) != {1}:  # type: ignore[attr-defined]
            raise ArgumentError(
                ("padding",), "padding same needs a stride of 1: give numbers, or leave the stride at 1"
            )

    def check_input(self, shape: Shape) -> None:
        """Check the channels, and that the kernel fits."""
        super().check_input(shape)
        padding: int | Shape | str = self.padding  # type: ignore[attr-defined]
        if padding != "same":
            pads, sizes = (0 if isinstance(padding, str) else padding), (self.kernel_size, self.dilation)  # type: ignore[attr-defined]
            kernel, dilation = (expand_size(size, self.rank) for size in sizes)
            check_window(shape, kernel, expand_size(pads, self.rank), dilation)


class Conv1d(_Conv):
    """Convolution over (N, C, L)."""

    rank = 1
    input_axis = channel_axis("in_channels", 1)
    type: Literal["Conv1d"]
    kernel_size: Size1 = Field(description=KERNEL, examples=[3])
    stride: Size1 = Field(default=1, description=STRIDE, examples=[1])
    padding: Pad1 = Field(default=0, description=_PADDING, examples=["same"])
    dilation: Size1 = Field(default=1, description=DILATION, examples=[1])


class Conv2d(_Conv):
    """Convolution over (N, C, H, W)."""

    rank = 2
    input_axis = channel_axis("in_channels", 2)
    type: Literal["Conv2d"]
    kernel_size: Size2 = Field(description=KERNEL, examples=[3, [3, 5]])
    stride: Size2 = Field(default=1, description=STRIDE, examples=[1, [2, 1]])
    padding: Pad2 = Field(default=0, description=_PADDING, examples=["same", [1, 2]])
    dilation: Size2 = Field(default=1, description=DILATION, examples=[1])


class Conv3d(_Conv):
    """Convolution over (N, C, D, H, W)."""

    rank = 3
    input_axis = channel_axis("in_channels", 3)
    type: Literal["Conv3d"]
    kernel_size: Size3 = Field(description=KERNEL, examples=[3, [1, 3, 3]])
    stride: Size3 = Field(default=1, description=STRIDE, examples=[1, [1, 2, 2]])
    padding: Pad3 = Field(default=0, description=_PADDING, examples=["same", [0, 1, 1]])
    dilation: Size3 = Field(default=1, description=DILATION, examples=[1])


Crop1 = Annotated[int | tuple[int], COLLAPSE_EQUAL]
Crop2 = Annotated[int | tuple[int, int], COLLAPSE_EQUAL]
Crop3 = Annotated[int | tuple[int, int, int], COLLAPSE_EQUAL]

_TRANSPOSE_PADDING = "What is cut off on both sides, one number for all dimensions or one each."
_OUTPUT_PADDING = "What is added on one side of the output, one number for all dimensions or one each."


class _ConvTranspose(Convolution):
    """Base of the transposed convolutions: a convolution's gradient with respect to its input.

    torch takes fan_in from the second dimension here as everywhere, so the default bounds follow from
    out_channels.

    Formula: y[n, o] = bias[o] + Σ_c x[n, c] ∗ weight[c, o], with ∗ the convolution, x spread by stride
    Source: Zeiler, Krishnan, Taylor, Fergus: Deconvolutional networks, CVPR 2010
    """

    computation = Computation.TRANSPOSED_CONVOLUTION

    padding_mode: Literal["zeros"] = Field(
        default="zeros", description="What the padding holds.", examples=["zeros"]
    )

    def slots(self) -> Iterator[Slot]:
        """The fan_in is that of weight.

        weight (in_channels, out_channels // groups, *kernel_size): kaiming_uniform(a=√5)
        bias (out_channels) if bias: uniform(±1/√fan_in)
        """
        yield from self._filters(self.in_channels, self.out_channels, Role(axis=1))


class ConvTranspose1d(_ConvTranspose):
    """Transposed convolution over (N, C, L)."""

    rank = 1
    input_axis = channel_axis("in_channels", 1)
    type: Literal["ConvTranspose1d"]
    kernel_size: Size1 = Field(description=KERNEL, examples=[3])
    stride: Size1 = Field(default=1, description=STRIDE, examples=[2])
    padding: Crop1 = Field(default=0, description=_TRANSPOSE_PADDING, examples=[1])
    output_padding: Crop1 = Field(default=0, description=_OUTPUT_PADDING, examples=[1])
    dilation: Size1 = Field(default=1, description=DILATION, examples=[1])


class ConvTranspose2d(_ConvTranspose):
    """Transposed convolution over (N, C, H, W)."""

    rank = 2
    input_axis = channel_axis("in_channels", 2)
    type: Literal["ConvTranspose2d"]
    kernel_size: Size2 = Field(description=KERNEL, examples=[3, [3, 5]])
    stride: Size2 = Field(default=1, description=STRIDE, examples=[2, [2, 1]])
    padding: Crop2 = Field(default=0, description=_TRANSPOSE_PADDING, examples=[1, [1, 2]])
    output_padding: Crop2 = Field(default=0, description=_OUTPUT_PADDING, examples=[1, [1, 0]])
    dilation: Size2 = Field(default=1, description=DILATION, examples=[1])


class ConvTranspose3d(_ConvTranspose):
    """Transposed convolution over (N, C, D, H, W)."""

    rank = 3
    input_axis = channel_axis("in_channels", 3)
    type: Literal["ConvTranspose3d"]
    kernel_size: Size3 = Field(description=KERNEL, examples=[3, [1, 3, 3]])
    stride: Size3 = Field(default=1, description=STRIDE, examples=[2, [1, 2, 2]])
    padding: Crop3 = Field(default=0, description=_TRANSPOSE_PADDING, examples=[1, [0, 1, 1]])
    output_padding: Crop3 = Field(default=0, description=_OUTPUT_PADDING, examples=[1, [0, 1, 1]])
    dilation: Size3 = Field(default=1, description=DILATION, examples=[1])
