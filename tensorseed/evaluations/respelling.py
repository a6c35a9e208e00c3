"""Canonical spellings in an evaluation request, at any depth."""

from __future__ import annotations

from typing import Any

from tensorseed.evaluations.containers import CONTAINERS, MAX_DEPTH
from tensorseed.evaluations.optimizers import OPTIMIZERS
from tensorseed.evaluations.request import METHODS
from tensorseed.spec.layers import LAYERS
from tensorseed.spec.modules import MODULES
from tensorseed.spec.spec import Spec
from tensorseed.spec.spellings.choices import respell_choices
from tensorseed.spec.spellings.names import (
    class_name,
    dtype_name,
    respell_entry,
    respell_fields,
    respell_init,
    respell_inits,
)

MAX_VARIANTS = 16

TYPES = frozenset((*LAYERS, *MODULES, *CONTAINERS))
"""Every type that a layer of an evaluation can have."""

_OPTIMIZERS = frozenset(OPTIMIZERS)


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
