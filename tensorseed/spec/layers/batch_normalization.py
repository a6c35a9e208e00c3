"""Batch and instance normalisation, with running statistics."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from tensorseed.spec.layers.base import ONES, ZEROS, Count, Layer, Slot
from tensorseed.spec.layers.network_module import Computation, InputAxis, Shape, channel_axis
from tensorseed.spec.layers.normalization import AFFINE, EPS, SHIFT, affine_slots
from tensorseed.spec.numbers import Float64

_STATISTICS = "Whether the layer has running statistics, as buffers."


class _Norm(Layer):
    """Base of the normalisations with running statistics.

    Formula: y = (x - mean) / √(var + eps) · weight + bias, mean and var of each channel
    """

    num_features: Count = Field(description="Number of channels.", examples=[256])
    eps: Float64 = Field(default=1e-5, description=EPS, examples=[1e-5])
    momentum: Float64 | None = Field(
        default=0.1,
        description="Share of the new batch in the running statistics; null for their mean.",
        examples=[0.1],
    )
    affine: bool = Field(default=True, description=AFFINE, examples=[True])
    track_running_stats: bool = Field(default=True, description=_STATISTICS, examples=[True])
    bias: bool = Field(default=True, description=SHIFT, examples=[True])

    computation = Computation.MATRIX_PRODUCT

    def slots(self) -> Iterator[Slot]:
        """The scale and the shift of each channel, and the running statistics.

        weight (num_features) if affine: ones
        bias (num_features) if affine and bias: zeros
        buffer running_mean (num_features) if track_running_stats: zeros
        buffer running_var (num_features) if track_running_stats: ones
        buffer num_batches_tracked () int64 if track_running_stats: zeros
        """
        shape = (self.num_features,)
        if self.affine:
            yield from affine_slots(shape, bias=self.bias)
        if self.track_running_stats:
            yield Slot("running_mean", shape, ZEROS, buffer=True)
            yield Slot("running_var", shape, ONES, buffer=True)
            yield Slot("num_batches_tracked", (), ZEROS, integer=True, buffer=True)


class _BatchNorm(_Norm):
    """Base of the batch normalisations.

    Source: Ioffe and Szegedy: Batch normalization: accelerating deep network training by reducing internal
        covariate shift, ICML 2015
    """

    rank: ClassVar[int | None] = None
    """The number of spatial dimensions, where it is fixed."""

    def check_training_input(self, shape: Shape) -> None:
        """Check that each channel has two values, whose variance the layer divides by."""
        if math.prod(shape) == shape[1]:
            few = f"needs more than one value of each channel while training, and gets {list(shape)}"
            raise ValueError(f"{few}: use a larger batch, or training false")

    def feature_axis(self) -> int | None:
        """The axis of the channels; that of the input where the rank is open."""
        return None if self.rank is None else -self.rank - 1


class BatchNorm1d(_BatchNorm):
    """Batch normalisation over (N, C) or (N, C, L)."""

    input_axis = InputAxis("num_features", 1, (2, 3))
    type: Literal["BatchNorm1d"]


class BatchNorm2d(_BatchNorm):
    """Batch normalisation over (N, C, H, W)."""

    rank = 2
    input_axis = InputAxis("num_features", 1, (4,))
    type: Literal["BatchNorm2d"]


class BatchNorm3d(_BatchNorm):
    """Batch normalisation over (N, C, D, H, W)."""

    rank = 3
    input_axis = InputAxis("num_features", 1, (5,))
    type: Literal["BatchNorm3d"]


class SyncBatchNorm(_BatchNorm):
    """Batch normalisation over (N, C, …), with the statistics of all processes."""

    input_axis = InputAxis("num_features", 1)
    type: Literal["SyncBatchNorm"]


class _InstanceNorm(_Norm):
    """Base of the instance normalisations, which by default have neither parameters nor buffers.

    Formula: y = (x - mean) / √(var + eps) · weight + bias, mean and var of each channel of each sample
    Source: Ulyanov, Vedaldi, Lempitsky: Instance normalization: the missing ingredient for fast stylization,
        2016
    """

    rank: ClassVar[int]

    affine: bool = Field(default=False, description=AFFINE, examples=[True])
    track_running_stats: bool = Field(default=False, description=_STATISTICS, examples=[False])

    def check_input(self, shape: Shape) -> None:
        """Check the channels, and their elements where no running statistics stand in for them."""
        super().check_input(shape)
        if not self.track_running_stats:
            self.check_training_input(shape)

    def check_training_input(self, shape: Shape) -> None:
        """Check that each channel has two elements, whose variance the layer divides by."""
        if math.prod(shape[-self.rank :]) == 1:
            raise ValueError(f"needs more than one element of each channel, and gets {list(shape)}")

    def feature_axis(self) -> int:
        """The axis of the channels."""
        return -self.rank - 1


class InstanceNorm1d(_InstanceNorm):
    """Instance normalisation over (N, C, L)."""

    rank = 1
    input_axis = channel_axis("num_features", 1)
    type: Literal["InstanceNorm1d"]


class InstanceNorm2d(_InstanceNorm):
    """Instance normalisation over (N, C, H, W)."""

    rank = 2
    input_axis = channel_axis("num_features", 2)
    type: Literal["InstanceNorm2d"]


class InstanceNorm3d(_InstanceNorm):
    """Instance normalisation over (N, C, D, H, W)."""

    rank = 3
    input_axis = channel_axis("num_features", 3)
    type: Literal["InstanceNorm3d"]
