"""Layer types of the catalogue, read from live modules of torch.nn."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from pydantic import ValidationError
from torch import nn

from tensorseed.devices.local import LIMITS
from tensorseed.spec.layers import LAYERS, Layer
from tensorseed.spec.resolution import EntryTensor, resolve_entry
from tensorseed.spec.schemes import ArgumentError
from tensorseed.torch.names import by_class, own_classes

STACKS = frozenset(
    {"TransformerEncoderLayer", "TransformerDecoderLayer", "TransformerEncoder", "TransformerDecoder"}
)
CONTAINERS = STACKS | {"AdaptiveLogSoftmaxWithLoss", "LinearCrossEntropyLoss", "Transformer"}
"""The types whose tensors belong to layers inside them."""

_RESETS = ("__init__", "reset_parameters", "_reset_parameters", "reset_running_stats")
_FLAGGED = frozenset({"RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"})  # whose `bias` is a bool
_COMMON = frozenset({"name", "type", "dtype", "stream", "seed", "init"})
_MAX_CACHED = 4_096
_SLOPE = 0.25  # of PReLU, by default

Values = tuple[Any, ...]


class LayerClass(NamedTuple):
    """The layer type of a class, and why its defaults are not the catalogue's; None where they are."""

    kind: str
    differs: str | None


@by_class
def layer_class(cls: type[nn.Module]) -> LayerClass | None:
    """The layer type of a module's class, or of the one that it extends; None for any other class.

    A class with a constructor or a reset of its own may fill its parameters with anything.
    """
    bases = own_classes(cls)
    for index, base in enumerate(bases):
        kind = base.__name__
        if kind not in LAYERS or getattr(nn, kind, None) is not base:
            continue
        if kind in STACKS:
            return LayerClass(kind, None)
        own = [
            f"its class {one.__name__} has its own {reset}, beside that of {kind}"
            for one in bases[:index]
            for reset in _RESETS
            if reset in vars(one) and one is not nn.modules.linear.NonDynamicallyQuantizableLinear
        ]
        return LayerClass(kind, own[0] if own else None)
    return None


class LayerKey(NamedTuple):
    """A layer type and its arguments: modules of equal keys have tensors of equal shapes and defaults."""

    kind: str
    values: Values  # in the order of the names of its `reader`

    def tensors(self, dtype: str) -> dict[str, EntryTensor]:
        """The tensors by name below the layer; empty where the arguments are none of the catalogue's."""
        return _tensors(self, dtype)

    def layer(self) -> Layer | None:
        """The entry under a placeholder name; None where the arguments are none of the catalogue's."""
        return _layer(self)


class Reader(NamedTuple):
    """The names of a type's arguments, and the function that reads their values from a module.

    Modules with equal `attributes`, and with parameters of the same names, have equal values.
    """

    names: tuple[str, ...]
    read: Callable[[nn.Module], Values]
    attributes: Callable[[nn.Module], Any]


@cache
def reader(kind: str) -> Reader:
    """The reader of a type whose tensors are not those of layers inside it."""
    names = tuple(name for name in LAYERS[kind].model_fields if name not in _COMMON)
    if kind == "MultiheadAttention":
        return Reader(names, _attention, _ATTENTION)
    if kind == "PReLU":
        read = attrgetter(*names, "init")
        return Reader((*names, "init"), read, read)
    if kind in _FLAGGED or "bias" not in names:
        read = attrgetter(*names)
        return Reader(names, read, read)
    others = tuple(name for name in names if name != "bias")
    read = attrgetter(*others)
    return Reader((*others, "bias"), lambda module: (*read(module), _has_bias(module)), read)


def _has_bias(module: nn.Module) -> bool:
    """Whether a module was made with a bias. One without a scale has none whatever was chosen."""
    own = module._parameters
    if own.get("bias") is not None or "bias" not in own:  # behind a parametrization it is not there
        return True
    return "weight" in own and own["weight"] is None


_ATTENTION = attrgetter("embed_dim", "num_heads", "dropout", "add_zero_attn", "kdim", "vdim", "batch_first")


def _attention(module: nn.Module) -> Values:
    size, heads, dropout, zero, keys, values, first = _ATTENTION(module)
    bias = "in_proj_bias" not in module._parameters or module._parameters["in_proj_bias"] is not None
    more = module._parameters.get("bias_k") is not None
    return (size, heads, dropout, bias, more, zero, keys, values, first)


@lru_cache(_MAX_CACHED)
def _tensors(key: LayerKey, dtype: str) -> dict[str, EntryTensor]:
    layer = _layer(key)
    if layer is None:
        return {}
    try:
        resolved = resolve_entry(layer, dtype, LIMITS)
    except ArgumentError:
        return {}
    return {tensor.suffix[1:]: tensor for tensor in resolved.tensors}


@lru_cache(_MAX_CACHED)
def _layer(key: LayerKey) -> Layer | None:
    return make_layer(key.kind, dict(zip(reader(key.kind).names, key.values, strict=True)))


def make_layer(kind: str, arguments: dict[str, Any]) -> Layer | None:
    """The entry of a type under a placeholder name; None where the arguments are none of the catalogue's."""
    given = dict(arguments)
    if kind == "PReLU":
        slope = given.pop("init")
        given["init"] = {} if slope == _SLOPE else {"weight": {"kind": "constant", "value": slope}}
    try:
        found = LAYERS[kind].model_validate({"name": "x", "type": kind, **_plain(given)})
    except (ValidationError, TypeError, OverflowError):
        return None
    assert isinstance(found, Layer)
    return found


def _plain(value: Any) -> Any:
    """A value without the types that torch and numpy add to Python's."""
    if value is None or isinstance(value, str | bool | float):
        return value
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return tuple(map(_plain, value))
    return operator.index(value)
