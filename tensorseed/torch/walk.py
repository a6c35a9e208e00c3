"""Walk through a module in the order of its state dict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import nn

from tensorseed.errors import ModuleError
from tensorseed.spec.names import MAX_CHARS
from tensorseed.torch.layers import CONTAINERS, LayerKey, key_of, layer_class
from tensorseed.torch.names import unwrapped


class Member(NamedTuple):
    """A parameter or a buffer of a module, by its name in the state dict."""

    name: str
    own_name: str  # of the attribute
    tensor: torch.Tensor
    owner: nn.Module
    is_buffer: bool = False
    persistent: bool = True  # whether it is in the state dict


class Layer(NamedTuple):
    """What the layer of a module, or one around it, decides of the module's tensors.

    `key` is the layer, and `path` leads from it to the module. `differs` is why no default is known.
    """

    key: LayerKey | None = None
    path: str = ""
    xavier: bool = False  # inside a Transformer, whose matrices are
    differs: str | None = None

    def inside(self) -> Layer:
        """The same for the modules inside."""
        return (
            NO_LAYER
            if self.differs is None and not self.xavier
            else Layer(None, "", self.xavier, self.differs)
        )


NO_LAYER = Layer()


def walk(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module, Layer]]:
    """Yield the modules, without wrappers, in the order of the state dict, with what begins their names.

    Raises:
        ModuleError: modules are nested more deeply than a name is long.
    """
    stack = [(prefix, module, NO_LAYER)]
    while stack:
        path, module, around = stack.pop()
        if len(path) > MAX_CHARS:
            raise ModuleError.at("", f"{path[:40]}… is nested too deeply: is a module its own submodule?")
        module = unwrapped(module)
        layer = _layer(module, around)
        yield path, module, layer
        if not module._modules:
            continue
        inside = layer.inside()
        for name in reversed(module._modules):
            child = module._modules[name]
            if child is None:
                continue
            of_attention = name == "out_proj" and layer.key is not None and layer.path == ""
            stack.append(
                (f"{path}{name}.", child, layer._replace(path="out_proj.") if of_attention else inside)
            )


def _layer(module: nn.Module, around: Layer) -> Layer:
    """What is known of a module in the layer `around`."""
    found = layer_class(type(module))
    if found is None:
        return around.inside()
    differs = around.differs or found.differs
    if found.kind in CONTAINERS:
        return Layer(None, "", around.xavier or found.kind == "Transformer", differs)
    if around.key is not None and found.kind == "Linear" and differs is None:
        return around
    return Layer(key_of(module, found.kind), "", around.xavier, differs)


def members_of(path: str, module: nn.Module) -> Iterator[Member]:
    """Yield the tensors that are the module's own."""
    for name, tensor in module._parameters.items():
        if tensor is not None:
            yield Member(path + name, name, tensor, module)
    hidden = module._non_persistent_buffers_set
    for name, buffer in module._buffers.items():
        if buffer is not None:
            yield Member(path + name, name, buffer, module, True, name not in hidden)
