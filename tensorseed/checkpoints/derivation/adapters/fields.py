"""Checks of the fields of an adapter_config.json."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tensorseed.checkpoints.derivation.adapters.expressions import (
    MAX_DOUBLINGS,
    ExpressionError,
    doublings_of,
)
from tensorseed.checkpoints.derivation.configs import MAX_NUMBER, members
from tensorseed.spec.json.pointers import Path

MAX_RANK = 65_536
MAX_EXPRESSIONS = 256  # of one field
PREFIX = 3  # doublings of the beginning of a name, which may end at any dot

_DATA = "this init is computed from the base's weights or from data: give true, false or gaussian"
_COPIES = "saves a copy of weights of the base, which are the base's own numbers: leave it out"
_VARIANT = "is a variant of LoRA that is not derived: leave it out"
_TASKS = ("CAUSAL_LM", "SEQ_2_SEQ_LM", "FEATURE_EXTRACTION")
_HEADS = ("SEQ_CLS", "TOKEN_CLS", "QUESTION_ANS")  # tasks for which peft saves the base's head as well
_REFUSED = {
    "auto_mapping": "auto_mapping names a class of the base: leave it out",
    "use_dora": "use_dora needs the norms of the base's weights: leave it out",
    "modules_to_save": f"modules_to_save {_COPIES}",
    "trainable_token_indices": f"trainable_token_indices {_COPIES}",
    "layer_replication": "layer_replication changes the base, and its copies of layers: leave it out",
    "target_parameters": "target_parameters is not derived: name modules in target_modules",
} | {
    name: f"{name} {_VARIANT}"
    for name in (
        "arrow_config",
        "kasa_config",
        "megatron_config",
        "monteclora_config",
        "runtime_config",
        "use_bdlora",
        "use_qalora",
        "velora_config",
    )
}
_INITS_OF_DATA = ("corda_config", "eva_config", "loftq_config", "lora_ga_config")


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def _is_names(value: Any) -> bool:
    return isinstance(value, str) or _is_texts(value)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_layers(value: Any) -> bool:
    return type(value) is int or (isinstance(value, list) and all(type(part) is int for part in value))


_NAMES = "a name of modules, a list of them, or a regular expression"
_KINDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "r": (_is_count, f"an integer from 1 to {MAX_RANK:,}"),
    "lora_alpha": (_is_number, "a number"),
    "lora_dropout": (lambda value: _is_number(value) and 0 <= value <= 1, "a number from 0 to 1"),
    "target_modules": (_is_names, _NAMES),
    "exclude_modules": (_is_names, _NAMES),
    "layers_pattern": (_is_names, "a name of a list of layers, or several"),
    "layers_to_transform": (_is_layers, "the number of a layer, or a list of them"),
    "rank_pattern": (
        lambda value: isinstance(value, dict) and all(map(_is_count, value.values())),
        "an object of ranks, integers of at least 1, by name of module",
    ),
    "alpha_pattern": (
        lambda value: isinstance(value, dict) and all(map(_is_number, value.values())),
        "an object of numbers by name of module",
    ),
    "alora_invocation_tokens": (_is_layers, "a list of integers"),
} | {
    name: (lambda value: isinstance(value, bool), "true or false")
    for name in ("ensure_weight_tying", "fan_in_fan_out", "inference_mode", "lora_bias", "use_rslora")
}


def field_faults(adapter: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """What is wrong with the fields, each by itself. A field of null has its default."""
    if adapter.get("peft_type") != "LORA":
        yield ("peft_type",), "peft_type must be LORA: no other kind of adapter is derived"
    for name, detail in _REFUSED.items():
        if adapter.get(name):
            yield (name,), detail
    if not (isinstance(init := adapter.get("init_lora_weights", True), bool) or init == "gaussian"):
        yield ("init_lora_weights",), _DATA
    for name in _INITS_OF_DATA:
        if adapter.get(name):
            yield (name,), f"{name} is of an init from the base's weights or from data: leave it out"
    if adapter.get("bias") not in (None, "none"):
        yield ("bias",), f"bias must be none: another one {_COPIES}"
    if (task := adapter.get("task_type")) in _HEADS:
        yield ("task_type",), f"this task {_COPIES}"
    elif task is not None and task not in _TASKS:
        yield ("task_type",), f"task_type must be one of {', '.join(_TASKS)}, or left out"
    for name, (is_valid, kind) in _KINDS.items():
        value = adapter.get(name)
        if value is None:
            continue
        if not is_valid(value):
            yield (name,), f"{name} must be {kind}"
            continue
    yield from _expression_faults(adapter)
    for path, value in members(adapter):
        maximum = MAX_RANK if path[0] in ("r", "rank_pattern") else MAX_NUMBER
        if isinstance(value, int) and abs(value) > maximum:
            yield path, f"a number of an adapter is at most {maximum:,}"


def _expressions(name: str, value: Any) -> list[tuple[Path, str]]:
    """The regular expressions that a field holds."""
    if name in ("target_modules", "exclude_modules", "layers_pattern") and isinstance(value, str):
        return [((name,), value)]
    if name == "layers_pattern" and _is_texts(value):
        return [((name, place), text) for place, text in enumerate(value)]
    if name in ("rank_pattern", "alpha_pattern") and isinstance(value, dict):
        return [((name, text), text) for text in value]
    return []


def _expression_faults(adapter: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """What is wrong with the expressions, which are all tried on the name of each module."""
    ways = 0
    for name, value in adapter.items():
        found = _expressions(name, value)
        if len(found) > MAX_EXPRESSIONS:
            yield (name,), f"{name} has at most {MAX_EXPRESSIONS} entries, this one has {len(found):,}"
            return
        before = ways
        for path, text in found:
            try:
                ways += 1 << doublings_of(text) + PREFIX * (not name.endswith("_modules"))
            except ExpressionError as error:
                yield path, str(error)
        if before <= 1 << MAX_DOUBLINGS < ways:
            detail = "the expressions of an adapter have too many ways to match together"
            yield (name,), f"{detail}: write names of modules, or fewer *, +, ? and |"
