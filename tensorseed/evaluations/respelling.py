"""Canonical spellings in an evaluation request, and its canonical text."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel

from tensorseed.evaluations.containers import CONTAINERS, MAX_DEPTH
from tensorseed.evaluations.optimizers import OPTIMIZERS
from tensorseed.evaluations.request import METHODS, CalibrationGiven, EvaluationRequest
from tensorseed.losses.registry import LOSSES, SPELLINGS
from tensorseed.spec.canonical import init_value
from tensorseed.spec.json.text import dump
from tensorseed.spec.layers import LAYERS
from tensorseed.spec.modules import MODULES
from tensorseed.spec.numbers import with_whole_numbers
from tensorseed.spec.schemes import SCHEMES
from tensorseed.spec.spec import Spec
from tensorseed.spec.spellings.choices import respell_choices
from tensorseed.spec.spellings.defaults import without_defaults
from tensorseed.spec.spellings.names import (
    class_name,
    dtype_name,
    respell_entry,
    respell_fields,
    respell_init,
    respell_inits,
)
from tensorseed.spec.translation import normalise_entry, normalise_init, normalise_rule

MAX_VARIANTS = 16

TYPES = frozenset((*LAYERS, *MODULES, *CONTAINERS))
"""Every type that a layer of an evaluation can have."""

_OPTIMIZERS = frozenset(OPTIMIZERS)
_AUTO = ("auto", "cpu")  # devices that mean the same here
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def respelled(document: dict[str, Any]) -> dict[str, Any]:
    """The evaluation with canonical dtypes, devices, generators, types, inits, optimizers and methods.

    Its variants and the layers of its containers have them too. What is not valid stays as it is.
    """
    found: dict[str, Any] = dict(respell_choices(respell_fields(document), Spec))
    layers, variants = found.get("layers"), found.get("compare")
    if isinstance(layers, list):
        found["layers"] = _layers(layers, 0)
    if isinstance(variants, list):
        found["compare"] = [_variant(variant) for variant in variants[: MAX_VARIANTS + 1]]
    if "optimizer" in found:
        found["optimizer"] = _optimizer(found["optimizer"])
    if "calibrate" in found:
        found["calibrate"] = _calibration(found["calibrate"])
    return found


def _layers(layers: list[Any], depth: int) -> list[Any]:
    """The layers, to the depth that is allowed."""
    return [_layer(layer, depth) for layer in layers]


def _layer(layer: Any, depth: int) -> Any:
    found = respell_entry(layer, TYPES)
    kind = found.get("type") if isinstance(found, dict) else None
    if isinstance(kind, str) and (model := LAYERS.get(kind) or MODULES.get(kind)) is not None:
        found = respell_choices(found, model)
    if depth >= MAX_DEPTH or not isinstance(kind, str) or kind not in CONTAINERS:
        return found
    changed = dict(found)
    for branch in CONTAINERS[kind].read_branches(found):
        if not isinstance(branch.entries, list):
            continue
        inner = _layers(branch.entries, depth + 1)
        name = str(branch.path[0])
        if len(branch.path) == 1:
            changed[name] = inner
            continue
        if changed[name] is found[name]:
            changed[name] = [*found[name]]
        changed[name][branch.path[1]] = inner
    return changed


def _variant(variant: Any) -> Any:
    if isinstance(variant, str):
        return _optimizer(dtype_name(respell_init(variant)))
    if not isinstance(variant, dict):
        return variant
    found: dict[str, Any] = dict(respell_init(respell_fields(variant)))  # an init can stand alone
    optimizer = _optimizer(found)  # and so can an optimizer
    if optimizer is not found and optimizer["kind"] in _OPTIMIZERS:
        return optimizer
    if "init" in found:
        found["init"] = respell_inits(found["init"])
    if "optimizer" in found:
        found["optimizer"] = _optimizer(found["optimizer"])
    return found


def _optimizer(optimizer: Any) -> Any:
    if isinstance(optimizer, str):
        return class_name(optimizer.removeprefix("torch.").removeprefix("optim."), _OPTIMIZERS)
    kind = optimizer.get("kind") if isinstance(optimizer, dict) else None
    return {**optimizer, "kind": _optimizer(kind)} if isinstance(kind, str) else optimizer


def _calibration(given: Any) -> Any:
    """The calibration with the canonical name of its method."""
    if isinstance(given, str):
        return given.casefold() if given.casefold() in METHODS else given
    method = given.get("method") if isinstance(given, dict) else None
    return {**given, "method": _calibration(method)} if isinstance(method, str) else given


def canonical_text(
    document: Mapping[str, Any], max_chars: int, target: Mapping[str, Any] | None = None
) -> str | None:
    """The short JSON text of a valid evaluation, which `respelled` made; None for one over `max_chars`.

    Defaults are left out, members sorted, and a choice without arguments is its name; 1 and 1.0 are one
    number. `target` replaces members of the target, by None what follows from the output. Variants without a
    label keep the arguments that were sent, since their labels are made of these.
    """
    if _is_long(document, max_chars):
        return None
    document = with_whole_numbers(document)
    found = without_defaults(document, EvaluationRequest)
    found["layers"] = [*map(_canonical_layer, document["layers"])]
    for name in ("input", "target"):
        if name in found:
            given = {**found[name], **(target or {})} if name == "target" else found[name]
            given = {key: value for key, value in given.items() if value is not None}
            found[name] = _with_init(given) if "init" in given else given
    if isinstance(found.get("seed"), int | str):
        found["seed"] = str(int(found["seed"]))
        if found["seed"] == "0":
            del found["seed"]
    if found.get("device") in _AUTO:
        del found["device"]
    for name in ("rules", "compare"):
        if not found.get(name, True):
            del found[name]
    if "compare" in found:
        found["compare"] = [*map(_canonical_variant, found["compare"])]
    text = _ENCODER.encode(_sorted(_with_choices(found)))
    return text if len(text) <= max_chars else None


def _is_long(document: Any, max_chars: int) -> bool:
    """Whether there are more values than characters of the text; each takes two at least."""
    left, waiting = max_chars, [document]
    while waiting and left > 0:
        value = waiting.pop()
        left -= 1
        if isinstance(value, dict | list):
            if len(value) > left:
                return True
            waiting += value.values() if isinstance(value, dict) else value
    return left <= 0


def _canonical_layer(entry: Any) -> Any:
    kind = entry["type"]
    if kind in LAYERS:
        entry = normalise_entry(entry, (), [])
        found = without_defaults(entry, LAYERS[kind])
        if found.get("padding") == "valid":  # of a convolution: the default's other name
            del found["padding"]
        if not found.get("init", True):
            del found["init"]
        return _with_init(found) if "init" in found else found
    if kind in MODULES:
        return without_defaults(entry, MODULES[kind])
    container = CONTAINERS[kind]
    found = without_defaults(entry, container)
    if "branches" in found:
        found["branches"] = [[*map(_canonical_layer, branch)] for branch in found["branches"]]
    for name in ("layers", "shortcut"):
        if name in found:
            found[name] = [*map(_canonical_layer, found[name])]
    return found


def _canonical_rule(rule: Any) -> Any:
    """The rule with the canonical class and init, without conditions that say nothing."""
    found = _with_init(normalise_rule(rule, (), []))
    return {name: value for name, value in found.items() if value is not None}


class _Choice(NamedTuple):
    """The model of a choice by its name, and the first spelling of the name."""

    model: Callable[[str], type[BaseModel]]
    spelling: Callable[[str], str] = str


_CHOICES = {
    "optimizer": _Choice(OPTIMIZERS.__getitem__),
    "loss": _Choice(LOSSES.__getitem__, lambda kind: SPELLINGS.get(kind, kind)),
    "calibrate": _Choice(lambda _: CalibrationGiven),
}


def _with_choices(found: dict[str, Any]) -> dict[str, Any]:
    """The evaluation or variant with canonical rules, optimizer, loss and calibration."""
    for name, read in _CHOICES.items():
        if name in found:
            found[name] = _canonical_choice(found[name], read)
    if "rules" in found:
        found["rules"] = [*map(_canonical_rule, found["rules"])]
    return found


def _canonical_choice(given: Any, choice: _Choice) -> Any:
    """An optimizer, a loss or a calibration: its name where nothing else is said."""
    if not isinstance(given, dict):
        return choice.spelling(given)
    name = "method" if "method" in given else "kind"
    kind = choice.spelling(given[name])
    model = choice.model(kind)
    said = {key: value for key, value in given.items() if value is not None or key in model.model_fields}
    found = {**without_defaults(said, model), name: kind}
    if "init" in found and name == "method":
        found = _with_init(found)
        if found["init"] == CalibrationGiven.model_fields["init"].default:
            del found["init"]
    return found[name] if len(found) == 1 else found


def _with_init(found: dict[str, Any]) -> dict[str, Any]:
    """The object with its init, or its inits by parameter, in short."""
    init = found["init"]
    if isinstance(init, dict) and "kind" not in init:
        return {**found, "init": {name: _canonical_init(one) for name, one in init.items()}}
    return {**found, "init": _canonical_init(init)}


def _canonical_init(init: Any) -> Any:
    """The init in the first spelling of its kind, without defaults."""
    init = normalise_init(init, (), [])
    given = init if isinstance(init, dict) else {"kind": init}
    if given.get("kind") not in SCHEMES:
        return init
    return init_value(SCHEMES[given["kind"]].model_validate_json(dump(given)))


def _canonical_variant(variant: Any) -> Any:
    """The variant with sorted members, in the shortest form that has its label.

    A label of its own says nothing of the rest, which is then as short as that of an evaluation.
    """
    if not isinstance(variant, dict):
        return variant
    if "kind" in variant:
        return _named(variant)
    found = {name: variant[name] for name in sorted(variant) if variant[name] not in (None, {})}
    if "seed" in found:
        found["seed"] = int(found["seed"])
    if "label" in found:
        return _with_choices(_with_init(found) if "init" in found else found)
    for name, shorten in (("init", _named), ("optimizer", _named), ("rules", _named_rules)):
        if name in found:
            found[name] = shorten(found[name])
    if len(found) == 1:
        name, value = next(iter(found.items()))
        if name in ("dtype", "optimizer") or (name == "init" and (isinstance(value, str) or "kind" in value)):
            return value
    return _Ordered(found)


def _named(given: Any) -> Any:
    """An init or an optimizer as its name if it has no arguments, and so the inits by parameter, in order."""
    if not isinstance(given, dict):
        return given
    if "kind" not in given:
        return _Ordered({name: _named(init) for name, init in given.items()})
    return given["kind"] if len(given) == 1 else _Ordered({"kind": given["kind"], **given})


def _named_rules(rules: list[Any]) -> list[Any]:
    given = [{name: rule[name] for name in sorted(rule) if rule[name] is not None} for rule in rules]
    return [{**rule, "init": _named(rule["init"])} for rule in given]


class _Ordered(dict[str, Any]):
    """An object whose order has a meaning."""


def _sorted(value: Any) -> Any:
    """The value with the members of every object sorted, but for those whose order has a meaning."""
    if isinstance(value, _Ordered):
        return value
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [*map(_sorted, value)] if isinstance(value, list) else value
