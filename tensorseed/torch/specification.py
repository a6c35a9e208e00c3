"""Spec of a module: layer types where they fit, bare tensors elsewhere."""

from __future__ import annotations

import json
import math
import warnings
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from tensorseed.checkpoints.derivation.brace_folding import Entry, fold
from tensorseed.concurrency.float_environment import default_float_environment
from tensorseed.devices.local import LIMITS
from tensorseed.sampling.distributions import ZeroRange
from tensorseed.spec.canonical import DEFAULT_DTYPE, init_value
from tensorseed.spec.entries import rules_of
from tensorseed.spec.layers import Layer
from tensorseed.spec.resolution import EntryTensor, resolve_entry
from tensorseed.spec.resolved import ResolvedTensor
from tensorseed.spec.rules import Rule
from tensorseed.spec.schemes import ArgumentError, scheme_of
from tensorseed.torch.buffers import known_numbers
from tensorseed.torch.containers import container_layer
from tensorseed.torch.decisions import Decisions, decide
from tensorseed.torch.defaults import DTYPE_NAMES
from tensorseed.torch.initialization import check, checked_seed
from tensorseed.torch.layers import CONTAINERS
from tensorseed.torch.names import check_module, checked_prefix
from tensorseed.torch.walk import Member, Part, members_of, walk

MAX_VALUES = 4_096  # numbers of one buffer that are written out

Document = dict[str, Any]


def spec_of(
    module: nn.Module,
    *,
    seed: int = 0,
    rules: Sequence[Mapping[str, Any] | Rule] | None = None,
    prefix: str = "",
) -> Document:
    """The spec of a module, which the service and `tensorseed.open` take: its tensors are the module's.

    They have the names, shapes and dtypes of its state dict, without what wrappers add to names, and the
    values that `init_` draws with the same seed, rules and prefix. A layer of `torch.nn` is an entry of its
    type, any other parameter a bare tensor. A second name of a tied parameter draws by the first; where a
    transformers model ties it, it is left out, as its checkpoints leave it out. Buffers
    that a module computes itself are written out, up to 4,096 numbers; a warning names those that are left
    out. Nothing is computed or changed: the module may be on meta, or sharded.

    >>> import tensorseed
    >>> tensorseed.spec_of(nn.Sequential(nn.Linear(784, 256), nn.LayerNorm(256)), seed=42)["layers"]
    [{'name': '0', 'type': 'Linear', 'in_features': 784, 'out_features': 256}, \
{'name': '1', 'type': 'LayerNorm', 'normalized_shape': 256}]

    Raises:
        ModuleError: nothing gives a parameter an init; it has no shape yet, or a dtype that no spec has.
        SpecError: a rule is not valid.
    """
    with default_float_environment():
        check_module(module)
        start, path = checked_seed(seed), checked_prefix(prefix)
        decisions = decide(module, rules_of(rules), path)
        check(decisions, is_part=bool(path))
        writer = _Writer(decisions)
        writer.write(module, path)
    document: Document = {"seed": start}
    if writer.dtype != DEFAULT_DTYPE:
        document["dtype"] = writer.dtype
    layers = [{"name": name, **json.loads(body)} for name, body in fold(writer.entries)]
    return {**document, "layers": layers}


class _Writer:
    """Writes the entries of a module's tensors from the decisions on them."""

    def __init__(self, decisions: Decisions) -> None:
        self.entries: list[Entry] = []
        self.left_out: list[str] = []
        self._drawn = decisions.drawn
        self._ties = decisions.ties
        self._models = decisions.models
        self._numbers = {one.name: numbers for one, numbers in self._models.numbers(decisions.left)}
        self._literals = LIMITS.values  # that the spec still has room for
        self._resolved: dict[str, dict[str, EntryTensor] | None] = {}
        counts = Counter(one.dtype.name for one in decisions.drawn.values())
        del counts["int64"], counts["bool"]
        self.dtype = max(counts, key=counts.__getitem__, default=DEFAULT_DTYPE)

    def write(self, module: nn.Module, prefix: str) -> None:
        """Write the entries, in the order of the state dict; warn of buffers that are left out."""
        parts = [(part, [*members_of(part.path, part.module)]) for part in walk(module, prefix)]
        names = sorted(one.name for _, members in parts for one in members if one.persistent)
        done = None
        for part, members in parts:
            if done is not None and part.path.startswith(done):
                continue
            bare = not part.path or self._models.covers(part.path)  # as the recipes of transformers models
            whole = None if bare else self._layer(part, names)
            if whole is not None:
                done = part.path
                self.entries.append(whole)
            else:
                self.entries += [entry for one in members if one.persistent and (entry := self._tensor(one))]
        if self.left_out:
            detail = f"left out of the spec, which cannot hold their numbers: {', '.join(self.left_out)}"
            warnings.warn(f"{detail}; no file of it has them", stacklevel=3)

    def _layer(self, part: Part, names: list[str]) -> Entry | None:
        """The entry of a layer; None for a module that is none, or has other tensors."""
        path, kind = part.path, part.kind.layer
        if kind is None or part.layer.path:
            return None
        if kind in CONTAINERS:
            layer = container_layer(part.module, kind)
        else:
            layer = part.layer.key and part.layer.key.layer()
        start, stop = bisect_left(names, path), bisect_left(names, f"{path}\U0010ffff")
        found = {name[len(path) :]: self._drawn_by(name) for name in names[start:stop]}
        known = {suffix: one for suffix, one in found.items() if one is not None}
        if layer is None or not known or len(known) < len(found):
            return None
        base = _common_base(known)
        dtype = next((one.dtype.name for one in known.values() if not one.dtype.is_integer), self.dtype)
        if base is None:
            return None
        differing = self._differing(layer, dtype, known)
        if differing:
            inits = {suffix: known[suffix].scheme for suffix in differing}
            layer = layer.model_copy(update={"init": {**layer.inits(), **inits}})
            differing = self._differing(layer, dtype, known)
        if differing is None or differing:
            return None
        return self._entry(path[:-1], _body(layer), dtype, base[:-1])

    def _differing(self, layer: Layer, dtype: str, tensors: Mapping[str, ResolvedTensor]) -> list[str] | None:
        """The tensors with another distribution than the layer's; None where it has other tensors."""
        key = json.dumps([_body(layer), dtype])
        if key not in self._resolved:
            self._resolved[key] = _tensors_of(layer, dtype)
        given = self._resolved[key]
        if given is None or given.keys() != tensors.keys():
            return None
        if any(
            (given[name].shape, given[name].dtype) != (one.shape, one.dtype) for name, one in tensors.items()
        ):
            return None
        return [name for name, one in tensors.items() if given[name].distribution != one.distribution]

    def _drawn_by(self, name: str) -> ResolvedTensor | None:
        return self._drawn.get(self._ties.get(name, name))

    def _tensor(self, member: Member) -> Entry | None:
        """The entry of a bare tensor; None for a buffer that no spec holds."""
        if self._models.is_tie(member.name, self._ties.get(member.name)):
            return None
        tensor = self._drawn_by(member.name)
        if tensor is None:
            return self._buffer(member)
        body: Document = {"type": "Tensor", "shape": tensor.shape, "init": init_value(tensor.scheme)}
        if isinstance(tensor.distribution, ZeroRange):
            body["padding_idx"] = tensor.distribution.start // math.prod(tensor.shape[1:])
        if tensor.fans is not None and (members := tensor.fans.axes.members()):
            body["fan_axes"] = members
        return self._entry(member.name, body, tensor.dtype.name, tensor.stream)

    def _buffer(self, member: Member) -> Entry | None:
        numbers = self._numbers.get(member.name, member.tensor).to(member.tensor.dtype)
        init = known_numbers(numbers, min(MAX_VALUES, self._literals))
        if init is None:
            self.left_out.append(member.name)
            return None
        if isinstance(init, dict) and init["kind"] == "values":
            self._literals -= member.tensor.numel()
        body = {"type": "Tensor", "shape": tuple(member.tensor.shape), "init": init}
        return self._entry(member.name, body, DTYPE_NAMES[member.tensor.dtype], member.name)

    def _entry(self, name: str, body: Document, dtype: str, stream: str) -> Entry:
        own = {} if dtype == self.dtype else {"dtype": dtype}
        other = {} if stream == name else {"stream": stream}
        return Entry(name, json.dumps(body | own | other))


def _common_base(tensors: Mapping[str, ResolvedTensor]) -> str | None:
    """The name, with a dot behind it, of the one layer by whose name all tensors are drawn."""
    bases = {
        tensor.stream.removesuffix(suffix) if tensor.stream.endswith(f".{suffix}") else ""
        for suffix, tensor in tensors.items()
    }
    base = bases.pop()
    return None if bases or len(base) < 2 else base


def _body(layer: Layer) -> Document:
    """An entry without its name and dtype."""
    body: Document = {"type": layer.type, **layer.arguments()}
    if inits := layer.inits():
        body["init"] = {name: init_value(scheme_of(init)) for name, init in inits.items()}
    return body


def _tensors_of(layer: Layer, dtype: str) -> dict[str, EntryTensor] | None:
    try:
        return {tensor.suffix[1:]: tensor for tensor in resolve_entry(layer, dtype, LIMITS).tensors}
    except ArgumentError:
        return None
