"""Inits that the transformers models of a module give themselves."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from tensorseed.errors import shortened

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from tensorseed.checkpoints.derivation.in_memory import InMemoryInits

Described = dict[str, Any]
Tensors = Mapping[str, torch.Tensor]

_ELEMENTWISE = frozenset(("zeros", "ones", "constant", "normal", "uniform", "trunc_normal"))


class ModelInits(NamedTuple):
    """What transformers itself fills the tensors of a model with.

    `entries` are entries `Tensor` of a spec but for the name, each with the tensor's own shape and dtype.
    `buffers` are the numbers of buffers that the model computes itself, such as rotary frequencies.
    `unknown` says, as a clause, why a tensor has neither.
    """

    entries: dict[str, Described]
    buffers: dict[str, torch.Tensor]
    unknown: dict[str, str]


def is_pretrained(module: torch.nn.Module) -> bool:
    """Whether a module is a model of transformers, which is not imported for it."""
    transformers = sys.modules.get("transformers.modeling_utils")  # no such model is there without it
    return transformers is not None and isinstance(module, transformers.PreTrainedModel)


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
    found = ModelInits({}, {}, {})
    inits = _inits_of(model, tensors)
    for name in tensors:
        _add(found, prefix, name, tensors, inits)
    return found


def _inits_of(model: PreTrainedModel, tensors: Tensors) -> InMemoryInits:
    from tensorseed.checkpoints.derivation.building import MAX_MODULES
    from tensorseed.checkpoints.derivation.in_memory import InMemoryInits, in_memory_inits

    cls = class_of(model)
    dtypes = {name: tensor.dtype for name, tensor in tensors.items()}
    modules = max(MAX_MODULES, sum(1 for _ in model.modules()))  # it was built once
    try:
        return in_memory_inits(cls, model.config, dtypes, modules)
    except Exception as error:  # whatever a class of somebody's own raises
        cause = shortened(" ".join(f"{type(error).__name__} {error}".split()))
        why = f"{cls.__name__} cannot be built again from its config ({cause})"
        return InMemoryInits(unknown=dict.fromkeys(tensors, why))


def class_of(model: PreTrainedModel) -> type[PreTrainedModel]:
    """The class that a model was made of: `fully_shard` gives it another one, derived from that."""
    base = sys.modules["transformers.modeling_utils"].PreTrainedModel
    own: type[PreTrainedModel] = next(
        cls
        for cls in type(model).__mro__
        if issubclass(cls, base) and cls.__module__.partition(".")[0] != "torch"
    )
    return own


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
