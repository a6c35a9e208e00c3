"""Pooling to a given size, and pooling whose windows are drawn at random."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from tensorseed.spec.layers.base import COLLAPSE_EQUAL, Positive, expand_size
from tensorseed.spec.layers.network_module import Shape
from tensorseed.spec.modules.base import Window2, Window3
from tensorseed.spec.modules.pooling import Kernel2, Kernel3, Spatial
from tensorseed.spec.schemes import ArgumentError

_TARGET = "Size of the output, one number for all dimensions or one each; null keeps the input's."
_OPTIONAL = Positive | None

Target1 = Annotated[
    Annotated[Positive | tuple[Positive], COLLAPSE_EQUAL],
    Field(description="Size of the output.", examples=[4]),
]
Target2 = Annotated[
    Annotated[_OPTIONAL | tuple[_OPTIONAL, _OPTIONAL], COLLAPSE_EQUAL],
    Field(description=_TARGET, examples=[1, [4, None]]),
]
Target3 = Annotated[
    Annotated[_OPTIONAL | tuple[_OPTIONAL, _OPTIONAL, _OPTIONAL], COLLAPSE_EQUAL],
    Field(description=_TARGET, examples=[1, [1, 4, None]]),
]


class _Adaptive1(Spatial):
    rank = 1
    input_dims = (2, 3)
    output_size: Target1


class _Adaptive2(Spatial):
    rank = 2
    input_dims = (3, 4)
    output_size: Target2


class _Adaptive3(Spatial):
    rank = 3
    input_dims = (4, 5)
    output_size: Target3


class AdaptiveAvgPool1d(_Adaptive1):
    """Mean over windows of (N, C, L) that give output_size."""

    type: Literal["AdaptiveAvgPool1d"]


class AdaptiveAvgPool2d(_Adaptive2):
    """Mean over windows of (N, C, H, W) that give output_size."""

    type: Literal["AdaptiveAvgPool2d"]


class AdaptiveAvgPool3d(_Adaptive3):
    """Mean over windows of (N, C, D, H, W) that give output_size."""

    type: Literal["AdaptiveAvgPool3d"]


class AdaptiveMaxPool1d(_Adaptive1):
    """Maximum over windows of (N, C, L) that give output_size."""

    type: Literal["AdaptiveMaxPool1d"]


class AdaptiveMaxPool2d(_Adaptive2):
    """Maximum over windows of (N, C, H, W) that give output_size."""

    type: Literal["AdaptiveMaxPool2d"]


class AdaptiveMaxPool3d(_Adaptive3):
    """Maximum over windows of (N, C, D, H, W) that give output_size."""

    type: Literal["AdaptiveMaxPool3d"]


_Ratio = Annotated[float, Field(gt=0, lt=1)]
_GIVEN_SIZE = "Size of the output; this or output_ratio."
_GIVEN_RATIO = "Size of the output over that of the input, between 0 and 1; this or output_size."


class _Fractional(Spatial):
    """Base of the fractional pools, which draw their windows anew, with and without training."""

    always_random = True

    def window(self) -> int:
        """The elements of the window."""
        sizes: Shape = expand_size(self.kernel_size, self.rank)  # type: ignore[attr-defined]
        return math.prod(sizes)

    def check_arguments(self) -> None:
        """Check that either output_size or output_ratio is given."""
        given = [name for name in ("output_size", "output_ratio") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ArgumentError(("output_size",), "give either output_size or output_ratio")

    def check_input(self, shape: Shape) -> None:
        """Check that the windows fit in."""
        super().check_input(shape)
        spatial, windows = shape[-self.rank :], expand_size(self.kernel_size, self.rank)  # type: ignore[attr-defined]
        sizes = self._sizes(spatial)
        for size, window, out in zip(spatial, windows, sizes, strict=True):
            if out < 1 or out + window - 1 > size:
                raise ValueError(
                    f"cannot make {list(sizes)} of {list(spatial)} by windows of {list(windows)}"
                )

    def _sizes(self, spatial: Shape) -> Shape:
        ratio = self.output_ratio  # type: ignore[attr-defined]
        if ratio is None:
            return expand_size(self.output_size, self.rank)  # type: ignore[attr-defined]
        ratios = ratio if isinstance(ratio, tuple) else (ratio,) * self.rank
        return tuple(int(size * one) for size, one in zip(spatial, ratios, strict=True))


class FractionalMaxPool2d(_Fractional):
    """Maximum over windows of (N, C, H, W) at random positions.

    Source: Graham: Fractional max-pooling, 2014
    """

    rank = 2
    input_dims = (3, 4)
    type: Literal["FractionalMaxPool2d"]
    kernel_size: Kernel2
    output_size: Window2 | None = Field(default=None, description=_GIVEN_SIZE, examples=[4])
    output_ratio: _Ratio | tuple[_Ratio, _Ratio] | None = Field(
        default=None, description=_GIVEN_RATIO, examples=[0.7]
    )


class FractionalMaxPool3d(_Fractional):
    """Maximum over windows of (N, C, D, H, W) at random positions.

    Source: Graham: Fractional max-pooling, 2014
    """

    rank = 3
    input_dims = (4, 5)
    type: Literal["FractionalMaxPool3d"]
    kernel_size: Kernel3
    output_size: Window3 | None = Field(default=None, description=_GIVEN_SIZE, examples=[4])
    output_ratio: _Ratio | tuple[_Ratio, _Ratio, _Ratio] | None = Field(
        default=None, description=_GIVEN_RATIO, examples=[0.7]
    )
