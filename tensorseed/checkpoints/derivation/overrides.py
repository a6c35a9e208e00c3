"""Inits of a derivation that its user gives, by patterns of names.

A pattern is that of a rule: `A_log` reaches every tensor whose name ends so, `**.mixer.*` part of a model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from tensorseed.checkpoints.derivation.brace_folding import Entry, fold
from tensorseed.checkpoints.derivation.errors import ConfigError
from tensorseed.errors import Fault, SpecError, TooLargeError, shortened
from tensorseed.spec.json.pointers import MAX_FAULTS, pointer
from tensorseed.spec.limits import Limits
from tensorseed.spec.rules.patterns import compile_pattern

MAX_OVERRIDES = 64
UNKNOWN = "unknown"  # in the place of the init of an entry: the reason why there is none

Described = dict[str, Any]
Named = list[tuple[str, Described]]


def compiled(overrides: Any) -> dict[str, re.Pattern[str]]:
    """The regular expressions of the patterns of `overrides`, a map of patterns to inits.

    Raises:
        ConfigError: it is no such map; the pointers begin with /overrides.
    """
    if not isinstance(overrides, Mapping):
        raise ConfigError.at("/overrides", "overrides is an object of inits by pattern of name")
    if len(overrides) > MAX_OVERRIDES:
        detail = f"overrides has at most {MAX_OVERRIDES} patterns, these are {len(overrides):,}"
        raise ConfigError.at("/overrides", f"{detail}: let one reach several tensors")
    found, faults = {}, []
    for text in overrides:
        try:
            found[text] = compile_pattern(text)
        except ValueError as error:
            faults.append(_fault(text, str(error)))
    if faults:
        raise ConfigError(faults)
    return found


def check_overrides(overrides: Any) -> None:
    """Check what can be wrong with `overrides` whatever the model is: the patterns, and the inits alone.

    Raises:
        ConfigError: a pattern or an init is not valid; the pointers begin with /overrides.
    """
    faults = []
    for text in compiled(overrides):
        detail = _detail({"rules": [{"match": "**", "init": overrides[text]}], "layers": []}, Limits())
        if detail is not None:
            faults.append(_fault(text, detail))
    if faults:
        raise ConfigError(faults[:MAX_FAULTS])


def overridden(tensors: Named, overrides: Mapping[str, Any]) -> Named:
    """The entries, each with the init of the first pattern that matches its name.

    Raises:
        ConfigError: an init does not fit its tensors, or a pattern gives no tensor its init.
    """
    patterns = compiled(overrides)
    reached: dict[str, dict[str, str]] = {text: {} for text in overrides}  # a name by entry
    found: Named = []
    for name, described in tensors:
        text = next((one for one, pattern in patterns.items() if pattern.fullmatch(f"{name}.")), None)
        if text is None:
            found.append((name, described))
            continue
        kept = {member: value for member, value in described.items() if member != UNKNOWN}
        entry = kept | {"init": overrides[text]}
        reached[text].setdefault(json.dumps(entry, sort_keys=True), name)
        found.append((name, entry))
    names = [name for name, _ in tensors]
    faults = [fault for text, entries in reached.items() for fault in _faults(text, entries, patterns, names)]
    faults = faults or [*_parted_norms(tensors, found)]
    if faults:
        raise ConfigError(faults[:MAX_FAULTS])
    return found


def check_known(tensors: Sequence[tuple[str, Described]]) -> None:
    """Check that every tensor has an init.

    Raises:
        ConfigError: some have none; there is a fault for each, or for all of several layers alike.
    """
    unknown = [
        Entry(name, json.dumps([described[UNKNOWN], described["shape"]]))
        for name, described in tensors
        if UNKNOWN in described
    ]
    if unknown:
        faults = [Fault("", _unknown(name, *json.loads(body))) for name, body in fold(unknown)]
        raise ConfigError(faults[:MAX_FAULTS])


def _unknown(name: str, why: str, shape: Sequence[int]) -> str:
    """The sentence about a tensor that no init describes."""
    size = "×".join(map(str, shape)) or "one number"
    remedy = f"give its init by --init '{name}=INIT', or in overrides of the request"
    return f"the tensor {name} ({size}) of this model cannot be expressed, since {why}: {remedy}"


def _parted_norms(tensors: Named, found: Named) -> Iterator[Fault]:
    """A fault for each weight of weight normalisation whose norms would be those of its former init."""
    inits = {name: described.get("init") for name, described in found}
    former = {name: described.get("init") for name, described in tensors}
    for name, init in inits.items():
        if not isinstance(init, dict) or init.get("kind") != "weight_norm" or init != former[name]:
            continue
        other = f"{name.rpartition('.')[0]}.{init.get('of', 'original1')}".removeprefix(".")
        if inits.get(other) != former.get(other):
            detail = f"{shortened(name)} has the norms of {shortened(other)}, whose init is overridden"
            yield Fault("/overrides", f"{detail}: give {shortened(name)} an init as well, such as ones")


def _faults(
    text: str,
    entries: Mapping[str, str],
    patterns: Mapping[str, re.Pattern[str]],
    names: Sequence[str],
) -> list[Fault]:
    """The faults of the inits that a pattern gives, one for each kind of entry that does not take it.

    A fault that all of them share is said once.
    """
    if not entries:
        return [_fault(text, _unmatched(text, patterns, names))]
    said: dict[str, str] = {}  # a name by fault
    for body, name in entries.items():
        spec = {"layers": [{"name": "w", **json.loads(body)}]}
        if (detail := _detail(spec, Limits(file_bytes=1 << 60))) is not None:
            said.setdefault(detail, name)
    return [_fault(text, f"{detail} (of {shortened(name)})") for detail, name in said.items()]


def _detail(spec: Described, limits: Limits) -> str | None:
    """The first fault of a spec; None of a valid one."""
    from tensorseed.spec.spec import parse_spec

    try:
        parse_spec(json.dumps(spec).encode(), limits)
    except SpecError as error:
        return error.faults[0].detail
    except TooLargeError:  # which is a fault of the whole recipe
        pass
    return None


def _unmatched(text: str, patterns: Mapping[str, re.Pattern[str]], names: Sequence[str]) -> str:
    """The sentence about a pattern that gives no tensor its init."""
    found = next((name for name in names if patterns[text].fullmatch(f"{name}.")), None)
    if found is not None:
        first = next(one for one, pattern in patterns.items() if pattern.fullmatch(f"{found}."))
        detail = f"an earlier pattern, {shortened(first)}, takes the tensors of this one"
        return f"{detail}, such as {shortened(found)}: put this one first, or leave it out"
    detail = "this pattern gives no tensor its init, since no name matches"
    if "." in text and not text.startswith("**."):
        deeper = f"**.{text}"
        with suppress(ValueError):
            pattern = compile_pattern(deeper)
            if any(pattern.fullmatch(f"{name}.") for name in names):
                return f"{detail}: write {shortened(deeper)}, as a pattern with a dot begins at the top"
    return f"{detail}: correct it, or leave it out"


def _fault(text: str, detail: str) -> Fault:
    return Fault(pointer(("overrides", shortened(text))), detail)
