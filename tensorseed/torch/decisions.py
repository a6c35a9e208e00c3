"""Decisions on the init of every tensor of a module.

`init_` draws what is decided here, and `spec_of` writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from operator import add
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from tensorseed.errors import Fault
from tensorseed.spec.json.pointers import pointer
from tensorseed.spec.resolution import EntryTensor
from tensorseed.spec.resolved import ResolvedTensor
from tensorseed.spec.rules import Rule, Rules
from tensorseed.spec.schemes import ArgumentError
from tensorseed.torch.defaults import DTYPE_NAMES, bare_tensor, dtype_fault, resolved_fields
from tensorseed.torch.memory import Sizes, sizes_of
from tensorseed.torch.names import name_faults
from tensorseed.torch.own_tensors import NESTED, Own, own_tensors
from tensorseed.torch.ties import addresses_of, memory_of, share_memory
from tensorseed.torch.transformers_models import TransformersModels
from tensorseed.torch.walk import Member


class Uncovered(NamedTuple):
    """A parameter that nothing gives an init, and why its layer's default does not."""

    member: Member
    reason: str | None


@dataclass(slots=True)
class Decisions:
    """What becomes of every tensor: drawn, tied to one that is, left as it is, or uncovered.

    `drawn` and `ties` are by name, in the order of the state dict. A tie leads to the first name. As many as
    `drawn` are the `tensors` themselves, their `addresses`, 0 where there is none, their `sizes`, and their
    `sources`: what decided it, a rule, by its index, or else in words.
    `ruled_ties` are, by the index of a rule, the first tie that it matches.
    """

    rules: Rules
    models: TransformersModels
    drawn: dict[str, ResolvedTensor] = field(default_factory=dict)
    tensors: list[torch.Tensor] = field(default_factory=list)
    addresses: list[int] = field(default_factory=list)
    sizes: Sizes = field(default_factory=partial(sizes_of, ()))
    sources: list[int | str] = field(default_factory=list)
    ties: dict[str, str] = field(default_factory=dict)
    ruled_ties: dict[int, str] = field(default_factory=dict)
    left: list[Member] = field(default_factory=list)
    uncovered: list[Uncovered] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def draw(self, tensor: torch.Tensor, drawn: ResolvedTensor, source: int | str) -> None:
        """Decide that a tensor is drawn."""
        self.drawn[drawn.name] = drawn
        self.tensors.append(tensor)
        self.sources.append(source)

    def unused_rules(self) -> list[int]:
        """The indices of the rules that decided no tensor."""
        used = {*self.sources} if self.rules else {}
        return [index for index in range(len(self.rules)) if index not in used]


def decide(module: nn.Module, rules: Rules, prefix: str = "") -> Decisions:
    """The decision on every tensor of `module`: by rules, by its model of transformers, or by its layer."""
    decisions = Decisions(rules, TransformersModels(module, prefix))
    owned = [*own_tensors(module, prefix, decisions.faults)]
    names = [path + name for path, _, _, own, _ in owned for name in own]
    tensors = [*chain.from_iterable([own.values() for _, _, _, own, _ in owned])]
    resolved = [own.defaults.resolved for own in owned]
    addresses = addresses_of(tensors)
    shared = share_memory(addresses)
    repeated = shared or (0 in addresses and len({*map(id, tensors)}) < len(tensors))
    if rules or decisions.models or repeated or None in resolved:
        decider = _Decider(decisions, memory_of if shared else id)
        for own in owned:
            decider.decide(own)
        address_by_id = dict(zip(map(id, tensors), addresses, strict=True))
        decisions.addresses = [address_by_id[id(tensor)] for tensor in decisions.tensors]
        decisions.sizes = sizes_of(decisions.drawn.values())
    else:  # the same in a fraction of the time
        new, rests = partial(tuple.__new__, ResolvedTensor), chain.from_iterable(filter(None, resolved))
        drawn = map(new, map(add, zip(names, names, strict=True), rests))  # by loops in C
        decisions.drawn = dict(zip(names, drawn, strict=True))
        decisions.tensors, decisions.addresses = tensors, addresses
        elements = [*chain.from_iterable([own.defaults.elements for own in owned])]
        widths = [*chain.from_iterable([own.defaults.widths for own in owned])]
        decisions.sizes = Sizes(np.array(elements, np.int64), np.array(widths, np.int64))
        decisions.sources = [*chain.from_iterable([own.defaults.words for own in owned])]
    decisions.faults += [Fault("", fault) for fault in name_faults(names)]
    return decisions


class _Decider:
    """Decides on the tensors of one module after the other."""

    def __init__(self, decisions: Decisions, identity: Callable[[torch.Tensor], Hashable]) -> None:
        self.decisions = decisions
        self._rules = decisions.rules
        self._identity = identity
        self._firsts: dict[Hashable, str] = {}
        self._by_rule: dict[tuple[int, torch.Size, torch.dtype, int], EntryTensor | None] = {}

    def decide(self, own: Own) -> None:
        """Decide on the tensors that are the module's own."""
        path, module, types, tensors, defaults = own
        decisions, rules, models = self.decisions, self._rules, self.decisions.models
        for (own_name, tensor), default in zip(tensors.items(), defaults.of_each, strict=True):
            name, (drawn, words, is_buffer) = path + own_name, default
            first = self._firsts.setdefault(self._identity(tensor), name)
            index = rules.find(name, types, buffer=is_buffer) if rules else None
            if first is not name and self._is_tie(name, first, is_buffer):
                if index is not None:
                    decisions.ruled_ties.setdefault(index, name)
                continue
            source: int | str | None = words
            stream = name
            if index is not None:
                drawn, source = self._ruled(index, name, tensor, _groups_of(module)), index
                if drawn is None:
                    continue
            elif models and (inits := models.inits_of(name)) is not None:
                drawn, words, stream = inits.default(name, default)
                source = words
            if drawn is None:
                self._leave(Member(name, own_name, tensor, module, is_buffer), words)
                continue
            assert source is not None
            decisions.draw(tensor, ResolvedTensor(name, stream, *resolved_fields(drawn)), source)
            if first is not name:
                self._draw_left(tensor, name)

    def _is_tie(self, name: str, first: str, is_buffer: bool) -> bool:
        """Whether a further name needs no decision of its own, as it does where a buffer is left."""
        if first in self.decisions.drawn:
            self.decisions.ties[name] = first
            return True
        return not is_buffer and all(member.name != first for member in self.decisions.left)

    def _draw_left(self, tensor: torch.Tensor, name: str) -> None:
        """Tie the buffers that were left to the tensor that is drawn by `name`, if they are the same."""
        key = self._identity(tensor)
        self._firsts[key] = name
        same = [member.name for member in self.decisions.left if self._identity(member.tensor) == key]
        self.decisions.ties |= dict.fromkeys(same, name)
        self.decisions.left = [member for member in self.decisions.left if member.name not in same]

    def _leave(self, member: Member, reason: str | None) -> None:
        if member.is_buffer:
            self.decisions.left.append(member)
        else:
            self.decisions.uncovered.append(Uncovered(member, reason))

    def _ruled(self, index: int, name: str, tensor: torch.Tensor, groups: int) -> EntryTensor | None:
        """The tensor of a rule, resolved once for all that are alike; None after adding its fault."""
        key = (index, tensor.shape, tensor.dtype, groups)
        if key not in self._by_rule:
            self._by_rule[key] = self._resolve(index, name, tensor, groups)
        return self._by_rule[key]

    def _resolve(self, index: int, name: str, tensor: torch.Tensor, groups: int) -> EntryTensor | None:
        dtype, shape = DTYPE_NAMES.get(tensor.dtype), tuple(tensor.shape)
        if tensor.is_nested:
            self.fault(f"{name} {NESTED}")
            return None
        if dtype is None:
            self.fault(dtype_fault(name, tensor.dtype))
            return None
        rule: Rule = self._rules[index]
        try:
            return bare_tensor(rule.init, shape, dtype, rule.fan_axes, groups)
        except ArgumentError as error:
            where = pointer(("rules", index, *error.path))
            wide = rule.match is None and len(shape) < 2
            remedy = ': add "match": "weight" to the rule' if wide else ""
            self.fault(f"{error}; the rule matches {name}, of shape {shape}{remedy}", where)
            return None

    def fault(self, detail: str, where: str = "") -> None:
        """Add a fault."""
        self.decisions.faults.append(Fault(where, detail))


def _groups_of(module: nn.Module) -> int:
    """The groups of a convolution, and 1 for other modules."""
    return module.groups if isinstance(module, nn.modules.conv._ConvNd) else 1
