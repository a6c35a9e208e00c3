"""Walk through a module in the order of its state dict."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import nn

from tensorseed.errors import ModuleError
from tensorseed.spec.names import MAX_CHARS
from tensorseed.torch.layers import CONTAINERS, LayerKey, Values, layer_class, reader
from tensorseed.torch.names import by_class, class_names, full_names, wrapped_attribute

_QUANTIZED = "is quantized, and its weights are no parameters: call init_ before it is quantized"

_REFUSED = {
    "torch.distributed.fsdp.fully_sharded_data_parallel.FullyShardedDataParallel": (
        "is wrapped by FullyShardedDataParallel, whose flattened parameters have other shapes: call init_ "
        "before it is wrapped, or shard by fully_shard"
    ),
    "torch.jit._script.ScriptModule": (
        "is compiled by torch.jit, and has no layers of torch.nn: call init_ before it is compiled"
    ),
    "torch.ao.nn.quantized.modules.utils.WeightedQuantizedModule": _QUANTIZED,
    "torch.ao.nn.quantized.modules.linear.LinearPackedParams": _QUANTIZED,
    "torch.ao.nn.quantized.modules.embedding_ops.Embedding": _QUANTIZED,
    "torch.ao.nn.quantized.modules.embedding_ops.EmbeddingPackedParams": _QUANTIZED,
    "torch.ao.nn.quantized.dynamic.modules.rnn.RNNBase": _QUANTIZED,
    "torch.ao.nn.quantized.dynamic.modules.rnn.RNNCellBase": _QUANTIZED,
}
"""Why nothing initialises a module, by class."""


class Member(NamedTuple):
    """A parameter or a buffer of a module, by its name in the state dict."""

    name: str
    own_name: str  # of the attribute
    tensor: torch.Tensor
    owner: nn.Module
    is_buffer: bool = False
    persistent: bool = True  # whether it is in the state dict


def members_of(path: str, module: nn.Module) -> Iterator[Member]:
    """Yield the tensors that are the module's own; `path` begins their names."""
    for name, tensor in module._parameters.items():
        if tensor is not None:
            yield Member(path + name, name, tensor, module)
    hidden = module._non_persistent_buffers_set
    for name, buffer in module._buffers.items():
        if buffer is not None:
            yield Member(path + name, name, buffer, module, True, name not in hidden)


class Kind(NamedTuple):
    """What the class of a module says."""

    wrapped: str | None  # the attribute that holds the module inside a wrapper
    refusal: str | None  # why nothing initialises it
    types: tuple[str, ...]  # the names of its classes, as rules match them
    layer: str | None  # the layer type
    differs: str | None  # why its default is not that of the type
    read: Callable[[nn.Module], Values] | None  # of a layer without layers inside
    attributes: Callable[[nn.Module], Any]  # beside its own tensors all that its `Layer` depends on


@by_class
def kind_of(cls: type[nn.Module]) -> Kind:
    """What a class says of its modules."""
    found = layer_class(cls)
    layer, differs = (None, None) if found is None else found
    known = None if layer is None or layer in CONTAINERS else reader(layer)
    return Kind(
        wrapped_attribute(cls),
        next((_REFUSED[name] for name in full_names(cls) if name in _REFUSED), None),
        class_names(cls),
        layer,
        differs,
        None if known is None else known.read,
        _nothing if known is None else known.attributes,
    )


def _nothing(_: nn.Module) -> None:
    return None


class Layer:
    """What the layer of a module, or one around it, decides of the module's tensors.

    `key` is the layer, and `path` leads from it to the module. `xavier` is the init of all matrices inside a
    Transformer. `differs` is why no default is known. Equal layers are one object.
    """

    __slots__ = ("differs", "key", "path", "xavier")

    def __init__(self, key: LayerKey | None, path: str, xavier: bool, differs: str | None) -> None:
        self.key = key
        self.path = path
        self.xavier = xavier
        self.differs = differs

    def inside(self) -> Layer:
        """The same for the modules inside."""
        return (
            NO_LAYER
            if self.differs is None and not self.xavier
            else layer_of(xavier=self.xavier, differs=self.differs)
        )

    def out_proj(self) -> Layer:
        """The same for the projection inside an attention."""
        return layer_of(self.key, "out_proj.", self.xavier, self.differs)


@lru_cache(4_096)
def layer_of(
    key: LayerKey | None = None, path: str = "", xavier: bool = False, differs: str | None = None
) -> Layer:
    """The layer of these."""
    return Layer(key, path, xavier, differs)


NO_LAYER = layer_of()


class Part(NamedTuple):
    """A module that is not a wrapper, what begins the names of its tensors, and what is known of it."""

    path: str
    module: nn.Module
    kind: Kind
    around: Layer  # what the modules around it decide

    @property
    def layer(self) -> Layer:
        """What its layer decides, or one around it."""
        return NO_LAYER if self.kind.refusal is not None else _layer(self.module, self.kind, self.around)

    @property
    def refusal(self) -> str | None:
        """Why nothing initialises the module, by its name; None where something may."""
        if self.kind.refusal is None:
            return None
        return f"{self.path[:-1] or 'the module'} {self.kind.refusal}"


def walk(module: nn.Module, prefix: str = "") -> Iterator[Part]:
    """Yield the modules in the order of the state dict, without their wrappers.

    Raises:
        ModuleError: modules are nested more deeply than a name is long.
    """
    stack = [(prefix, module, NO_LAYER)]
    while stack:
        path, module, around = stack.pop()
        if len(path) > MAX_CHARS:
            detail = f"names below {path[:40]}… have over {MAX_CHARS:,} characters"
            raise ModuleError.at("", f"{detail}, and a spec's at most that: is a module its own submodule?")
        kind = kind_of(type(module))
        while kind.wrapped is not None:
            inner = module._modules[kind.wrapped]
            assert inner is not None
            module, kind = inner, kind_of(type(inner))
        yield tuple.__new__(Part, (path, module, kind, around))
        if not module._modules or kind.refusal is not None:
            continue
        layer = _layer(module, kind, around)
        inside = layer.inside()
        for name in reversed(module._modules):
            child = module._modules[name]
            if child is not None:
                of_attention = name == "out_proj" and layer.key is not None and not layer.path
                stack.append((f"{path}{name}.", child, layer.out_proj() if of_attention else inside))


def _layer(module: nn.Module, kind: Kind, around: Layer) -> Layer:
    """What is known of a module inside `around`."""
    _, _, _, layer, differs, read, _ = kind
    if layer is None:
        return around.inside()
    differs = around.differs or differs
    if read is None:
        return layer_of(None, "", around.xavier or layer == "Transformer", differs)
    if around.key is not None and layer == "Linear" and differs is None:
        return around
    try:
        return _own_layer(layer, read(module), around.xavier, differs)
    except AttributeError:  # it is not what its class makes
        return layer_of(None, "", around.xavier, differs)


@lru_cache(4_096)
def _own_layer(kind: str, values: Values, xavier: bool, differs: str | None) -> Layer:
    return layer_of(LayerKey(kind, values), "", xavier, differs)
