"""The entries of a spec, from their JSON to their models. Those that differ only in their names are one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tensorseed.spec.faults import MAX_FAULTS, Located, explain
from tensorseed.spec.json_io import dump
from tensorseed.spec.layers import AnyEntry, Entry
from tensorseed.spec.limits import Limits
from tensorseed.spec.names import check_name, is_plain
from tensorseed.spec.size_limits import MAX_FIELDS, find_oversize

PLACEHOLDER = "name"

_ENTRY: TypeAdapter[Entry] = TypeAdapter(AnyEntry)


@dataclass(slots=True)
class EntryGroup:
    """Entries that are equal but for their names."""

    entry: Any  # as sent, without its name
    text: bytes  # the same as JSON
    names: list[str]
    places: list[int]  # the names' entries, as indices in the spec


def group_entries(
    entries: list[Any], faults: list[Located], *, by_torch: bool, ranges: bool
) -> Iterable[EntryGroup]:
    """Put entries together that are equal but for their names, and check the names.

    It ends where the faults are many. With `ranges` false a name must be literal.
    """
    alike: dict[bytes, EntryGroup] = {}
    for index, entry in enumerate(entries):
        name = PLACEHOLDER
        if isinstance(entry, dict):
            name = entry.pop("name", None)
            if not is_plain(name):
                name = _checked_name(name, index, faults, ranges=ranges)
            elif not by_torch and "stream" in entry and entry["stream"] == name:
                del entry["stream"]
        key = dump(entry)
        known = alike.get(key)
        if known is None:
            alike[key] = EntryGroup(entry, key, [name], [index])
        else:
            known.names.append(name)
            known.places.append(index)
        if len(faults) >= MAX_FAULTS:
            break
    return alike.values()


def _checked_name(name: Any, index: int, faults: list[Located], *, ranges: bool) -> str:
    """`name`, after noting what is wrong with it; a name that is none is replaced."""
    where = ("layers", index, "name")
    if not isinstance(name, str):
        faults.append((where, "name is required" if name is None else "name must be a string"))
        return PLACEHOLDER
    try:
        check_name(name, ranges=ranges)
    except ValueError as error:
        faults.append((where, str(error)))
    return name


def validate_entry(alike: EntryGroup, limits: Limits, faults: list[Located]) -> Entry | None:
    """The model of the entry, under a name that means nothing; None after noting what is wrong with it."""
    place = ("layers", alike.places[0])
    found = find_oversize(alike.entry, limits)
    if found is not None:
        faults.append(((*place, *found[0]), found[1]))
        return None
    named = alike.text
    if isinstance(alike.entry, dict):
        named = alike.text[:-1] + (b"," if alike.entry else b"") + b'"name":"name"}'
    try:
        for part in _parts(alike.entry):
            _ENTRY.validate_json(dump(part))
        return _ENTRY.validate_json(named)
    except ValidationError as error:
        faults += explain(error, {"layers": {place[1]: alike.entry}}, Entry, place)
        return None


def _parts(entry: Any) -> Iterable[Any]:
    """The entry with a few of its inits at a time, where it has very many: the first that fails is told."""
    inits = entry.get("init") if isinstance(entry, dict) else None
    if not isinstance(inits, dict) or len(inits) <= MAX_FIELDS:
        return
    rest = iter(inits.items())
    while batch := dict(islice(rest, MAX_FIELDS)):
        yield {**entry, "name": PLACEHOLDER, "init": batch}
