"""What an evaluation knows of the catalogue's layers: which a network can have, and what they take.

A layer with parameters is an entry of the spec, one without is a `Plain` module; the functions take either.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from tensorseed.spec.layers import Layer
from tensorseed.spec.layers.base import Shape
from tensorseed.spec.modules import Bounds, StatelessModule

Part = Layer | StatelessModule

_TWO = "it takes two inputs, and a network here hands one tensor from layer to layer"
_LOSS = "it is a loss and takes a target; name the loss beside the layers"

REFUSED: dict[str, str] = {
    "AdaptiveLogSoftmaxWithLoss": _LOSS,
    "Bilinear": _TWO,
    "LinearCrossEntropyLoss": _LOSS,
    "Tensor": "it is a bare tensor, through which nothing flows; use a layer that owns it, such as Linear",
    "Transformer": _TWO,
    "TransformerDecoder": _TWO,
    "TransformerDecoderLayer": _TWO,
}
"""Types of the catalogue that are no part of a network: by name, a clause that says why."""


class Takes(NamedTuple):
    """What a layer takes: the argument that names the size of an axis, that axis, and how many dimensions."""

    argument: str
    axis: int
    ranks: tuple[int, ...] = ()


_FEATURES = Takes("in_features", -1)
_CHANNELS = {rank: Takes("in_channels", -rank - 1, (rank + 1, rank + 2)) for rank in (1, 2, 3)}
_SEQUENCE = Takes("input_size", -1, (2, 3))
_STEP = Takes("input_size", -1, (1, 2))
_INSTANCE = {rank: Takes("num_features", -rank - 1, (rank + 1, rank + 2)) for rank in (1, 2, 3)}

TAKES: dict[str, Takes] = {
    "Linear": _FEATURES,
    **{f"Conv{rank}d": takes for rank, takes in _CHANNELS.items()},
    **{f"ConvTranspose{rank}d": takes for rank, takes in _CHANNELS.items()},
    **dict.fromkeys(("RNN", "LSTM", "GRU"), _SEQUENCE),
    **dict.fromkeys(("RNNCell", "LSTMCell", "GRUCell"), _STEP),
    "MultiheadAttention": Takes("embed_dim", -1, (2, 3)),
    "TransformerEncoderLayer": Takes("d_model", -1, (2, 3)),
    "TransformerEncoder": Takes("d_model", -1, (2, 3)),
    "GroupNorm": Takes("num_channels", 1),
    "BatchNorm1d": Takes("num_features", 1, (2, 3)),
    "BatchNorm2d": Takes("num_features", 1, (4,)),
    "BatchNorm3d": Takes("num_features", 1, (5,)),
    "SyncBatchNorm": Takes("num_features", 1),
    **{f"InstanceNorm{rank}d": takes for rank, takes in _INSTANCE.items()},
    "PReLU": Takes("num_parameters", 1),
}
"""By type; layers that are not here take any shape, or have a rule of their own."""

INTEGER = frozenset({"Embedding", "EmbeddingBag"})
"""The types that take integers, and nothing else."""
ANY = frozenset({"Identity", "Flatten", "Unflatten"})
"""The types that take integers as well as other numbers."""

NORMS = frozenset({"LayerNorm", "RMSNorm"})
"""The types whose weight is no matrix, even where it has two dimensions or more."""

_BOUNDED = frozenset({"GRU", "GRUCell", "LSTM", "LSTMCell"})
_BATCH = ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm")


def check_input(part: Part, shape: Shape, *, training: bool) -> None:
    """Raise ValueError, with a sentence that continues the layer's name, for an input it cannot take."""
    if isinstance(part, StatelessModule):
        part.takes(shape)
        return
    kind = part.type_name()
    if kind in NORMS:
        _check_normalized(part, shape)
    elif kind == "EmbeddingBag" and len(shape) != 2:
        raise ValueError(f"takes bags of equal size, (N, L), and gets {list(shape)}")
    elif kind in TAKES:
        _check_width(part, TAKES[kind], shape)
    if training and kind in _BATCH and math.prod(shape) == shape[1]:
        few = f"needs more than one value of each channel while training, and gets {list(shape)}"
        raise ValueError(f"{few}: use a larger batch, or training false")
    if kind.startswith("InstanceNorm") and _own_statistics(part, training) and _spatial(part, shape) == 1:
        raise ValueError(f"needs more than one element of each channel, and gets {list(shape)}")


def _own_statistics(part: Layer, training: bool) -> bool:
    return training or not bool(getattr(part, "track_running_stats", False))


def _spatial(part: Layer, shape: Shape) -> int:
    return math.prod(shape[TAKES[part.type_name()].axis + 1 :])


def _check_width(part: Layer, takes: Takes, shape: Shape) -> None:
    if takes.ranks and len(shape) not in takes.ranks:
        counts = " or ".join(map(str, takes.ranks))
        raise ValueError(f"takes an input of {counts} dimensions and gets {len(shape)}: {list(shape)}")
    argument = takes.argument
    wanted = width(part)
    if argument == "num_parameters" and wanted == 1:
        return
    least = takes.axis + 1 if takes.axis >= 0 else -takes.axis
    if len(shape) < max(least, 1):
        raise ValueError(f"takes an input of at least {least} dimensions and gets {list(shape)}")
    got = shape[takes.axis]
    if got != wanted:
        detail = f"has {argument} {wanted} and gets {got}, from an input of shape {list(shape)}"
        raise ValueError(f"{detail}: set {argument} to {got}, or make the layers before it give {wanted}")


def width(part: Layer) -> int:
    """The size of the axis that the type's `Takes` names."""
    holder = getattr(part, "encoder_layer", part)
    return int(getattr(holder, TAKES[part.type_name()].argument))


def _check_normalized(part: Layer, shape: Shape) -> None:
    size = part.normalized_shape  # type: ignore[attr-defined]
    wanted = (size,) if isinstance(size, int) else tuple(size)
    if shape[-len(wanted) :] != wanted or not wanted:
        got = list(shape[-len(wanted) :])
        detail = f"has normalized_shape {list(wanted)} and gets {got}, from an input of shape {list(shape)}"
        raise ValueError(f"{detail}: set normalized_shape to {got}")


def feature_axis(part: Part, before: int) -> int:
    """The axis of the features in the output, from the end; `before` is that of the input."""
    if isinstance(part, StatelessModule):
        own = part.axis()
        return before if own is None else own
    kind = part.type_name()
    if kind.startswith(("Conv", "InstanceNorm")):
        return TAKES[kind].axis
    if kind in ("GroupNorm", "PReLU", *_BATCH):
        return {"BatchNorm2d": -3, "BatchNorm3d": -4}.get(kind, before)
    return -1


def bounds(part: Part) -> Bounds | None:
    """Where the layer's function ends; None where it does not."""
    if isinstance(part, StatelessModule):
        return part.bounds()
    tanh = getattr(part, "nonlinearity", "") == "tanh"
    return Bounds(-1.0, 1.0) if tanh or part.type_name() in _BOUNDED else None


def is_random(part: Part, *, training: bool) -> bool:
    """Whether the layer draws numbers when it runs."""
    if isinstance(part, StatelessModule):
        return part.random and (training or part.type_name().startswith("Fractional"))
    holder = getattr(part, "encoder_layer", part)
    return training and bool(getattr(holder, "dropout", 0.0))
