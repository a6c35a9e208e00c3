"""Modules without tensors: those of torch.nn, and functions of torch.

To add a module, write its class (see `base.StatelessModule`) and add it to `AnyModule`. Nothing else lists
them.
"""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field

from tensorseed.spec.layers.base import TWO_INPUTS
from tensorseed.spec.modules import (
    adaptive_pooling,
    axes,
    dropouts,
    padding,
    periodic,
    pooling,
    rectifiers,
    shapes,
    sigmoid_like,
    upsampling,
)
from tensorseed.spec.modules.base import StatelessModule

__all__ = ["EXCLUDED_MODULES", "MODULES", "AnyModule", "StatelessModule"]

AnyModule = Annotated[
    rectifiers.ReLU
    | rectifiers.ReLU6
    | rectifiers.LeakyReLU
    | rectifiers.RReLU
    | rectifiers.Threshold
    | rectifiers.ELU
    | rectifiers.CELU
    | rectifiers.SELU
    | rectifiers.GELU
    | rectifiers.SiLU
    | rectifiers.Mish
    | rectifiers.Hardswish
    | rectifiers.Softplus
    | sigmoid_like.Sigmoid
    | sigmoid_like.LogSigmoid
    | sigmoid_like.Hardsigmoid
    | sigmoid_like.Tanh
    | sigmoid_like.Hardtanh
    | sigmoid_like.Softsign
    | sigmoid_like.Tanhshrink
    | sigmoid_like.Hardshrink
    | sigmoid_like.Softshrink
    | sigmoid_like.GLU
    | periodic.Sine
    | sigmoid_like.Softmax
    | sigmoid_like.Softmin
    | sigmoid_like.LogSoftmax
    | sigmoid_like.Softmax2d
    | dropouts.Dropout
    | dropouts.Dropout1d
    | dropouts.Dropout2d
    | dropouts.Dropout3d
    | dropouts.AlphaDropout
    | dropouts.FeatureAlphaDropout
    | shapes.Identity
    | shapes.Flatten
    | shapes.Unflatten
    | axes.Select
    | axes.Permute
    | axes.Mean
    | shapes.PixelShuffle
    | shapes.PixelUnshuffle
    | shapes.ChannelShuffle
    | shapes.Unfold
    | shapes.Fold
    | shapes.LocalResponseNorm
    | upsampling.Upsample
    | upsampling.UpsamplingNearest2d
    | upsampling.UpsamplingBilinear2d
    | pooling.MaxPool1d
    | pooling.MaxPool2d
    | pooling.MaxPool3d
    | pooling.AvgPool1d
    | pooling.AvgPool2d
    | pooling.AvgPool3d
    | pooling.LPPool1d
    | pooling.LPPool2d
    | pooling.LPPool3d
    | adaptive_pooling.AdaptiveAvgPool1d
    | adaptive_pooling.AdaptiveAvgPool2d
    | adaptive_pooling.AdaptiveAvgPool3d
    | adaptive_pooling.AdaptiveMaxPool1d
    | adaptive_pooling.AdaptiveMaxPool2d
    | adaptive_pooling.AdaptiveMaxPool3d
    | adaptive_pooling.FractionalMaxPool2d
    | adaptive_pooling.FractionalMaxPool3d
    | padding.ZeroPad1d
    | padding.ZeroPad2d
    | padding.ZeroPad3d
    | padding.ConstantPad1d
    | padding.ConstantPad2d
    | padding.ConstantPad3d
    | padding.ReflectionPad1d
    | padding.ReflectionPad2d
    | padding.ReflectionPad3d
    | padding.ReplicationPad1d
    | padding.ReplicationPad2d
    | padding.ReplicationPad3d
    | padding.CircularPad1d
    | padding.CircularPad2d
    | padding.CircularPad3d,
    Field(discriminator="type"),
]

MODULES: dict[str, type[StatelessModule]] = {cls.type_name(): cls for cls in get_args(get_args(AnyModule)[0])}
"""The class of every `type` without parameters."""

EXCLUDED_MODULES: dict[str, str] = {
    "CosineSimilarity": TWO_INPUTS,
    "CrossMapLRN2d": "it is an older form of LocalResponseNorm; name that one",
    "DataParallel": "it wraps another module, which a network names itself",
    "MaxUnpool1d": TWO_INPUTS,
    "MaxUnpool2d": TWO_INPUTS,
    "MaxUnpool3d": TWO_INPUTS,
    "PairwiseDistance": TWO_INPUTS,
}
"""Modules of torch.nn without parameters that no evaluation can name: by class, a clause that says why."""
