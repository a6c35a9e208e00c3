"""Decisions on the tensors of a module by a spec that names them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping

from torch import nn

from tensorseed.errors import Fault
from tensorseed.spec.names import fold
from tensorseed.spec.resolved import ResolvedTensor
from tensorseed.spec.rules import Rules
from tensorseed.suggestions import unknown_name
from tensorseed.torch.decisions import Decisions
from tensorseed.torch.defaults import DTYPE_NAMES, written_dtype
from tensorseed.torch.layers import LayerKey
from tensorseed.torch.memory import sizes_of
from tensorseed.torch.own_tensors import unshaped
from tensorseed.torch.ties import addresses_of, memory_of
from tensorseed.torch.transformers_models import TransformersModels
from tensorseed.torch.walk import Member, members_of, walk

_DRAWN_BY = ("stream", "seed", "distribution", "dtype")  # what decides the bits of a tensor
MAX_SUGGESTED = 3  # names of the spec that the module lacks, each with the nearest that it has


def match(
    module: nn.Module, tensors: Mapping[str, ResolvedTensor], prefix: str = "", *, strict: bool = True
) -> Decisions:
    """The decision on every tensor of `module`: that of the spec's tensor of its name.

    Of a tied tensor the spec may have any name. Buffers that it lacks are left, except those of layers of
    torch.nn. With a `prefix` the names of the spec outside it are other parts of the model; without `strict`
    all are that the module lacks.
    """
    decisions = Decisions(Rules(), TransformersModels(module, prefix))
    groups: dict[str, list[Member]] = {}
    firsts: dict[Hashable, str] = {}
    required: set[str] = set()
    for part in walk(module, prefix):
        if part.refusal is not None:
            decisions.faults.append(Fault("", part.refusal))
            return decisions
        for member in members_of(part.path, part.module):
            if (fault := unshaped(member)) is not None:
                decisions.faults.append(fault)
                return decisions
            groups.setdefault(firsts.setdefault(memory_of(member.tensor), member.name), []).append(member)
            if not member.is_buffer or _is_layers(member, part.layer.key):
                required.add(member.name)
    for members in groups.values():
        _decide(decisions, members, tensors, required)
    decisions.addresses = addresses_of(decisions.tensors)
    decisions.sizes = sizes_of(decisions.drawn.values())
    present = {member.name for members in groups.values() for member in members}
    if strict:
        lacking = [name for name in tensors if name not in present and name.startswith(prefix)]
        decisions.faults += _lacking(lacking, present)
    return decisions


def _is_layers(member: Member, key: LayerKey | None) -> bool:
    return key is not None and member.own_name in key.tensors("float32")


def _decide(
    decisions: Decisions, members: list[Member], tensors: Mapping[str, ResolvedTensor], required: set[str]
) -> None:
    """Decide on one tensor, whose names are those of `members`."""
    named = [member for member in members if member.name in tensors]
    if not named:
        names = [member.name for member in members]
        if required.isdisjoint(names):
            decisions.left += members
        else:
            detail = f"the spec does not name {' or '.join(names)}: add an entry, or give rules and no spec"
            decisions.faults.append(Fault("/layers", detail))
        return
    drawn, *others = named
    tensor = tensors[drawn.name]
    decisions.faults += _misfits(drawn, tensor)
    for other in others:
        same = tensors[other.name]
        if any(getattr(same, part) != getattr(tensor, part) for part in _DRAWN_BY):
            detail = f"{drawn.name} and {other.name} are one tensor, and the spec draws two"
            remedy = f'give the entry of {other.name} the init of the other and "stream": "{tensor.stream}"'
            remedy += "" if same.seed == tensor.seed else f", and the seed of {drawn.name}"
            decisions.faults.append(Fault("/layers", f"{detail}: {remedy}"))
    decisions.draw(drawn.tensor, tensor, "spec")
    decisions.ties.update((member.name, drawn.name) for member in members if member is not drawn)


def _misfits(member: Member, tensor: ResolvedTensor) -> Iterator[Fault]:
    """Yield the faults of a tensor of the spec that is not the module's."""
    name, own = member.name, member.tensor
    if own.shape != tensor.shape:
        detail = f"{name} has the shape {tuple(own.shape)} in the module and {tensor.shape} in the spec"
        yield Fault("/layers", f"{detail}: build both from the same sizes")
    elif DTYPE_NAMES.get(own.dtype) != tensor.dtype.name:
        detail = f"{name} has the dtype {written_dtype(own.dtype)} in the module"
        remedy = f"call module.to(torch.{tensor.dtype.name}), or change the spec's dtype"
        yield Fault("/layers", f"{detail} and {tensor.dtype.name} in the spec: {remedy}")


def _lacking(names: list[str], present: set[str]) -> Iterator[Fault]:
    """Yield the faults of names of the spec that the module lacks."""
    if not names:
        return
    part = "(a part of its model takes strict=False)"
    detail = f"the module lacks {', '.join(fold(names))}, which the spec has {part}"
    proposals = [unknown_name("tensor", name, present).split("? ")[0] for name in names[:MAX_SUGGESTED]]
    nearest = [guess.partition("did you mean ")[2] for guess in proposals if "did you mean " in guess]
    remedy = f"did you mean {', '.join(nearest)}?" if nearest else "leave it out of the spec, or build it"
    yield Fault("/layers", f"{detail}: {remedy}")
