"""The modules of torch.nn without parameters, one class each, named after torch's.

To add a module, write its class (see `base.Plain`) and add it to `AnyModule`; nothing else lists them.
"""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field

from tensorseed.spec.modules.adaptive_pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    FractionalMaxPool2d,
    FractionalMaxPool3d,
)
from tensorseed.spec.modules.base import (
    Bounds,
    StatelessModule,
)
from tensorseed.spec.modules.dropouts import (
    AlphaDropout,
    Dropout,
    Dropout1d,
    Dropout2d,
    Dropout3d,
    FeatureAlphaDropout,
)
from tensorseed.spec.modules.padding import (
    CircularPad1d,
    CircularPad2d,
    CircularPad3d,
    ConstantPad1d,
    ConstantPad2d,
    ConstantPad3d,
    ReflectionPad1d,
    ReflectionPad2d,
    ReflectionPad3d,
    ReplicationPad1d,
    ReplicationPad2d,
    ReplicationPad3d,
    ZeroPad1d,
    ZeroPad2d,
    ZeroPad3d,
)
from tensorseed.spec.modules.pooling import (
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    LPPool1d,
    LPPool2d,
    LPPool3d,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
)
from tensorseed.spec.modules.rectifiers import (
    CELU,
    ELU,
    GELU,
    SELU,
    Hardswish,
    LeakyReLU,
    Mish,
    ReLU,
    ReLU6,
    RReLU,
    SiLU,
    Softplus,
    Threshold,
)
from tensorseed.spec.modules.shapes import (
    ChannelShuffle,
    Flatten,
    Fold,
    Identity,
    LocalResponseNorm,
    PixelShuffle,
    PixelUnshuffle,
    Unflatten,
    Unfold,
)
from tensorseed.spec.modules.sigmoid_like import (
    GLU,
    Hardshrink,
    Hardsigmoid,
    Hardtanh,
    LogSigmoid,
    LogSoftmax,
    Sigmoid,
    Softmax,
    Softmax2d,
    Softmin,
    Softshrink,
    Softsign,
    Tanh,
    Tanhshrink,
)
from tensorseed.spec.modules.upsampling import (
    Upsample,
    UpsamplingBilinear2d,
    UpsamplingNearest2d,
)

__all__ = ["ABSENT", "MODULES", "AnyModule", "Bounds", "StatelessModule"]

AnyModule = Annotated[
    ReLU
    | ReLU6
    | LeakyReLU
    | RReLU
    | Threshold
    | ELU
    | CELU
    | SELU
    | GELU
    | SiLU
    | Mish
    | Hardswish
    | Softplus
    | Sigmoid
    | LogSigmoid
    | Hardsigmoid
    | Tanh
    | Hardtanh
    | Softsign
    | Tanhshrink
    | Hardshrink
    | Softshrink
    | GLU
    | Softmax
    | Softmin
    | LogSoftmax
    | Softmax2d
    | Dropout
    | Dropout1d
    | Dropout2d
    | Dropout3d
    | AlphaDropout
    | FeatureAlphaDropout
    | Identity
    | Flatten
    | Unflatten
    | PixelShuffle
    | PixelUnshuffle
    | ChannelShuffle
    | Unfold
    | Fold
    | LocalResponseNorm
    | Upsample
    | UpsamplingNearest2d
    | UpsamplingBilinear2d
    | MaxPool1d
    | MaxPool2d
    | MaxPool3d
    | AvgPool1d
    | AvgPool2d
    | AvgPool3d
    | LPPool1d
    | LPPool2d
    | LPPool3d
    | AdaptiveAvgPool1d
    | AdaptiveAvgPool2d
    | AdaptiveAvgPool3d
    | AdaptiveMaxPool1d
    | AdaptiveMaxPool2d
    | AdaptiveMaxPool3d
    | FractionalMaxPool2d
    | FractionalMaxPool3d
    | ZeroPad1d
    | ZeroPad2d
    | ZeroPad3d
    | ConstantPad1d
    | ConstantPad2d
    | ConstantPad3d
    | ReflectionPad1d
    | ReflectionPad2d
    | ReflectionPad3d
    | ReplicationPad1d
    | ReplicationPad2d
    | ReplicationPad3d
    | CircularPad1d
    | CircularPad2d
    | CircularPad3d,
    Field(discriminator="type"),
]

MODULES: dict[str, type[StatelessModule]] = {cls.type_name(): cls for cls in get_args(get_args(AnyModule)[0])}
"""The class of every `type` without parameters."""

_TWO = "it takes two inputs, and a network here hands one tensor from layer to layer"

EXCLUDED_MODULES: dict[str, str] = {
    "CosineSimilarity": _TWO,
    "CrossMapLRN2d": "it is an older form of LocalResponseNorm; name that one",
    "DataParallel": "it wraps another module, which a network names itself",
    "MaxUnpool1d": _TWO,
    "MaxUnpool2d": _TWO,
    "MaxUnpool3d": _TWO,
    "PairwiseDistance": _TWO,
}
"""Modules of torch.nn without parameters that no evaluation can name: by class, a clause that says why."""
