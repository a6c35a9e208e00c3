"""Specs of the weights of an evaluation and of its variants."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from typing import Any

from tensorseed.errors import Fault, SpecError, shortened
from tensorseed.evaluations.optimizers import Optimizer
from tensorseed.evaluations.request import Variant as VariantRequest
from tensorseed.spec.faults import Located
from tensorseed.spec.inits import expand_init_names, written_name
from tensorseed.spec.json.pointers import Path, pointer
from tensorseed.spec.json.text import dump
from tensorseed.spec.layers import LAYERS, Layer
from tensorseed.spec.limits import Limits
from tensorseed.spec.numbers import whole
from tensorseed.spec.resolved import ResolvedSpec
from tensorseed.spec.spec import TORCH_FIELDS, parse_spec
from tensorseed.spec.translation import normalise_entry
from tensorseed.suggestions import unknown_name

FIELDS = ("seed", "generator", "dtype", "device", "rules", *TORCH_FIELDS)
"""The fields that an evaluation shares with a spec, beside the layers."""

_LAYERS = re.compile(r"\blayers ([0-9]+) and ([0-9]+)\b")

MATRIX = "weight"
"""The parameter whose init skips vectors, which are gains of norms."""


@dataclass(frozen=True)
class Inits:
    """Inits of a variant, as sent: `named` by parameter, or `matrices`, one for every matrix of weights.

    `place` is where `matrices` stands below the variant. `rules` replace those of the evaluation.
    """

    named: Mapping[str, Any] = field(default_factory=dict)
    matrices: Any = None
    place: Path = ()
    rules: Any = None

    def of(self, layer: Layer) -> dict[str, Any]:
        """Those that the layer takes, by parameter."""
        if self.matrices is not None:
            return dict.fromkeys(layer.matrices(), self.matrices)
        taken = _taken(layer)
        return {name: init for name, init in self.expanded.items() if name in taken}

    @cached_property
    def expanded(self) -> dict[str, Any]:
        """Those by parameter, with the ranges of their names expanded.

        Raises:
            ArgumentError: see `expand_init_names`.
        """
        return expand_init_names(self.named)

    def place_of(self, path: Path) -> Path | None:
        """Where a fault of a spec comes from, below the variant; None where no init causes it."""
        if path[:1] == ("rules",) and self.rules is not None:
            return path
        if len(path) < 4 or path[2] != "init":
            return None
        if self.matrices is not None:
            return (*self.place, *path[4:])
        name = written_name(str(path[3]), self.named)
        return ("init", name, *path[4:]) if name in self.named else None

    def words(self) -> Iterator[str]:
        """The inits in words, for a label; that of `weight` alone needs no name."""
        if self.matrices is not None:
            yield _spelled(self.matrices)
        elif list(self.named) == [MATRIX]:
            yield _spelled(self.named[MATRIX])
        else:
            yield from (f"{name} {_spelled(init)}" for name, init in self.named.items())
        if isinstance(self.rules, list):
            yield from map(_spelled_rule, self.rules or ["no rules"])


@dataclass(frozen=True)
class WeightSpec:
    """The spec of an evaluation's weights; `paths` are those of the entries in the request."""

    fields: Mapping[str, Any]
    entries: Sequence[dict[str, Any]]
    paths: Sequence[Path]

    def resolve(
        self, limits: Limits, *, within_spec: bool = False
    ) -> tuple[ResolvedSpec | None, list[Located]]:
        """The resolved spec, or the faults with paths into the request, or with `within_spec` into the spec.

        Raises:
            TooLargeError: a limit is exceeded.
            VersionError: this host has another version or other kernels of torch.
        """
        try:
            return parse_spec(dump({**self.fields, "layers": self.entries}), limits), []
        except SpecError as error:
            return None, [self._located(fault, within_spec=within_spec) for fault in error.faults]

    def layers(self) -> list[Layer]:
        """The entries, which must be valid, as their models."""
        entries = [normalise_entry(entry, (), []) for entry in self.entries]
        found = [LAYERS[entry["type"]].model_validate_json(dump(entry)) for entry in entries]
        assert all(isinstance(layer, Layer) for layer in found)
        return found  # type: ignore[return-value]

    def with_variant(self, request: VariantRequest, inits: Inits) -> WeightSpec:
        """The spec of a variant with its inits."""
        fields = dict(self.fields)
        for name in ("seed", "generator", "dtype"):
            value = getattr(request, name)
            if value is not None:
                fields[name] = value
        if inits.rules is not None:
            fields["rules"] = inits.rules
        if fields.get("generator") != "torch":
            fields = {name: value for name, value in fields.items() if name not in TORCH_FIELDS}
        entries = [
            _with_inits(entry, layer, inits) for entry, layer in zip(self.entries, self.layers(), strict=True)
        ]
        return replace(self, fields=fields, entries=entries)

    def taken(self) -> set[str]:
        """The names of the parameters that an init of their name fills in some layer."""
        return set().union(*map(_taken, self.layers()))

    def parameters(self) -> list[str]:
        """The names of all parameters of all layers, each once."""
        names = (slot.name for layer in self.layers() for slot in layer.slots())
        return list(dict.fromkeys(names))

    def _located(self, fault: Fault, *, within_spec: bool) -> Located:
        path = parse_pointer(fault.pointer)
        if not within_spec and path[:1] == ("layers",) and len(path) > 1 and str(path[1]).isdigit():
            path = (*self.paths[int(path[1])], *path[2:])
        return path, _LAYERS.sub(self._renamed, fault.detail)

    def _renamed(self, found: re.Match[str]) -> str:
        """The places of two entries in the request."""
        first, second = (place_of(self.paths[int(index)]) for index in found.groups())
        return f"layers {first} and {second}"


def parse_pointer(pointer: str) -> Path:
    """The path of a JSON Pointer (RFC 6901)."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def place_of(path: Path) -> str:
    """A path in words: the index of a layer, or the pointer of one in a container."""
    return str(path[1]) if len(path) == 2 else pointer(path)


def _taken(layer: Layer) -> set[str]:
    """The names of the parameters of a layer that an init of their name fills."""
    return {slot.name for slot in layer.slots() if slot.name != MATRIX or len(slot.shape) > 1}


def _with_inits(entry: dict[str, Any], layer: Layer, inits: Inits) -> dict[str, Any]:
    """The entry with those of the inits that its layer takes."""
    own, given = inits.of(layer), entry.get("init", {})
    if not isinstance(layer.init, dict):
        given = dict.fromkeys(layer.matrices(), given)
    elif own:
        given = expand_init_names(given)
    return {**entry, "init": {**given, **own}} if own else entry


def label(request: VariantRequest, inits: Inits, optimizer: Optimizer | None) -> str:
    """The default label of a variant: its differences, with the arguments that were sent."""
    words = list(inits.words())
    words += [f"seed {request.seed}"] if request.seed is not None else []
    words += [str(word) for word in (request.generator, request.dtype) if word is not None]
    words += [] if optimizer is None else [_named(optimizer.kind, optimizer.given_arguments())]
    return ", ".join(words) or "as given"


def distinct_label(name: str, taken: Collection[str]) -> str:
    """The label, cut to its length; with a number where one of those taken begins alike."""
    for number in count(1):
        short = shortened(name) if number == 1 else f"{shortened(name)} ({number})"
        if short not in taken:
            return short
    raise AssertionError


def _spelled(init: Any) -> str:
    """An init in words; anything else that was sent is refused later."""
    if not isinstance(init, dict):
        return str(init)
    return _named(str(init.get("kind")), {name: value for name, value in init.items() if name != "kind"})


def _spelled_rule(rule: Any) -> str:
    """A rule in words: Linear **.weight xavier_uniform."""
    if not isinstance(rule, dict):
        return str(rule)
    conditions = (str(rule[name]) for name in ("type", "match") if rule.get(name) is not None)
    return " ".join([*conditions, _spelled(rule.get("init"))])


def _named(name: str, arguments: Mapping[str, Any]) -> str:
    """A name with its arguments: normal std=0.01."""
    return " ".join([name, *(f"{key}={_argument(value)}" for key, value in arguments.items())])


def _argument(value: Any) -> str:
    """A value as JSON has it, without quotation marks; whole numbers have no fraction."""
    if isinstance(value, str):
        return value
    return dump(whole(value) if isinstance(value, float) else value).decode()


def variant_faults(
    request: VariantRequest, inits: Inits, index: int, found: list[Located]
) -> Iterator[Located]:
    """The faults of a variant's spec, at the paths of the changes that cause them."""
    where: Path = ("compare", index)
    other = next(
        (name for name in ("generator", "dtype", "seed") if getattr(request, name) is not None), None
    )
    seen = set()
    for path, detail in found:
        own = inits.place_of(path)
        if own is not None:
            moved: Path = (*where, *own)
        else:
            moved = (*where, other) if other else where
        if moved not in seen:
            seen.add(moved)
            yield moved, detail


def check_inits(inits: Inits, weights: WeightSpec, index: int) -> Iterator[Located]:
    """A fault for every init that no layer takes."""
    taken = weights.taken() if inits.named else set()
    for written in inits.named:
        unknown = next((name for name in expand_init_names({written: None}) if name not in taken), None)
        if unknown is not None:
            detail = unknown_name("parameter", unknown, weights.parameters())
            yield ("compare", index, "init", written), detail
    if inits.matrices is not None and not any(layer.matrices() for layer in weights.layers()):
        detail = 'no layer has a matrix of weights: name the parameters, as in {"init": {"bias": "zeros"}}'
        yield ("compare", index, *inits.place), detail
