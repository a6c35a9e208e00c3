"""Entries of a spec: bare tensors, and layer types, named as in torch.nn.

To add a layer type, write its class (see `base.Layer`) and add it to `AnyEntry`. Nothing else lists them.
"""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field

from tensorseed.spec.layers import (
    activation,
    attention,
    batch_normalization,
    classification,
    conv,
    embedding,
    linear,
    normalization,
    recurrent,
    scaling,
    transformer,
    transformer_layers,
)
from tensorseed.spec.layers.base import Entry, Layer, Slot
from tensorseed.spec.layers.tensor import FanAxes, Tensor

__all__ = ["LAYERS", "AnyEntry", "Entry", "FanAxes", "Layer", "Slot", "Tensor"]

AnyEntry = Annotated[
    Tensor
    | linear.Linear
    | linear.Bilinear
    | conv.Conv1d
    | conv.Conv2d
    | conv.Conv3d
    | conv.ConvTranspose1d
    | conv.ConvTranspose2d
    | conv.ConvTranspose3d
    | embedding.Embedding
    | embedding.EmbeddingBag
    | recurrent.RNN
    | recurrent.LSTM
    | recurrent.GRU
    | recurrent.RNNCell
    | recurrent.LSTMCell
    | recurrent.GRUCell
    | attention.MultiheadAttention
    | transformer_layers.TransformerEncoderLayer
    | transformer_layers.TransformerDecoderLayer
    | transformer.TransformerEncoder
    | transformer.TransformerDecoder
    | transformer.Transformer
    | normalization.LayerNorm
    | normalization.RMSNorm
    | normalization.GroupNorm
    | batch_normalization.BatchNorm1d
    | batch_normalization.BatchNorm2d
    | batch_normalization.BatchNorm3d
    | batch_normalization.SyncBatchNorm
    | batch_normalization.InstanceNorm1d
    | batch_normalization.InstanceNorm2d
    | batch_normalization.InstanceNorm3d
    | activation.PReLU
    | scaling.LayerScale
    | classification.AdaptiveLogSoftmaxWithLoss
    | classification.LinearCrossEntropyLoss,
    Field(discriminator="type"),
]

LAYERS: dict[str, type[Entry]] = {cls.type_name(): cls for cls in get_args(get_args(AnyEntry)[0])}
"""The class of every `type`."""
