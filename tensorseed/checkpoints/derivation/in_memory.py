"""Inits of the tensors that a model of transformers has in memory."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from cachetools import LRUCache
from transformers import PreTrainedConfig, PreTrainedModel

from tensorseed.checkpoints.derivation.building import MAX_MODULES, Bounds, build, silence
from tensorseed.checkpoints.derivation.description import (
    Described,
    Place,
    beside,
    entry_of,
    need_curves,
    place_of,
)
from tensorseed.checkpoints.derivation.op_rules import storage_of
from tensorseed.checkpoints.derivation.overrides import UNKNOWN
from tensorseed.checkpoints.derivation.published_names import published as published_names
from tensorseed.checkpoints.derivation.recorded_distributions import WEIGHT_NORM
from tensorseed.checkpoints.derivation.recorder import Recorder
from tensorseed.checkpoints.derivation.storage_regions import UnknownContentError
from tensorseed.spec.schemes import SCHEMES

CACHE_BYTES = 64 << 20
MAX_KNOWN_ELEMENTS = 1 << 24  # of a computed buffer: a causal mask of 4,096 positions
MAX_KNOWN_TOTAL = 1 << 30  # of all of them: one in each layer

_ENTRY_BYTES = 1 << 10  # of memory, roughly

_View = tuple[object, ...]  # a storage, and which of its elements a tensor shows in which order


@dataclass(frozen=True)
class InMemoryInits:
    """What transformers fills the tensors of a model with, by their names in memory.

    `entries` are those of the state dict, and of further buffers that are drawn. An entry has a `stream`
    where published checkpoints have the tensor under another name, and for further names of a tied tensor.
    `values` are computed buffers without an entry. `unknown` says why a tensor has neither. `ties` lead from
    the further names of a tied tensor to the first.
    """

    entries: dict[str, Described] = field(default_factory=dict)
    values: dict[str, torch.Tensor] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    ties: dict[str, str] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Roughly the memory that it takes."""
        names = len(self.entries) + len(self.unknown)
        return _ENTRY_BYTES * (1 + names) + sum(values.nbytes for values in self.values.values())


_CACHE: LRUCache[object, InMemoryInits] = LRUCache(CACHE_BYTES, getsizeof=lambda inits: inits.nbytes)
_LOCK = threading.Lock()


def in_memory_inits(
    cls: type[PreTrainedModel],
    config: PreTrainedConfig,
    dtypes: Mapping[str, torch.dtype],
    modules: int = MAX_MODULES,
) -> InMemoryInits:
    """The inits of the tensors that `dtypes` names, in those dtypes, as `cls(config)` fills them.

    The model is built in float32, or in float64 where one of the dtypes is that. Computed numbers are rounded
    once, to the dtype of their tensor. The inits of a class, a config and dtypes are kept.

    Raises:
        TooManyModulesError: the model has more than so many `modules`.
        TooLargeError: a table has more numbers than a derivation computes.
        DataDependentError: the structure of the model depends on random numbers.

    Errors of `cls` for a config that it cannot build pass unchanged.
    """
    try:
        text: str | None = config.to_json_string(use_diff=False)
    except TypeError:  # a config of somebody's own may hold what JSON has not
        text = None
    key = (cls, text, tuple(dtypes.items()))
    with _LOCK:
        found = _CACHE.get(key) if text is not None else None
        if found is None:
            found = _described(cls, config, dtypes, Bounds(modules, MAX_KNOWN_ELEMENTS, MAX_KNOWN_TOTAL))
            if text is not None and found.nbytes <= CACHE_BYTES:
                _CACHE[key] = found
        return found


def _described(
    cls: type[PreTrainedModel],
    config: PreTrainedConfig,
    dtypes: Mapping[str, torch.dtype],
    bounds: Bounds,
) -> InMemoryInits:
    wide = torch.float64 if torch.float64 in dtypes.values() else torch.float32
    inits = InMemoryInits()
    with silence():
        model, recorder = build(cls, copy.deepcopy(config), wide, bounds)
        with recorder, torch.no_grad():
            state = _tensors(model.state_dict())
            tensors = {**dict(model.named_buffers(remove_duplicate=False)), **state}
            inits.ties.update(_ties(state))
            streams = _streams(model, state, inits.ties, recorder)
            names = {place_of(tensor): streams.get(name, name) for name, tensor in tensors.items()}
            for curves in (False, True):  # as the recipe of the config has them
                for name in (name for name in tensors if name in dtypes):
                    persistent, stream = name in state, streams.get(name, name)
                    one = tensors[name], dtypes[name], recorder, persistent, stream, names
                    _describe(inits, name, *one, curves=curves)
                if not need_curves(inits.entries.values()):
                    break
    return inits


def _tensors(state: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """A state dict without the extra state of modules, which is no tensor."""
    return {name: part for name, part in state.items() if isinstance(part, torch.Tensor)}


def _describe(
    inits: InMemoryInits,
    name: str,
    tensor: torch.Tensor,
    dtype: torch.dtype,
    recorder: Recorder,
    persistent: bool,
    stream: str,
    names: Mapping[Place, str],
    *,
    curves: bool,
) -> None:
    if tensor.dtype != dtype and not (tensor.is_floating_point() and dtype.is_floating_point):
        inits.unknown[name] = f"it is of {dtype}, and of {tensor.dtype} in the model of its config"
        return
    values = recorder.values_of(tensor)
    try:
        if values is not None and not persistent:
            raise UnknownContentError
        entry = entry_of(tensor if values is None else tensor.to(dtype), recorder, curves=curves)
    except UnknownContentError as unknown:
        if values is None:
            inits.unknown[name] = str(unknown)
        else:
            inits.values[name] = values.detach().clone()
        return
    entry["dtype"] = str(dtype).removeprefix("torch.")
    init = entry["init"]
    if isinstance(init, dict) and init["kind"] == WEIGHT_NORM:
        entry = beside(stream, entry, names)
        if UNKNOWN in entry:
            inits.unknown[name] = entry[UNKNOWN]
            return
    if stream != name and SCHEMES[init if isinstance(init, str) else init["kind"]].is_random:
        entry["stream"] = stream
    inits.entries[name] = entry


def _ties(state: Mapping[str, torch.Tensor]) -> dict[str, str]:
    """The further names of tied tensors, each with the first."""
    first: dict[_View, str] = {}
    for name, tensor in state.items():
        first.setdefault(_view(tensor), name)
    return {name: first[_view(tensor)] for name, tensor in state.items() if first[_view(tensor)] != name}


def _streams(
    model: PreTrainedModel,
    state: Mapping[str, torch.Tensor],
    ties: Mapping[str, str],
    recorder: Recorder,
) -> dict[str, str]:
    """The names by which tensors are drawn: those that published checkpoints have for them."""
    with recorder.paused():
        kept = {name: tensor for name, tensor in state.items() if name not in ties}
        saved = published_names(model, kept)
    published = {_view(tensor): name for name, tensor in saved.items()}
    return {name: published.get(_view(tensor), ties.get(name, name)) for name, tensor in state.items()}


def _view(tensor: torch.Tensor) -> _View:
    return storage_of(tensor), tensor.storage_offset(), tensor.shape, tensor.stride()
