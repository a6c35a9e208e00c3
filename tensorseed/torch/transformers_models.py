"""Inits that the transformers models of a module give themselves."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from operator import add
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import nn

from tensorseed.devices.local import LIMITS
from tensorseed.errors import shortened
from tensorseed.spec.layers import Tensor
from tensorseed.spec.resolution import EntryTensor, resolve_entry
from tensorseed.torch.defaults import Default
from tensorseed.torch.memory import is_dtensor
from tensorseed.torch.names import own_classes
from tensorseed.torch.walk import Member, members_of, walk

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from tensorseed.checkpoints.derivation.in_memory import InMemoryInits

Described = dict[str, Any]
Tensors = Mapping[str, torch.Tensor]

_ELEMENTWISE = frozenset(("zeros", "ones", "constant", "normal", "uniform", "trunc_normal"))


class ModelInits(NamedTuple):
    """What transformers itself fills the tensors of a model of class `kind` with.

    `entries` are entries `Tensor` of a spec but for the name, each with the tensor's own shape and dtype.
    `buffers` are the numbers of buffers that the model computes itself, such as rotary frequencies.
    `unknown` says, as a clause, why a tensor has neither. `ties` lead from the further names of a tied tensor
    to the first, by which it is saved.
    """

    kind: str
    entries: dict[str, Described]
    buffers: dict[str, torch.Tensor]
    unknown: dict[str, str]
    ties: dict[str, str]

    def default(self, name: str, of_layer: Default) -> tuple[EntryTensor | None, str | None, str]:
        """The tensor and the words for it, or None and why, and the name by which it is drawn.

        A buffer that is unknown has the default of its layer.
        """
        if name in self.entries:
            entry = self.entries[name]
            return entry_tensor(entry), f"default of {self.kind}", entry.get("stream") or name
        if name in self.buffers or not of_layer.is_buffer:
            return None, self.unknown.get(name), name
        return of_layer.drawn, of_layer.words, name


class TransformersModels:
    """The outermost transformers models in a module, whose inits are found when they are first needed."""

    def __init__(self, module: nn.Module, prefix: str = "") -> None:
        self._inits: dict[str, ModelInits] = {}
        self._models: dict[str, PreTrainedModel] = {}  # by what begins the names of its tensors
        if _modeling() is not None and any(map(is_pretrained, module.modules())):
            for part in walk(module, prefix):
                if is_pretrained(part.module) and not self.covers(part.path):
                    self._models[part.path] = cast("PreTrainedModel", part.module)

    def __bool__(self) -> bool:
        """Whether there is one."""
        return bool(self._models)

    def covers(self, name: str) -> bool:
        """Whether a tensor or a module is in one of the models."""
        return name.startswith((*self._models,))

    def inits_of(self, name: str) -> ModelInits | None:
        """The inits of the model that a tensor belongs to; None of one outside any."""
        path = next(filter(name.startswith, self._models), None)
        if path is not None and path not in self._inits:
            model = self._models[path]
            members = [one for part in walk(model, path) for one in members_of(part.path, part.module)]
            tensors = {one.name.removeprefix(path): one.tensor for one in members}
            self._inits[path] = model_inits(model, tensors, path)
        return None if path is None else self._inits[path]

    def is_tie(self, name: str, first: str | None) -> bool:
        """Whether a model itself ties two of its tensors, and saves them by the first name alone."""
        inits = self.inits_of(name)
        return first is not None and inits is not None and inits.ties.get(name) == first

    def numbers(self, members: Iterable[Member]) -> list[tuple[Member, torch.Tensor]]:
        """Those of some buffers that their model computes, with their numbers."""
        found = ((member, self.inits_of(member.name)) for member in members)
        return [
            (member, inits.buffers[member.name])
            for member, inits in found
            if inits is not None and member.name in inits.buffers
        ]


def write_numbers(member: Member, numbers: torch.Tensor, device: torch.device) -> None:
    """Write the numbers of a buffer, whole or sharded; one on meta gets memory on `device`."""
    with torch.no_grad():
        if member.tensor.is_meta:
            numbers = numbers.to(device, member.tensor.dtype, copy=True)
            member.owner._buffers[member.own_name] = numbers
        elif is_dtensor(member.tensor):
            from tensorseed.torch.shards import pieces

            for piece in pieces(member.tensor):
                stops = map(add, piece.box.starts, piece.box.shape)
                piece.local.copy_(numbers[tuple(map(slice, piece.box.starts, stops))])
        else:
            member.tensor.copy_(numbers)


def entry_tensor(entry: Described) -> EntryTensor:
    """The tensor of an entry, drawn by whatever name."""
    return _entry_tensor(json.dumps({**entry, "name": "x", "stream": None}))


@lru_cache(4_096)
def _entry_tensor(text: str) -> EntryTensor:
    entry = Tensor.model_validate_json(text)
    assert entry.dtype is not None
    return resolve_entry(entry, entry.dtype, LIMITS).tensors[0]


def is_pretrained(module: torch.nn.Module) -> bool:
    """Whether a module is a model of transformers, which is not imported for it."""
    transformers = _modeling()
    return transformers is not None and isinstance(module, transformers.PreTrainedModel)


def _modeling() -> Any:
    """The module of transformers' models; None where none is there, since it is not imported."""
    return sys.modules.get("transformers.modeling_utils")


def model_inits(model: PreTrainedModel, tensors: Tensors, prefix: str = "") -> ModelInits:
    """The inits of a model's tensors.

    The model is built once more from its class and config, without data, and its initialisation is recorded.
    That takes seconds at most, and draws nothing. `tensors` are its parameters and buffers by name, without
    what wrappers add to names. Only their shapes and dtypes are read, so they may be on meta or sharded; the
    shape of a DTensor is that of the whole. The names that the inits have begin with `prefix`.

    A tensor is known by its name. One with more or fewer rows than its config says, such as a resized
    embedding, has the same init where the elements do not depend on the shape. An adapter or a head that the
    config does not know is in `unknown`.

    A tensor that published checkpoints have under another name is drawn by that name, its `stream`. So a
    model equals the recipe of its config, bit for bit. Only tensors that transformers fuses in memory, such
    as the experts of a mixture, do not: a recipe draws their parts, each by a name of its own.

    Random states, defaults and switches of torch and transformers are left as they are.
    """
    inits = _inits_of(model, tensors)
    ties = {f"{prefix}{name}": f"{prefix}{first}" for name, first in inits.ties.items()}
    found = ModelInits(model_class(model).__name__, {}, {}, {}, ties)
    for name in tensors:
        _add(found, prefix, name, tensors, inits)
    return found


def model_class(model: PreTrainedModel) -> type[PreTrainedModel]:
    """The class that a model was made of: `fully_shard` gives it another one, derived from that."""
    own: type[PreTrainedModel] = own_classes(type(model))[0]
    return own


def _inits_of(model: PreTrainedModel, tensors: Tensors) -> InMemoryInits:
    from tensorseed.checkpoints.derivation.building import MAX_MODULES
    from tensorseed.checkpoints.derivation.in_memory import InMemoryInits, in_memory_inits

    cls = model_class(model)
    dtypes = {name: tensor.dtype for name, tensor in tensors.items()}
    modules = max(MAX_MODULES, sum(1 for _ in model.modules()))  # it was built once
    try:
        return in_memory_inits(cls, model.config, dtypes, modules)
    except Exception as error:  # whatever a class of somebody's own raises
        cause = shortened(" ".join(f"{type(error).__name__} {error}".split()))
        why = f"{cls.__name__} cannot be built again from its config ({cause})"
        return InMemoryInits(unknown=dict.fromkeys(tensors, why))


def _add(found: ModelInits, prefix: str, name: str, tensors: Tensors, inits: InMemoryInits) -> None:
    """Add what is known of the tensor `name`, or why nothing is."""
    whole, shape = f"{prefix}{name}", [*tensors[name].shape]
    if name in inits.entries:
        entry = inits.entries[name]
        expected = entry["shape"]
        if expected == shape or _has_other_rows(entry, shape):
            found.entries[whole] = _placed(entry, prefix, shape, tensors)
            return
    elif name in inits.values:
        expected = [*inits.values[name].shape]
        if expected == shape:
            found.buffers[whole] = inits.values[name]
            return
    else:
        found.unknown[whole] = inits.unknown.get(name, "the model of its config has no such tensor")
        return
    found.unknown[whole] = f"its shape is {shape}, and {expected} in the model of its config"


def _has_other_rows(entry: Described, shape: Sequence[int]) -> bool:
    """Whether the tensor differs in its rows alone, and their number changes no element."""
    init = entry["init"]
    kind = init if isinstance(init, str) else init["kind"]
    if kind not in _ELEMENTWISE or len(shape) != len(entry["shape"]) or shape[1:] != entry["shape"][1:]:
        return False
    return bool(shape) and entry.get("padding_idx", 0) < shape[0]


def _placed(entry: Described, prefix: str, shape: list[int], tensors: Tensors) -> Described:
    """The entry in a module whose model is at `prefix`."""
    placed = entry | {"shape": shape}
    stream = placed.pop("stream", None)
    tied = tensors.get(stream)
    if stream is None or (tied is not None and [*tied.shape] != shape):  # its table got other rows
        return placed
    return placed | {"stream": f"{prefix}{stream}"}
