"""Tensors that are a module's own, with the defaults of their layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from tensorseed.errors import Fault
from tensorseed.torch.defaults import Defaults, Facts, defaults_of
from tensorseed.torch.walk import Member, Part, members_of, walk

NESTED = "is a nested tensor, of several shapes: leave it out of the module, or make it of plain ones"

_SHAPE, _DTYPE, _FACTS = attrgetter("shape"), attrgetter("dtype"), attrgetter("shape", "dtype")


class Own(NamedTuple):
    """The tensors that are a module's own, by name, and their defaults."""

    path: str
    module: nn.Module
    types: tuple[str, ...]
    tensors: Mapping[str, torch.Tensor]
    defaults: Defaults


def own_tensors(module: nn.Module, prefix: str, faults: list[Fault]) -> Iterator[Own]:
    """Yield the tensors of the modules; add the faults of those that nothing initialises.

    What decides the defaults of a module with parameters alone is one key, looked up at once.
    """
    known: dict[Any, Defaults] = {}
    for part in walk(module, prefix):
        path, module, kind, around = part
        parameters: Mapping[str, Any] = module._parameters
        if kind.refusal is not None:
            assert part.refusal is not None
            faults.append(Fault("", part.refusal))
            return
        if module._buffers:
            if (own := _own(part, faults)) is not None:
                yield own
            continue
        if not parameters:
            continue
        try:
            names = (*parameters,)
            try:
                ones = parameters.values()
                facts = (*map(_SHAPE, ones), *map(_DTYPE, ones))
            except AttributeError:  # of a None
                parameters = {name: one for name, one in parameters.items() if one is not None}
                ones = parameters.values()
                facts = (*parameters, *map(_SHAPE, ones), *map(_DTYPE, ones))
            key: Any = (type(module), around, kind.attributes(module), names, facts)
            defaults = known.get(key)
        except (AttributeError, RuntimeError, TypeError):  # it has no such key
            key = defaults = None
        if defaults is not None:
            yield tuple.__new__(Own, (path, module, kind.types, parameters, defaults))
        elif (own := _own(part, faults)) is not None:
            known[key] = own.defaults
            yield own


def _own(part: Part, faults: list[Fault]) -> Own | None:
    """The tensors that are the module's own; None if there are none, or after adding their faults."""
    parameters = {name: one for name, one in part.module._parameters.items() if one is not None}
    buffers = {name: one for name, one in part.module._buffers.items() if one is not None}
    tensors: dict[str, torch.Tensor] = {**parameters, **buffers}
    try:
        facts: Facts = (*map(_FACTS, tensors.values()),)
    except RuntimeError:  # of a shape that is not there
        unknown = [*filter(None, map(unshaped, members_of(part.path, part.module)))]
        if not unknown:
            raise
        faults += unknown
        return None
    defaults = defaults_of(part.layer, len(parameters), (*tensors,), facts)
    return Own(part.path, part.module, part.kind.types, tensors, defaults)


def unshaped(member: Member) -> Fault | None:
    """The fault of a tensor without a shape: of a lazy layer, or a nested one."""
    if not is_lazy(member.tensor):
        if member.tensor.is_nested:
            return Fault("", f"{member.name} {NESTED}")
        return None
    remedy = "run the module once, so that its lazy layers get theirs"
    return Fault("", f"{member.name} has no shape yet: {remedy}")
