"""Decisions on the init of every tensor of a module.

`init_` draws what is decided here, and `spec_of` writes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import is_lazy

from tensorseed.devices.local import LIMITS
from tensorseed.errors import Fault
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.spec.faults import pointer
from tensorseed.spec.layers import FanAxes, Tensor
from tensorseed.spec.layers.attention import XAVIER
from tensorseed.spec.resolution import EntryTensor, resolve_entry
from tensorseed.spec.resolved import ResolvedTensor
from tensorseed.spec.rules import Rules
from tensorseed.spec.schemes import ArgumentError, Scheme
from tensorseed.torch.names import class_names, is_fsdp1, name_fault
from tensorseed.torch.ties import FirstNames
from tensorseed.torch.transformers_models import TransformersModels, entry_tensor
from tensorseed.torch.walk import Layer, Member, members_of, walk

DTYPE_NAMES = {getattr(torch, name): name for name in DTYPES}
"""The names of the stream's dtypes, by torch's dtypes."""

FLATTENED = (
    "FullyShardedDataParallel keeps flattened parameters, whose shapes are gone: call init_ before it wraps "
    "the module, or shard by fully_shard"
)


class Draw(NamedTuple):
    """A tensor that is drawn, how, and what decided that: a rule, by its index, or else in words."""

    member: Member
    resolved: ResolvedTensor
    source: int | str


class Uncovered(NamedTuple):
    """A parameter that nothing gives an init, and why its layer's default does not."""

    member: Member
    reason: str | None


@dataclass(slots=True)
class Decisions:
    """What becomes of every tensor: drawn, tied to one that is, left as it is, or uncovered.

    `draws` and `ties` are by name, in the order of the state dict. A tie leads to the first name.
    """

    rules: Rules
    models: TransformersModels
    draws: dict[str, Draw] = field(default_factory=dict)
    ties: dict[str, str] = field(default_factory=dict)
    left: list[Member] = field(default_factory=list)
    uncovered: list[Uncovered] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def unused_rules(self) -> list[int]:
        """The indices of the rules that decided no tensor."""
        used = {draw.source for draw in self.draws.values()}
        return [index for index in range(len(self.rules)) if index not in used]


def decide(module: nn.Module, rules: Rules, prefix: str = "") -> Decisions:
    """The decision on every tensor of `module`: by rules, by its model of transformers, or by its layer."""
    decider = _Decider(rules, TransformersModels(module, prefix))
    for path, part, layer in walk(module, prefix):
        if is_fsdp1(type(part)):
            decider.decisions.faults.append(Fault("", FLATTENED))
            break
        if part._parameters or part._buffers:
            decider.decide(path, part, layer)
    return decider.decisions


class _Decider:
    """Decides on the tensors of one module after the other."""

    def __init__(self, rules: Rules, models: TransformersModels) -> None:
        self.decisions = Decisions(rules, models)
        self._rules = rules
        self._models = models
        self._first = FirstNames()
        self._bare: dict[tuple[Any, ...], EntryTensor | None] = {}

    def decide(self, path: str, module: nn.Module, layer: Layer) -> None:
        """Decide on the tensors that are the module's own; `path` begins their names."""
        members = [*members_of(path, module)]
        if isinstance(module, LazyModuleMixin):
            self.decisions.faults += filter(None, map(unshaped, members))
            members = [member for member in members if unshaped(member) is None]
        slots, differs = _slots(members, layer)
        for member, slot in zip(members, slots, strict=True):
            if (fault := name_fault(member.name)) is not None:
                self._fault(fault)
            elif not (self._is_tie(member) or self._by_rule(member) or self._by_model(member)):
                self._by_default(member, slot, layer, differs)

    def _is_tie(self, member: Member) -> bool:
        first = self._first.of(member.name, member.tensor)
        if first is member.name:
            return False
        if first in self.decisions.draws:
            self.decisions.ties[member.name] = first
        elif member.is_buffer:
            self.decisions.left.append(member)
        return True

    def _by_rule(self, member: Member) -> bool:
        if not self._rules:
            return False
        types = class_names(type(member.owner))
        index = self._rules.find(member.name, types, buffer=member.is_buffer)
        if index is None:
            return False
        rule = self._rules[index]
        found = self._whole(index, member, rule.init, rule.fan_axes)
        if found is not None:
            self._draw(member, found, index)
        return True

    def _by_model(self, member: Member) -> bool:
        inits = self._models.inits_of(member.name)
        if inits is None:
            return False
        entry = inits.entries.get(member.name)
        if entry is not None:
            self._draw(member, entry_tensor(entry), f"default of {inits.kind}", entry.get("stream"))
        elif not member.is_buffer:
            self.decisions.uncovered.append(Uncovered(member, inits.unknown[member.name]))
        elif member.name in inits.buffers:
            self.decisions.left.append(member)
        else:
            return False
        return True

    def _by_default(
        self, member: Member, slot: EntryTensor | None, layer: Layer, differs: str | None
    ) -> None:
        if slot is None or (differs is not None and not member.is_buffer):
            if member.is_buffer:
                self.decisions.left.append(member)
            else:
                self.decisions.uncovered.append(Uncovered(member, differs))
        elif layer.xavier and len(slot.shape) > 1 and not member.is_buffer:
            found = self._whole("default of Transformer", member, XAVIER, None)
            assert found is not None
            self._draw(member, found._replace(default=True), "default of Transformer")
        else:
            assert layer.key is not None
            self._draw(member, slot, f"default of {layer.key.kind}")

    def _draw(self, member: Member, drawn: EntryTensor, source: int | str, stream: str | None = None) -> None:
        name = member.name
        _, dtype, shape, distribution, scheme, fans, default, role = drawn
        resolved = ResolvedTensor(
            name, stream or name, dtype, shape, distribution, scheme, fans, default, role
        )
        self.decisions.draws[name] = Draw(member, resolved, source)

    def _whole(
        self, source: int | str, member: Member, init: str | Scheme, axes: FanAxes | None
    ) -> EntryTensor | None:
        """The tensor of an init, resolved once for all of a shape and dtype; None after adding its fault."""
        tensor = member.tensor
        key = (source, tensor.shape, tensor.dtype)
        if key not in self._bare:
            self._bare[key] = self._resolve(source, member, init, axes)
        return self._bare[key]

    def _resolve(
        self, source: int | str, member: Member, init: str | Scheme, axes: FanAxes | None
    ) -> EntryTensor | None:
        name, shape = member.name, tuple(member.tensor.shape)
        dtype = DTYPE_NAMES.get(member.tensor.dtype)
        if dtype is None:
            written = str(member.tensor.dtype).removeprefix("torch.")
            self._fault(f"{name} has the dtype {written}: the dtypes are {', '.join(DTYPES)}")
            return None
        try:
            entry = Tensor.model_validate(
                {
                    "name": "x",
                    "type": "Tensor",
                    "shape": shape,
                    "init": init,
                    "fan_axes": axes,
                    "dtype": dtype,
                }
            )
            return resolve_entry(entry, dtype, LIMITS).tensors[0]
        except ArgumentError as error:
            where = pointer(("rules", source, *error.path))
            self._fault(f"{error}; the rule matches {name}, of shape {shape}", where)
            return None

    def _fault(self, detail: str, where: str = "") -> None:
        self.decisions.faults.append(Fault(where, detail))


def unshaped(member: Member) -> Fault | None:
    """The fault of a tensor of a lazy layer, which has no shape yet."""
    if not is_lazy(member.tensor):
        return None
    remedy = "run the module once, so that its lazy layers get theirs"
    return Fault("", f"{member.name} has no shape yet: {remedy}")


def _slots(members: list[Member], layer: Layer) -> tuple[list[EntryTensor | None], str | None]:
    """The layer's tensor for each member, and why its defaults are not known."""
    key, differs = layer.key, layer.differs
    if key is None:
        return [None] * len(members), differs
    slots: list[EntryTensor | None] = []
    known: dict[torch.dtype, dict[str, EntryTensor]] = {}
    for member in members:
        dtype = torch.float32 if member.tensor.dtype is torch.int64 else member.tensor.dtype
        if dtype not in known:
            name = DTYPE_NAMES.get(dtype)
            known[dtype] = {} if name is None else key.tensors(name)
        slot = known[dtype].get(layer.path + member.own_name)
        if slot is not None and DTYPE_NAMES[member.tensor.dtype] != slot.dtype.name:
            slot = None
        if slot is not None and slot.shape != member.tensor.shape:
            sizes = f"the shape {tuple(member.tensor.shape)}, and {slot.shape} by the layer's arguments"
            differs, slot = f"{member.own_name} of its {key.kind} has {sizes}", None
        slots.append(slot)
    return slots, differs
