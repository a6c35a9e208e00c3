"""Normalisation layers: scale and shift, and the running statistics of batch normalisation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from service.core.layers.base import ONES, ZEROS, Count, Layer, Shape, Slot

_EPS = "Added to the variance before the square root."


def _unwrap(size: int | Shape) -> int | Shape:
    """One number for a list of one, so that 5 and [5] are one argument."""
    return size[0] if isinstance(size, tuple) and len(size) == 1 else size


class LayerNorm(Layer):
    """Normalises over the last dimensions, those of `normalized_shape`."""

    type: Literal["LayerNorm"]
    normalized_shape: Annotated[Count | tuple[Count, ...], AfterValidator(_unwrap)] = Field(
        description="The dimensions that are normalised, a number or a list.", examples=[768, [3, 5]]
    )
    eps: float = Field(default=1e-5, description=_EPS, examples=[1e-5])
    elementwise_affine: bool = Field(
        default=True, description="Whether there is a scale and a shift.", examples=[True]
    )
    bias: bool = Field(default=True, description="Whether there is a shift.", examples=[True])

    def slots(self) -> Iterator[Slot]:
        """weight and bias, both of the normalised shape."""
        size = self.normalized_shape
        shape = (size,) if isinstance(size, int) else size
        if self.elementwise_affine:
            yield Slot("weight", shape, ONES)
            if self.bias:
                yield Slot("bias", shape, ZEROS)


class _BatchNorm(Layer):
    """What the batch normalisations share."""

    num_features: Count = Field(description="Number of channels.", examples=[256])
    eps: float = Field(default=1e-5, description=_EPS, examples=[1e-5])
    momentum: float | None = Field(
        default=0.1,
        description="Share of the new batch in the running statistics; null for their mean.",
        examples=[0.1],
    )
    affine: bool = Field(default=True, description="Whether there is a scale and a shift.", examples=[True])
    track_running_stats: bool = Field(
        default=True, description="Whether running statistics are kept, as buffers.", examples=[True]
    )
    bias: bool = Field(default=True, description="Whether there is a shift.", examples=[True])

    def slots(self) -> Iterator[Slot]:
        """weight, bias, running_mean, running_var (num_features), num_batches_tracked, an int64 number."""
        shape = (self.num_features,)
        if self.affine:
            yield Slot("weight", shape, ONES)
            if self.bias:
                yield Slot("bias", shape, ZEROS)
        if self.track_running_stats:
            yield Slot("running_mean", shape, ZEROS)
            yield Slot("running_var", shape, ONES)
            yield Slot("num_batches_tracked", (), ZEROS, integer=True)


class BatchNorm1d(_BatchNorm):
    """Batch normalisation over (N, C) or (N, C, L)."""

    type: Literal["BatchNorm1d"]


class BatchNorm2d(_BatchNorm):
    """Batch normalisation over (N, C, H, W)."""

    type: Literal["BatchNorm2d"]


class BatchNorm3d(_BatchNorm):
    """Batch normalisation over (N, C, D, H, W)."""

    type: Literal["BatchNorm3d"]
