"""Pooling with a fixed window."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tensorseed.spec.layers.base import Positive, expand_size
from tensorseed.spec.layers.network_module import Shape, check_window
from tensorseed.spec.modules.base import Size1, Size2, Size3, StatelessModule, Window1, Window2, Window3
from tensorseed.spec.numbers import EXACT
from tensorseed.spec.schemes import ArgumentError

KERNEL = "Size of the window, one number for all dimensions or one each."
STRIDE = "Step of the window, one number for all dimensions or one each; the window's size if left out."
PADDING = "Padding on both sides, one number for all dimensions or one each; at most half the window."
DILATION = "Spacing of the window's elements, one number for all dimensions or one each."

Ceil = Annotated[bool, Field(description="Whether a window that is cut off counts.", examples=[False])]
IncludePad = Annotated[bool, Field(description="Whether padding counts in the mean.", examples=[True])]
Divisor = Annotated[
    Positive | None, Field(description="What to divide by; the window's size if null.", examples=[4])
]
Kernel1 = Annotated[Window1, Field(description=KERNEL, examples=[2])]
Kernel2 = Annotated[Window2, Field(description=KERNEL, examples=[2, [2, 3]])]
Kernel3 = Annotated[Window3, Field(description=KERNEL, examples=[2, [1, 2, 2]])]
Stride1 = Annotated[Window1 | None, Field(description=STRIDE, examples=[2])]
Stride2 = Annotated[Window2 | None, Field(description=STRIDE, examples=[2, [2, 1]])]
Stride3 = Annotated[Window3 | None, Field(description=STRIDE, examples=[2, [1, 2, 2]])]
Pad1 = Annotated[Size1, Field(description=PADDING, examples=[0])]
Pad2 = Annotated[Size2, Field(description=PADDING, examples=[0, [1, 0]])]
Pad3 = Annotated[Size3, Field(description=PADDING, examples=[0, [0, 1, 1]])]
Spacing1 = Annotated[Window1, Field(description=DILATION, examples=[1])]
Spacing2 = Annotated[Window2, Field(description=DILATION, examples=[1])]
Spacing3 = Annotated[Window3, Field(description=DILATION, examples=[1])]


class Spatial(StatelessModule):
    """Base of the modules over `rank` spatial dimensions, behind the channels."""

    rank: ClassVar[int]

    def feature_axis(self) -> int:
        """Before the spatial dimensions."""
        return -(self.rank + 1)


class Pool(Spatial):
    """Base of the pools with a fixed window."""

    defaults_from: ClassVar[Mapping[str, str]] = {"stride": "kernel_size"}

    def window(self) -> int:
        """The elements of the window."""
        sizes: Shape = expand_size(self.kernel_size, self.rank)  # type: ignore[attr-defined]
        return math.prod(sizes)

    def check_arguments(self) -> None:
        """Check that padding is at most half the window."""
        windows = expand_size(self.kernel_size, self.rank)  # type: ignore[attr-defined]
        for pad, size in zip(expand_size(getattr(self, "padding", 0), self.rank), windows, strict=True):
            if 2 * pad > size:
                detail = f"padding must be at most half of kernel_size: {pad} is more than half of {size}"
                raise ArgumentError(("padding",), detail)

    def check_input(self, shape: Shape) -> None:
        """Check that a window fits, unless one that is cut off counts."""
        super().check_input(shape)
        if not getattr(self, "ceil_mode", False):
            padding, dilation = getattr(self, "padding", 0), getattr(self, "dilation", 1)
            sizes = (self.kernel_size, padding, dilation)  # type: ignore[attr-defined]
            check_window(shape, *(expand_size(size, self.rank) for size in sizes))


class _Pool1(Pool):
    rank = 1
    input_dims = (2, 3)


class _Pool2(Pool):
    rank = 2
    input_dims = (3, 4)


class _Pool3(Pool):
    rank = 3
    input_dims = (4, 5)


class MaxPool1d(_Pool1):
    """Maximum over windows of (N, C, L)."""

    type: Literal["MaxPool1d"]
    kernel_size: Kernel1
    stride: Stride1 = None
    padding: Pad1 = 0
    dilation: Spacing1 = 1
    ceil_mode: Ceil = False


class MaxPool2d(_Pool2):
    """Maximum over windows of (N, C, H, W)."""

    type: Literal["MaxPool2d"]
    kernel_size: Kernel2
    stride: Stride2 = None
    padding: Pad2 = 0
    dilation: Spacing2 = 1
    ceil_mode: Ceil = False


class MaxPool3d(_Pool3):
    """Maximum over windows of (N, C, D, H, W)."""

    type: Literal["MaxPool3d"]
    kernel_size: Kernel3
    stride: Stride3 = None
    padding: Pad3 = 0
    dilation: Spacing3 = 1
    ceil_mode: Ceil = False


class AvgPool1d(_Pool1):
    """Mean over windows of (N, C, L)."""

    type: Literal["AvgPool1d"]
    kernel_size: Kernel1
    stride: Stride1 = None
    padding: Pad1 = 0
    ceil_mode: Ceil = False
    count_include_pad: IncludePad = True


class AvgPool2d(_Pool2):
    """Mean over windows of (N, C, H, W)."""

    type: Literal["AvgPool2d"]
    kernel_size: Kernel2
    stride: Stride2 = None
    padding: Pad2 = 0
    ceil_mode: Ceil = False
    count_include_pad: IncludePad = True
    divisor_override: Divisor = None


class AvgPool3d(_Pool3):
    """Mean over windows of (N, C, D, H, W)."""

    type: Literal["AvgPool3d"]
    kernel_size: Kernel3
    stride: Stride3 = None
    padding: Pad3 = 0
    ceil_mode: Ceil = False
    count_include_pad: IncludePad = True
    divisor_override: Divisor = None

    def check_input(self, shape: Shape) -> None:
        """Check that a window fits without the padding, as torch does here."""
        super().check_input(shape)
        check_window(shape, expand_size(self.kernel_size, self.rank))


Norm = Annotated[float, Field(gt=0, description="The power p of the norm.", examples=[2.0]), EXACT]


class LPPool1d(_Pool1):
    """(Σ xᵖ)^(1/p) over windows of (N, C, L), p = norm_type."""

    type: Literal["LPPool1d"]
    norm_type: Norm
    kernel_size: Kernel1
    stride: Stride1 = None
    ceil_mode: Ceil = False


class LPPool2d(_Pool2):
    """(Σ xᵖ)^(1/p) over windows of (N, C, H, W), p = norm_type."""

    type: Literal["LPPool2d"]
    norm_type: Norm
    kernel_size: Kernel2
    stride: Stride2 = None
    ceil_mode: Ceil = False


class LPPool3d(_Pool3):
    """(Σ xᵖ)^(1/p) over windows of (N, C, D, H, W), p = norm_type."""

    type: Literal["LPPool3d"]
    norm_type: Norm
    kernel_size: Kernel3
    stride: Stride3 = None
    ceil_mode: Ceil = False
