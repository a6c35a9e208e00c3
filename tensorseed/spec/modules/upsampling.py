"""Modules that enlarge an image."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tensorseed.spec.layers.base import ONE_PER_DIMENSION, Positive
from tensorseed.spec.layers.network_module import Shape
from tensorseed.spec.modules.base import StatelessModule, Window2
from tensorseed.spec.schemes import ArgumentError

_FACTORS = "How many times larger, one number for all dimensions or one each; this or size."
_SIZES = "Size of the output, one number for all dimensions or one each; this or scale_factor."
_Factor = Annotated[float, Field(gt=0, le=1 << 20)]


class _Enlarged(StatelessModule):
    def check_arguments(self) -> None:
        """Check that either size or scale_factor is given."""
        given = [name for name in ("size", "scale_factor") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ArgumentError(("size",), "give either size or scale_factor")


class Upsample(_Enlarged):
    """An enlarged (N, C, L), (N, C, H, W) or (N, C, D, H, W)."""

    input_dims = (3, 4, 5)
    type: Literal["Upsample"]
    size: Annotated[Positive | tuple[Positive, ...] | None, ONE_PER_DIMENSION] = Field(
        default=None, description=_SIZES, examples=[[16, 16]]
    )
    scale_factor: Annotated[_Factor | tuple[_Factor, ...] | None, ONE_PER_DIMENSION] = Field(
        default=None, description=_FACTORS, examples=[2.0]
    )
    mode: Literal["nearest", "linear", "bilinear", "bicubic", "trilinear"] = Field(
        default="nearest", description="How values between are found.", examples=["bilinear"]
    )
    align_corners: bool | None = Field(
        default=None, description="Whether corners keep their values; not with nearest.", examples=[None]
    )
    recompute_scale_factor: bool | None = Field(
        default=None, description="Whether the factor follows from the rounded size.", examples=[None]
    )

    def check_arguments(self) -> None:
        """The options go together."""
        super().check_arguments()
        if self.mode == "nearest" and self.align_corners is not None:
            raise ArgumentError(("align_corners",), "align_corners goes with the linear modes: leave it out")
        if self.recompute_scale_factor and self.size is not None:
            raise ArgumentError(("recompute_scale_factor",), "recompute_scale_factor goes with scale_factor")

    def check_input(self, shape: Shape) -> None:
        """The dimensions that the mode and the sizes are made for."""
        super().check_input(shape)
        ranks = {"linear": 3, "bilinear": 4, "bicubic": 4, "trilinear": 5}
        wanted = ranks.get(self.mode, len(shape))
        if len(shape) != wanted:
            raise ValueError(f"takes {wanted} dimensions for mode {self.mode} and gets {list(shape)}")
        given = self.size if self.size is not None else self.scale_factor
        if isinstance(given, tuple) and len(given) != len(shape) - 2:
            raise ValueError(f"needs {len(shape) - 2} sizes or factors for an input of {list(shape)}")


class UpsamplingNearest2d(_Enlarged):
    """An enlarged (N, C, H, W), each element repeated."""

    input_dims = (4,)
    type: Literal["UpsamplingNearest2d"]
    size: Window2 | None = Field(default=None, description=_SIZES, examples=[16])
    scale_factor: _Factor | tuple[_Factor, _Factor] | None = Field(
        default=None, description=_FACTORS, examples=[2.0]
    )


class UpsamplingBilinear2d(_Enlarged):
    """An enlarged (N, C, H, W), interpolated, with corners that keep their values."""

    input_dims = (4,)
    type: Literal["UpsamplingBilinear2d"]
    size: Window2 | None = Field(default=None, description=_SIZES, examples=[16])
    scale_factor: _Factor | tuple[_Factor, _Factor] | None = Field(
        default=None, description=_FACTORS, examples=[2.0]
    )
