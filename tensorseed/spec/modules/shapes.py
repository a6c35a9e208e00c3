"""Modules that rearrange elements, the identity, and LocalResponseNorm."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from tensorseed.spec.layers.base import Positive, expand_size
from tensorseed.spec.layers.network_module import InputDtype, Shape, check_window
from tensorseed.spec.modules.base import Size2, StatelessModule, Window2
from tensorseed.spec.modules.sigmoid_like import check_axis
from tensorseed.spec.numbers import Float64
from tensorseed.spec.schemes import ArgumentError


class Identity(StatelessModule):
    """x itself."""

    input_dtype = InputDtype.ANY
    type: Literal["Identity"]


class Flatten(StatelessModule):
    """The dimensions start_dim to end_dim as one."""

    input_dtype = InputDtype.ANY
    type: Literal["Flatten"]
    start_dim: int = Field(default=1, description="First dimension that is joined.", examples=[1])
    end_dim: int = Field(default=-1, description="Last dimension that is joined.", examples=[-1])

    def check_input(self, shape: Shape) -> None:
        """Both axes exist, in order."""
        check_axis("start_dim", self.start_dim, shape)
        check_axis("end_dim", self.end_dim, shape)
        if self.start_dim % len(shape) > self.end_dim % len(shape):
            raise ValueError(f"has start_dim {self.start_dim} behind end_dim {self.end_dim} of {list(shape)}")

    def feature_axis(self) -> int:
        """The last dimension."""
        return -1


class Unflatten(StatelessModule):
    """One dimension as several."""

    input_dtype = InputDtype.ANY
    type: Literal["Unflatten"]
    dim: int = Field(description="The dimension that is parted.", examples=[1])
    unflattened_size: tuple[Annotated[int, Field(ge=-1)], ...] = Field(
        description="Its new sizes; one of them may be -1, for what is left.", examples=[[16, 7, 7]]
    )

    def check_arguments(self) -> None:
        """At least one size, at most one of them open."""
        if not self.unflattened_size:
            raise ArgumentError(("unflattened_size",), "unflattened_size needs at least one size")
        if self.unflattened_size.count(-1) > 1:
            raise ArgumentError(
                ("unflattened_size",), "at most one size of unflattened_size is -1: give the others"
            )

    def check_input(self, shape: Shape) -> None:
        """The axis exists and can be parted."""
        check_axis("dim", self.dim, shape)
        known, size = 1, shape[self.dim]
        for one in self.unflattened_size:
            known *= 1 if one == -1 else one
        parted = known == size if -1 not in self.unflattened_size else known > 0 and size % known == 0
        if not parted:
            raise ValueError(f"cannot part the {size} elements of axis {self.dim} into {self._sizes()}")

    def _sizes(self) -> list[int]:
        return list(self.unflattened_size)

    def feature_axis(self) -> int | None:
        """The first of the new dimensions, where these are the last."""
        return -len(self.unflattened_size) if self.dim in (1, -1) else None


class _Shuffle(StatelessModule):
    def feature_axis(self) -> int:
        """Before height and width."""
        return -3


class PixelShuffle(_Shuffle):
    """(…, C·r², H, W) as (…, C, H·r, W·r).

    Source: Shi et al.: Real-time single image and video super-resolution, CVPR 2016
    """

    type: Literal["PixelShuffle"]
    upscale_factor: Positive = Field(description="r.", examples=[2])

    def check_input(self, shape: Shape) -> None:
        """Channels that r² divides."""
        _check_image(shape)
        if shape[-3] % self.upscale_factor**2:
            raise ValueError(
                f"needs channels that {self.upscale_factor}² divides, and gets {shape[-3]}: {list(shape)}"
            )


class PixelUnshuffle(_Shuffle):
    """(…, C, H·r, W·r) as (…, C·r², H, W)."""

    type: Literal["PixelUnshuffle"]
    downscale_factor: Positive = Field(description="r.", examples=[2])

    def check_input(self, shape: Shape) -> None:
        """Height and width that r divides."""
        _check_image(shape)
        if shape[-2] % self.downscale_factor or shape[-1] % self.downscale_factor:
            raise ValueError(
                f"needs height and width that {self.downscale_factor} divides, and gets {list(shape)}"
            )


class ChannelShuffle(StatelessModule):
    """The channels of (N, C, …), parted into groups, in turn.

    Source: Zhang et al.: ShuffleNet, CVPR 2018
    """

    type: Literal["ChannelShuffle"]
    groups: Positive = Field(description="Number of groups; divides the channels.", examples=[2])

    def check_input(self, shape: Shape) -> None:
        """Channels that the groups divide."""
        if len(shape) < 3 or shape[1] % self.groups:
            raise ValueError(f"needs (N, C, …) with channels that {self.groups} divides: {list(shape)}")


class Unfold(StatelessModule):
    """The windows of (N, C, H, W) as columns: (N, C · window, windows)."""

    input_dims = (3, 4)
    type: Literal["Unfold"]
    kernel_size: Window2 = Field(description="Size of the window.", examples=[3])
    dilation: Window2 = Field(default=1, description="Spacing of its elements.", examples=[1])
    padding: Size2 = Field(default=0, description="Zeros on both sides.", examples=[1])
    stride: Window2 = Field(default=1, description="Step of the window.", examples=[1])

    def check_input(self, shape: Shape) -> None:
        """Check that a window fits."""
        super().check_input(shape)
        sizes = (self.kernel_size, self.padding, self.dilation)
        check_window(shape, *(expand_size(size, 2) for size in sizes))

    def feature_axis(self) -> int:
        """The rows."""
        return -2


class Fold(StatelessModule):
    """The columns of Unfold added up to an image again: (N, C, *output_size)."""

    input_dims = (2, 3)
    type: Literal["Fold"]
    output_size: Window2 = Field(description="Size of the image.", examples=[[8, 8]])
    kernel_size: Window2 = Field(description="Size of the window.", examples=[3])
    dilation: Window2 = Field(default=1, description="Spacing of its elements.", examples=[1])
    padding: Size2 = Field(default=0, description="Zeros on both sides.", examples=[1])
    stride: Window2 = Field(default=1, description="Step of the window.", examples=[1])

    def check_input(self, shape: Shape) -> None:
        """Check that there is a row for each element of a window, and a column for each window."""
        super().check_input(shape)
        sizes = (self.output_size, self.kernel_size, self.padding, self.dilation, self.stride)
        image, kernel, padding, dilation, stride = (expand_size(size, 2) for size in sizes)
        rows, elements = shape[-2], math.prod(kernel)
        if rows % elements:
            detail = f"has windows of {elements} elements and gets {rows} rows, from an input of shape"
            raise ValueError(f"{detail} {list(shape)}: make them a multiple of {elements}")
        spreads = (step * (width - 1) + 1 for step, width in zip(dilation, kernel, strict=True))
        counts = [
            (size + 2 * pad - spread) // step + 1
            for size, pad, spread, step in zip(image, padding, spreads, stride, strict=True)
        ]
        if min(counts) < 1:
            detail = f"has windows of {list(kernel)} and an output_size of {list(image)}"
            raise ValueError(f"{detail}: take a smaller kernel_size, or a larger output_size")
        if shape[-1] != math.prod(counts):
            detail = f"has {math.prod(counts)} windows and gets {shape[-1]} columns, from an input of shape"
            raise ValueError(f"{detail} {list(shape)}: change output_size, or stride")

    def feature_axis(self) -> int:
        """Before height and width."""
        return -3


class LocalResponseNorm(StatelessModule):
    """x / (k + alpha · mean of x² over size neighbouring channels)^beta.

    Source: Krizhevsky et al.: ImageNet classification with deep convolutional networks, NeurIPS 2012
    """

    type: Literal["LocalResponseNorm"]
    size: Positive = Field(description="Channels that are looked at.", examples=[5])
    alpha: Float64 = Field(default=1e-4, description="The factor.", examples=[1e-4])
    beta: Float64 = Field(default=0.75, description="The exponent.", examples=[0.75])
    k: Float64 = Field(default=1.0, description="Added before the power.", examples=[1.0])

    def check_input(self, shape: Shape) -> None:
        """Channels and something behind them."""
        if len(shape) < 3:
            raise ValueError(f"takes an input of at least 3 dimensions and gets {len(shape)}: {list(shape)}")

    def window(self) -> int:
        """The neighbouring channels."""
        return self.size


def _check_image(shape: Shape) -> None:
    if len(shape) < 3:
        raise ValueError(f"takes an input of at least 3 dimensions and gets {len(shape)}: {list(shape)}")
