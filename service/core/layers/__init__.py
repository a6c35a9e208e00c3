"""The entries of a spec: bare tensors, and layer types named after torch.nn classes, one class each.

To add a layer type, write its class (see `base.Layer`) and add it to `AnyEntry`; nothing else lists them.
"""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field

from service.core.layers.base import Entry, Layer, Slot
from service.core.layers.conv import Conv1d, Conv2d, Conv3d
from service.core.layers.embedding import Embedding
from service.core.layers.linear import Linear
from service.core.layers.normalization import BatchNorm1d, BatchNorm2d, BatchNorm3d, LayerNorm
from service.core.layers.tensor import FanAxes, Tensor

__all__ = ["LAYERS", "AnyEntry", "Entry", "FanAxes", "Layer", "Slot", "Tensor"]

AnyEntry = Annotated[
    Tensor
    | Linear
    | Conv1d
    | Conv2d
    | Conv3d
    | Embedding
    | LayerNorm
    | BatchNorm1d
    | BatchNorm2d
    | BatchNorm3d,
    Field(discriminator="type"),
]

LAYERS: dict[str, type[Entry]] = {cls.type_name(): cls for cls in get_args(get_args(AnyEntry)[0])}
"""The class of every `type`."""
