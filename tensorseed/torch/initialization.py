"""Initialisation of a module in place: decisions, checks, then draws."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils.parametrize import ParametrizationList

from tensorseed.concurrency.float_environment import default_float_environment
from tensorseed.concurrency.garbage_collection import collection_paused
from tensorseed.errors import Fault, ModuleError, SpecError, UnusedRuleWarning
from tensorseed.spec.entries import rules_of
from tensorseed.spec.names import fold
from tensorseed.spec.numbers import SEED_COUNT
from tensorseed.spec.resolved import ResolvedSpec
from tensorseed.spec.rules import Rule, unused_detail
from tensorseed.torch.buffers import computable, compute
from tensorseed.torch.decisions import Decisions, Uncovered, decide
from tensorseed.torch.defaults import DTYPE_NAMES, dtype_fault
from tensorseed.torch.filling import fill_tensors
from tensorseed.torch.matching import match
from tensorseed.torch.names import check_module, checked_prefix, class_names
from tensorseed.torch.report import InitReport
from tensorseed.torch.ties import overlaps
from tensorseed.torch.transformers_models import write_numbers
from tensorseed.torch.walk import Member
from tensorseed.weights.base import Weights
from tensorseed.weights.spec_reading import SpecSource, read_spec


def init_(
    module: nn.Module,
    *,
    seed: int | None = None,
    rules: Sequence[Mapping[str, Any] | Rule] | None = None,
    spec: SpecSource | Weights | None = None,
    prefix: str = "",
    strict: bool = True,
) -> InitReport:
    """Fill every parameter and buffer of a module in place, whole or sharded, and report what was drawn.

    The init of a tensor is that of the first rule that matches it. Without one a transformers model has the
    distribution of its own class, and a layer of `torch.nn` torch's default. Instead of rules a spec may name
    every tensor: a dict, JSON, a path, a token, the id of a recipe, or `Weights`.

    A value depends on the seed and on the tensor's name and index alone. So every sharding of a module gets
    the same one, each process filling its own part. The bits are those of the service's file of
    `spec_of(module)`. Names are those of `state_dict()` without what wrappers add; `prefix` is what precedes
    them in the whole model, for a module that is a part of it, such as a pipeline stage. A tied parameter is
    drawn once, under its first name. The random state of torch is untouched, and nothing is communicated.

    Buffers that a module computes itself are left as they are, which the report says. Those of a transformers
    model, such as rotary frequencies, are computed anew.
    `seed` is 0 to 2⁶⁴ − 1; without one it is the spec's, or 0.

    A rule that decides no tensor is in the report, and without a `prefix` in an `UnusedRuleWarning`.
    A tensor of the spec that the module lacks is an error. Where `strict` is false the module is a part of
    the model, such as a pipeline stage that keeps the names of the whole, and neither counts.

    >>> import tensorseed.torch as ts
    >>> model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    >>> ts.init_(model, seed=42, rules=[{"type": "Linear", "match": "weight", "init": "xavier_uniform"}])
    4 tensors with 203,530 numbers, seed 42
    name      shape    dtype    init                            by                 mean  std
    0.weight  256×784  float32  xavier_uniform                  rule 0             0     0.04385
    0.bias    256      float32  uniform(a=-0.03571, b=0.03571)  default of Linear  0     0.02062
    2.weight  10×256   float32  xavier_uniform                  rule 0             0     0.08671
    2.bias    10       float32  uniform(a=-0.0625, b=0.0625)    default of Linear  0     0.03608

    Raises:
        ModuleError: nothing gives a parameter an init, or the spec does not name it; it is on meta or has no
            shape yet; its dtype is not one of the stream's. Nothing has been written.
        SpecError: a rule or the spec is not valid.
        TensorError: a tensor cannot be filled, such as a partial sum. Nothing has been written.
    """
    with default_float_environment(), collection_paused():
        check_module(module)
        given = 0 if seed is None else checked_seed(seed)
        path = checked_prefix(prefix)
        _reshard(module)
        if spec is None:
            decisions = decide(module, rules_of(rules), path)
        else:
            resolved = _resolved(spec, rules)
            given = resolved.seed if seed is None else given
            decisions = match(
                module, {tensor.name: tensor for tensor in resolved.tensors}, path, strict=strict
            )
        check(decisions, is_part=bool(path) or not strict)
        _check_memory(decisions)
        known = decisions.models.numbers(decisions.left)
        computed = [member.name for member, _ in known]
        unknown = [member for member in decisions.left if member.name not in computed]
        owners = computable(unknown)
        computed += [member.name for member in unknown if member.tensor.is_meta]
        drawn = [*decisions.drawn.values()]
        fill_tensors(decisions.tensors, decisions.addresses, drawn, decisions.sizes, given)
        device = decisions.tensors[0].device if decisions.tensors else torch.device("cpu")
        for member, numbers in known:
            write_numbers(member, numbers, device)
        for owner in owners:
            compute(owner, device)
        return _report(decisions, given, computed)


def _reshard(module: nn.Module) -> None:
    """Show the shards of FSDP2, whose gathered parameters would be overwritten; nothing is communicated."""
    fsdp = sys.modules.get("torch.distributed.fsdp")  # without it nothing is sharded so
    if fsdp is None:
        return
    for part in module.modules():
        if isinstance(part, fsdp.FSDPModule):
            part.reshard()


def _resolved(spec: SpecSource | Weights, rules: object) -> ResolvedSpec:
    if rules is not None:
        raise SpecError.at("/rules", "a spec names every tensor already: give rules or a spec, not both")
    resolved, _ = read_spec(spec.token if isinstance(spec, Weights) else spec)
    if resolved.generator != "philox":
        detail = "modules are initialised by generator philox, whose values need no order of layers"
        raise SpecError.at("/generator", f"{detail}: leave generator out")
    return resolved


def checked_seed(seed: int) -> int:
    """The seed, if a spec can have it; numpy's integers are taken too.

    Raises:
        SpecError: it is no integer from 0 to 2⁶⁴ − 1.
    """
    if isinstance(seed, np.integer):
        seed = int(seed)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < SEED_COUNT:
        raise SpecError.at("/seed", f"seed must be an integer from 0 to {SEED_COUNT - 1}")
    return seed


def check(decisions: Decisions, *, is_part: bool) -> None:
    """Check that every parameter has an init; warn of rules without use.

    Such a rule may be for another part of the model, and then is no reason to warn.

    Raises:
        ModuleError: the faults of all parameters.
    """
    faults = [*decisions.faults, *_uncovered(decisions.uncovered)]
    if faults:
        raise ModuleError(faults)
    for index in () if is_part else decisions.unused_rules():
        detail = unused_detail(index, decisions.rules[index])
        remedy = "correct it, or leave it out"
        if (tie := decisions.ruled_ties.get(index)) is not None:
            remedy = f"{tie} is tied to {decisions.ties[tie]}, by whose name rules find it"
        warnings.warn(f"{detail}: {remedy}", UnusedRuleWarning, stacklevel=3)


def _uncovered(uncovered: Iterable[Uncovered]) -> Iterator[Fault]:
    """Yield a fault for the parameters of alike layers, with all their names in brace ranges."""
    alike: dict[tuple[str, str], list[Member]] = {}
    dtypes: dict[torch.dtype, list[str]] = {}
    for member, reason in uncovered:
        if member.tensor.dtype not in DTYPE_NAMES:
            dtypes.setdefault(member.tensor.dtype, []).append(member.name)
            continue
        kind = class_names(type(member.owner))[0]
        known = reason or f"{kind} is no layer type whose default is known"
        if isinstance(member.owner, ParametrizationList):
            known = "a parametrization makes another tensor of it"
        alike.setdefault((kind, known), []).append(member)
    for dtype, tensors in dtypes.items():
        yield Fault("", dtype_fault(", ".join(fold(tensors)), dtype))
    for (kind, reason), members in alike.items():
        names = ", ".join(fold(member.name for member in members))
        rule = f'{{"type": "{kind}", "match": "{members[0].own_name}", "init": …}}'
        yield Fault("/rules", f"nothing gives {names} an init, since {reason}: add rules, such as {rule}")


def _check_memory(decisions: Decisions) -> None:
    """Check that the tensors have memory, which no other of them shows as well."""
    names, tensors, addresses = [*decisions.drawn], decisions.tensors, decisions.addresses
    starts = np.array(addresses, np.uint64)
    virtual = [i for i in np.flatnonzero(starts == 0).tolist() if tensors[i].is_meta]
    if virtual:
        detail = f"on meta, without memory, are {', '.join(fold(names[i] for i in virtual))}"
        raise ModuleError.at("", f"{detail}: call module.to_empty(device=…) first")
    found = overlaps(tensors, starts, decisions.sizes.nbytes)
    pairs = [(names[one], names[other]) for one, other in found]
    if pairs:
        remedy = "give one of them its own memory"
        raise ModuleError(
            [
                Fault("", f"{one} and {other} share elements without being equal: {remedy}")
                for one, other in pairs
            ]
        )


def _report(decisions: Decisions, seed: int, computed: Sequence[str]) -> InitReport:
    unused = {index: str(decisions.rules[index]) for index in decisions.unused_rules()}
    left = [member.name for member in decisions.left if member.name not in computed]
    drawn, sources = [*decisions.drawn.values()], decisions.sources
    return InitReport(seed, drawn, sources, decisions.ties, left=left, computed=computed, unused_rules=unused)
