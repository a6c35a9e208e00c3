"""Validation of a spec's entries, alike ones at once, and of its rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache as once
from itertools import islice
from threading import Lock
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tensorseed.spec.faults import Located, explain, spec_error
from tensorseed.spec.json.pointers import MAX_FAULTS
from tensorseed.spec.json.rows import Form, Row, Rows
from tensorseed.spec.json.text import dump, load
from tensorseed.spec.json.values import to_json
from tensorseed.spec.layers import AnyEntry, Entry, Tensor
from tensorseed.spec.limits import Limits
from tensorseed.spec.names import are_plain, check_name, is_plain
from tensorseed.spec.rules import Rule, Rules
from tensorseed.spec.size_limits import MAX_FIELDS, find_oversize
from tensorseed.spec.translation import normalise_entry, normalise_rule

PLACEHOLDER = "name"
MAX_RULES = 1_024
MAX_FORMS = 1_024  # of bare tensors, remembered at a time
MAX_RULES_CHARS = 1 << 16  # of all patterns together, which are compiled

_NAMED = b'"name":"name"}'
_PLACEHOLDERS = b'"init":"zeros",' + _NAMED
_making = Lock()


def _entry_validator() -> TypeAdapter[Entry]:
    """The validator of any entry, made at its first use: it takes a tenth of a second."""
    with _making:
        return _made_validator()


@once
def _made_validator() -> TypeAdapter[Entry]:
    return TypeAdapter(AnyEntry)


class EntryGroup:
    """Entries that are equal except for their names.

    `form` is equal for those that differ in the values of a row alone, and None where none is known.
    """

    __slots__ = ("_entry", "_text", "form", "indices", "names", "row")

    def __init__(
        self,
        names: list[str],
        indices: list[int],  # of the named entries in the spec
        entry: Any = None,
        text: bytes = b"",
        row: Row | None = None,
        form: Form | None = None,
    ) -> None:
        self._entry = entry
        self._text = text
        self.names = names
        self.indices = indices
        self.row = row
        self.form = form

    @property
    def entry(self) -> Any:
        """The entry as sent, without its name."""
        if self._entry is None and self.row is not None:
            self._entry = self.row.document()
        return self._entry

    @property
    def text(self) -> bytes:
        """The same as JSON."""
        return self._text or dump(self.entry)


def group_entries(
    entries: list[Any] | Rows, faults: list[Located], limits: Limits, *, by_torch: bool, ranges: bool
) -> list[EntryGroup]:
    """Group entries that are equal except for their names, and check the names.

    It stops at `MAX_FAULTS`. With `ranges` false a name must be literal.
    """
    if isinstance(entries, Rows):
        return _group_rows(entries, faults, limits)
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
            groups[key] = EntryGroup([name], [index], entry, key)
        else:
            known.names.append(name)
            known.indices.append(index)
        if len(faults) >= MAX_FAULTS:
            break
    return [*groups.values()]


def _group_rows(rows: Rows, faults: list[Located], limits: Limits) -> list[EntryGroup]:
    """Group the entries of a long list, and check the names."""
    plain: dict[int, bool] = {}  # by the form's identity
    found: list[EntryGroup] = []
    for row in rows.rows:
        if not are_plain(row.names):
            for name, index in zip(row.names, row.indices, strict=True):
                _checked_name(name, index, faults, ranges=True)
                if len(faults) >= MAX_FAULTS:
                    return found
        is_plain_form = plain.get(id(row.form))
        if is_plain_form is None:
            document = row.document()
            if row.form.has_seed:  # a number or a text of digits, which `Row` has for the entry
                document["seed"] = PLACEHOLDER
            is_plain_form = plain[id(row.form)] = _form(document, limits) is not None
        form = row.form if is_plain_form else None
        found.append(EntryGroup(row.names, row.indices, row=row, form=form))
    return found


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


class EntryValidator:
    """Validates the entries of one spec.

    Bare tensors that differ in the sizes of their shapes alone, not in their number, share the work.
    """

    def __init__(self, limits: Limits, faults: list[Located], *, ruled: bool) -> None:
        self._limits = limits
        self._faults = faults
        self._ruled = ruled
        self._known: dict[bytes, Tensor] = {}

    def validate(self, group: EntryGroup) -> Entry | None:
        """See `validate_entry`."""
        form = _form(group.entry, self._limits)
        known = None if form is None else self._known.get(form)
        if known is not None:
            return known.model_copy(update={"shape": (*group.entry["shape"],)})
        entry = validate_entry(group, self._limits, self._faults, ruled=self._ruled)
        if form is not None and isinstance(entry, Tensor):
            if len(self._known) >= MAX_FORMS:
                self._known.clear()
            self._known[form] = entry
        return entry


def _form(entry: Any, limits: Limits) -> bytes | None:
    """The text of a plain bare tensor, with its rank in the place of its shape; None for any other."""
    if not isinstance(entry, dict) or entry.get("type") != "Tensor":
        return None
    shape, init = entry.get("shape"), entry.get("init")
    if not isinstance(shape, list) or len(shape) > limits.dimensions:
        return None
    if any(type(size) is not int or size < 0 for size in shape):
        return None
    inits = init.values() if isinstance(init, dict) else ()
    others = (value for name, value in entry.items() if name not in ("shape", "init"))
    if any(type(value) is not str for value in others) or any(isinstance(one, list | dict) for one in inits):
        return None
    return dump({**entry, "shape": len(shape)})


def validate_entry(
    group: EntryGroup, limits: Limits, faults: list[Located], *, ruled: bool = False
) -> Entry | None:
    """The model of the entry under a placeholder name; None after adding its faults.

    With `ruled` a bare tensor may leave its init to rules, and has that of a placeholder.
    """
    path = ("layers", group.indices[0])
    found = find_oversize(group.entry, limits)
    if found is not None:
        faults.append(((*path, *found[0]), found[1]))
        return None
    before = len(faults)
    entry = normalise_entry(group.entry, path, faults)
    if len(faults) > before:
        return None
    named = group.text if entry is group.entry else dump(entry)
    if isinstance(entry, dict):
        more = _PLACEHOLDERS if ruled and _lacks_init(entry) else _NAMED
        named = named[:-1] + (b"," if entry else b"") + more
    try:
        for batch in _init_batches(entry):
            _entry_validator().validate_json(dump(batch))
        return _entry_validator().validate_json(named)
    except ValidationError as error:
        faults += explain(error, {"layers": {path[1]: entry}}, Entry, path)
        return None


def _lacks_init(entry: Mapping[str, Any]) -> bool:
    return entry.get("type") == "Tensor" and "init" not in entry


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
    faults: list[Located] = []
    rules = read_rules(document, faults)
    if faults:
        raise spec_error(faults)
    return rules


def read_rules(document: Any, faults: list[Located], limits: Limits | None = None) -> Rules:
    """The valid ones of some rules, after adding the faults of the others; see `parse_rules`.

    With `limits` none may be larger than an entry.
    """
    where = ("rules",)
    if not isinstance(document, list):
        faults.append((where, 'rules must be a list, such as [{"match": "**.bias", "init": "zeros"}]'))
        return Rules()
    if len(document) > MAX_RULES:
        detail = f"rules has at most {MAX_RULES:,} elements, this one has {len(document):,}: leave some out"
        faults.append((where, detail))
        return Rules()
    chars = sum(len(one["match"]) for one in document if isinstance(one, dict) and _has_pattern(one))
    if chars > MAX_RULES_CHARS:
        detail = f"the patterns have {chars:,} characters together, the limit is {MAX_RULES_CHARS:,}"
        faults.append((where, f"{detail}: shorten them, or leave some out"))
        return Rules()
    rules = []
    for index, written in enumerate(document):
        if limits is not None and (found := find_oversize(written, limits)) is not None:
            faults.append((("rules", index, *found[0]), found[1]))
            continue
        before = len(faults)
        rule = normalise_rule(written, ("rules", index), faults)
        if len(faults) > before:
            continue
        try:
            rules.append(Rule.model_validate_json(dump(rule)))
        except ValidationError as error:
            faults += explain(error, {"rules": document}, Rule, ("rules", index))
            if len(faults) >= MAX_FAULTS:
                break
    return Rules(rules)


def _has_pattern(rule: Mapping[str, Any]) -> bool:
    return isinstance(rule.get("match"), str)


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
