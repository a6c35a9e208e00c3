"""Transposed convolutions over one, two and three dimensions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from tensorseed.spec.layers.base import COLLAPSE_EQUAL, Role, Slot
from tensorseed.spec.layers.conv import DILATION, KERNEL, STRIDE, Convolution, Size1, Size2, Size3
from tensorseed.spec.layers.network_module import Computation, channel_axis

Crop1 = Annotated[int | tuple[int], COLLAPSE_EQUAL]
Crop2 = Annotated[int | tuple[int, int], COLLAPSE_EQUAL]
Crop3 = Annotated[int | tuple[int, int, int], COLLAPSE_EQUAL]

_PADDING = "What is cut off on both sides, one number for all dimensions or one each."
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
    padding: Crop1 = Field(default=0, description=_PADDING, examples=[1])
    output_padding: Crop1 = Field(default=0, description=_OUTPUT_PADDING, examples=[1])
    dilation: Size1 = Field(default=1, description=DILATION, examples=[1])


class ConvTranspose2d(_ConvTranspose):
    """Transposed convolution over (N, C, H, W)."""

    rank = 2
    input_axis = channel_axis("in_channels", 2)
    type: Literal["ConvTranspose2d"]
    kernel_size: Size2 = Field(description=KERNEL, examples=[3, [3, 5]])
    stride: Size2 = Field(default=1, description=STRIDE, examples=[2, [2, 1]])
    padding: Crop2 = Field(default=0, description=_PADDING, examples=[1, [1, 2]])
    output_padding: Crop2 = Field(default=0, description=_OUTPUT_PADDING, examples=[1, [1, 0]])
    dilation: Size2 = Field(default=1, description=DILATION, examples=[1])


class ConvTranspose3d(_ConvTranspose):
    """Transposed convolution over (N, C, D, H, W)."""

    rank = 3
    input_axis = channel_axis("in_channels", 3)
    type: Literal["ConvTranspose3d"]
    kernel_size: Size3 = Field(description=KERNEL, examples=[3, [1, 3, 3]])
    stride: Size3 = Field(default=1, description=STRIDE, examples=[2, [1, 2, 2]])
    padding: Crop3 = Field(default=0, description=_PADDING, examples=[1, [0, 1, 1]])
    output_padding: Crop3 = Field(default=0, description=_OUTPUT_PADDING, examples=[1, [0, 1, 1]])
    dilation: Size3 = Field(default=1, description=DILATION, examples=[1])
