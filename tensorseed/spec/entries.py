"""Validation of a spec's entries, alike ones at once, and of its rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tensorseed.errors import SpecError
from tensorseed.spec.faults import Located, explain, spec_error
from tensorseed.spec.json.pointers import MAX_FAULTS
from tensorseed.spec.json.text import dump, load
from tensorseed.spec.json.values import to_json
from tensorseed.spec.layers import AnyEntry, Entry
from tensorseed.spec.limits import Limits
from tensorseed.spec.names import check_name, is_plain
from tensorseed.spec.rules import Rule, Rules
from tensorseed.spec.size_limits import MAX_FIELDS, find_oversize

PLACEHOLDER = "name"
MAX_RULES = 1_024

_ENTRY: TypeAdapter[Entry] = TypeAdapter(AnyEntry)


@dataclass(slots=True)
class EntryGroup:
    """Entries that are equal except for their names."""

    entry: Any  # as sent, without its name
    text: bytes  # the same as JSON
    names: list[str]
    indices: list[int]  # of the named entries in the spec


def group_entries(
    entries: list[Any], faults: list[Located], *, by_torch: bool, ranges: bool
) -> list[EntryGroup]:
    """Group entries that are equal except for their names, and check the names.

    It stops at `MAX_FAULTS`. With `ranges` false a name must be literal.
    """
    groups: dict[bytes, EntryGroup] = {}
    for index, entry in enumerate(entries):
        name = PLACEHOLDER
        if isinstance(entry, dict):
            name = entry.pop("name", None)
            if not is_plain(name):
                name = _checked_name(name, index, faults, ranges=ranges)
            elif not by_torch and "stream" in entry and entry["stream"] == name:
                del entry["stream"]
        key = dump(entry)
        known = groups.get(key)
        if known is None:
            groups[key] = EntryGroup(entry, key, [name], [index])
        else:
            known.names.append(name)
            known.indices.append(index)
        if len(faults) >= MAX_FAULTS:
            break
    return [*groups.values()]


def _checked_name(name: Any, index: int, faults: list[Located], *, ranges: bool) -> str:
    """The name, after adding its faults; a placeholder for what is no string."""
    where = ("layers", index, "name")
    if not isinstance(name, str):
        faults.append((where, "name is required" if name is None else "name must be a string"))
        return PLACEHOLDER
    try:
        check_name(name, ranges=ranges)
    except ValueError as error:
        faults.append((where, str(error)))
    return name


def validate_entry(group: EntryGroup, limits: Limits, faults: list[Located]) -> Entry | None:
    """The model of the entry under a placeholder name; None after adding its faults."""
    path = ("layers", group.indices[0])
    found = find_oversize(group.entry, limits)
    if found is not None:
        faults.append(((*path, *found[0]), found[1]))
        return None
    named = group.text
    if isinstance(group.entry, dict):
        named = group.text[:-1] + (b"," if group.entry else b"") + b'"name":"name"}'
    try:
        for batch in _init_batches(group.entry):
            _ENTRY.validate_json(dump(batch))
        return _ENTRY.validate_json(named)
    except ValidationError as error:
        faults += explain(error, {"layers": {path[1]: group.entry}}, Entry, path)
        return None


def _init_batches(entry: Any) -> Iterable[Any]:
    """The entry with batches of its inits, where it has many, so that the first fault ends validation."""
    inits = entry.get("init") if isinstance(entry, dict) else None
    if not isinstance(inits, dict) or len(inits) <= MAX_FIELDS:
        return
    rest = iter(inits.items())
    while batch := dict(islice(rest, MAX_FIELDS)):
        yield {**entry, "name": PLACEHOLDER, "init": batch}


def parse_rules(document: Any) -> Rules:
    """The rules of a JSON document, a list of objects.

    Raises:
        SpecError: they are not valid; a pointer such as /rules/0/match and a sentence for every fault.
    """
    if not isinstance(document, list):
        raise SpecError.at("/rules", 'rules must be a list, such as [{"match": "**.bias", "init": "zeros"}]')
    if len(document) > MAX_RULES:
        detail = f"rules has at most {MAX_RULES:,} elements, this one has {len(document):,}: leave some out"
        raise SpecError.at("/rules", detail)
    faults: list[Located] = []
    rules = []
    for index, written in enumerate(document):
        try:
            rules.append(Rule.model_validate_json(dump(written)))
        except ValidationError as error:
            faults += explain(error, {"rules": document}, Rule, ("rules", index))
    if faults:
        raise spec_error(faults)
    return Rules(rules)


def rules_of(rules: Sequence[Mapping[str, Any] | Rule] | None) -> Rules:
    """The rules of Python objects, which may be `Rules` already.

    Raises:
        SpecError: they are not valid, or are no JSON; see `parse_rules`.
    """
    if isinstance(rules, Rules):
        return rules
    written = rules
    if isinstance(rules, list | tuple):
        written = [_written(rule) if isinstance(rule, Rule) else rule for rule in rules]
    return parse_rules(load(to_json({"rules": [] if rules is None else written}))["rules"])


def _written(rule: Rule) -> Any:
    return rule.model_dump(mode="json", by_alias=True, exclude_unset=True)
