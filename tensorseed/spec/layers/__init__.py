"""The entries of a spec: bare tensors, and layer types named after torch.nn classes, one class each.

To add a layer type, write its class (see `base.Layer`) and add it to `AnyEntry`; nothing else lists them.
"""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field

from tensorseed.spec.layers.activation import PReLU
from tensorseed.spec.layers.attention import MultiheadAttention
from tensorseed.spec.layers.base import Entry, Layer, Slot
from tensorseed.spec.layers.batch_normalization import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    SyncBatchNorm,
)
from tensorseed.spec.layers.classification import AdaptiveLogSoftmaxWithLoss, LinearCrossEntropyLoss
from tensorseed.spec.layers.conv import Conv1d, Conv2d, Conv3d
from tensorseed.spec.layers.conv_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from tensorseed.spec.layers.embedding import Embedding, EmbeddingBag
from tensorseed.spec.layers.linear import Bilinear, Linear
from tensorseed.spec.layers.normalization import GroupNorm, LayerNorm, RMSNorm
from tensorseed.spec.layers.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from tensorseed.spec.layers.tensor import FanAxes, Tensor
from tensorseed.spec.layers.transformer import Transformer, TransformerDecoder, TransformerEncoder
from tensorseed.spec.layers.transformer_layers import TransformerDecoderLayer, TransformerEncoderLayer

__all__ = ["LAYERS", "AnyEntry", "Entry", "FanAxes", "Layer", "Slot", "Tensor"]

AnyEntry = Annotated[
    Tensor
    | Linear
    | Bilinear
    | Conv1d
    | Conv2d
    | Conv3d
    | ConvTranspose1d
    | ConvTranspose2d
    | ConvTranspose3d
    | Embedding
    | EmbeddingBag
    | RNN
    | LSTM
    | GRU
    | RNNCell
    | LSTMCell
    | GRUCell
    | MultiheadAttention
    | TransformerEncoderLayer
    | TransformerDecoderLayer
    | TransformerEncoder
    | TransformerDecoder
    | Transformer
    | LayerNorm
    | RMSNorm
    | GroupNorm
    | BatchNorm1d
    | BatchNorm2d
    | BatchNorm3d
    | SyncBatchNorm
    | InstanceNorm1d
    | InstanceNorm2d
    | InstanceNorm3d
    | PReLU
    | AdaptiveLogSoftmaxWithLoss
    | LinearCrossEntropyLoss,
    Field(discriminator="type"),
]

LAYERS: dict[str, type[Entry]] = {cls.type_name(): cls for cls in get_args(get_args(AnyEntry)[0])}
"""The class of every `type`."""
