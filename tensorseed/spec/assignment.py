"""Assignment of inits to the entries of a spec by its rules.

What is assigned here is what the same spec says without rules, so that they leave no trace in the recipe.
Entries that rules reach in the same way stay one.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import NamedTuple

from tensorseed.concurrency.cancellation import cancellably
from tensorseed.concurrency.memory import reserve
from tensorseed.errors import SpecError
from tensorseed.spec.entries import EntryGroup
from tensorseed.spec.expansion import check_range
from tensorseed.spec.faults import Located
from tensorseed.spec.inits import expand_init_names, written_name
from tensorseed.spec.layers import Entry, Layer, Tensor
from tensorseed.spec.layers.base import MAX_SLOTS
from tensorseed.spec.limits import Limits
from tensorseed.spec.names import count_names, expand, max_chars
from tensorseed.spec.rules import Rule, Rules
from tensorseed.spec.rules.layer_types import layer_types
from tensorseed.spec.schemes import ArgumentError, Scheme, scheme_of

MAX_STEPS = 1 << 31  # of matching: some 4 s
MAX_SPLIT = 1 << 15  # tensors of the entries that rules make of alike ones
NAME_BYTES = 96  # of memory: a name with its place, beside its characters

Reached = tuple[int | None, ...]
"""For each tensor without an init of its own: the rule that gives it one, by index."""


class _Tensor(NamedTuple):
    """A tensor of an entry that has no init of its own; `parameter` is empty for a bare one."""

    parameter: str
    types: tuple[str, ...]
    buffer: bool = False

    def name(self, entry: str) -> str:
        """Its full name in an entry of that name."""
        return f"{entry}.{self.parameter}" if self.parameter else entry


@dataclass(slots=True)
class Assigned:
    """An entry with the inits of the rules, under some of its names.

    `indices` are those of the entries in the spec, and `positions` those of the names in their entries, where
    these are split. `ruled` are the indices of the `rules`, by parameter. `sent` is the entry without them.
    """

    sent: Entry
    entry: Entry
    names: list[str]
    indices: list[int]
    positions: list[int] = field(default_factory=list)
    ruled: Mapping[str, int] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)

    def located(self, error: ArgumentError) -> Located:
        """The path in the spec, and the sentence, of a fault in the entry."""
        first, *rest = error.path or ("",)
        parameter = str(rest.pop(0)) if isinstance(self.entry, Layer) and first == "init" and rest else ""
        if first in ("init", "fan_axes") and parameter in self.ruled:
            shape = _shape_of(self.entry, parameter)
            reached = _Tensor(parameter, ()).name(self.names[0])
            detail = f"{error}; the rule matches {reached}, of shape {shape}{self._narrower(parameter)}"
            return ("rules", self.ruled[parameter], first, *rest), detail
        path = self.sent.written_path(error.path)
        if parameter and isinstance(self.sent, Layer) and isinstance(self.sent.init, dict):
            path = (first, written_name(parameter, self.sent.init), *rest)
        return ("layers", self.indices[0], *path), str(error)

    def _narrower(self, parameter: str) -> str:
        """What makes the rule reach the matrices alone, as the end of a sentence; "" where nothing does."""
        index = self.ruled[parameter]
        others = [other for other, rule in self.ruled.items() if rule == index]
        matrices = [other for other in others if len(_shape_of(self.entry, other)) > 1]
        if len(_shape_of(self.entry, parameter)) > 1 or not matrices:
            return ""
        ends = [other.rpartition(".")[2] for other in matrices]
        common = _common_beginning(ends)
        if not common or parameter.rpartition(".")[2].startswith(common):
            return ""
        pattern = common if len({*ends}) == 1 else f"{common}*"
        if self.rules[index].match is None:
            return f': add "match": "{pattern}" to the rule'
        return f': narrow its match, such as to "{_Tensor(pattern, ()).name(self.names[0])}"'


def _common_beginning(names: Sequence[str]) -> str:
    """The letters that all names begin with."""
    first, last = min(names), max(names)
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "".join(letter for letter, _ in alike)


def _shape_of(entry: Entry, parameter: str) -> tuple[int, ...]:
    if isinstance(entry, Tensor):
        return entry.shape
    assert isinstance(entry, Layer)
    return next(slot.shape for slot in entry.slots() if slot.name == parameter)


class Assigner:
    """Assigns the inits of one spec, and adds its `faults`.

    `used` are the indices of the rules that gave a tensor its init.
    """

    def __init__(self, rules: Rules, limits: Limits, faults: list[Located]) -> None:
        self.used: set[int] = set()
        self._rules = rules
        self._limits = limits
        self._faults = faults
        self._schemes = [scheme_of(rule.init) for rule in rules]
        self._tensors = self._chars = self._split = 0

    def assign(self, entry: Entry, group: EntryGroup) -> Iterator[Assigned]:
        """Yield what `entry`, that of the group, stands for with the inits of the rules.

        Raises:
            ArgumentError: the arguments of the entry conflict.
            SpecError: matching takes too long, or the rules make too many entries.
        """
        sent, own = entry, dict[str, str | Scheme]()
        if self._rules and isinstance(entry, Layer):
            own = expand_init_names(entry.inits())
            entry = entry.model_copy(update={"init": own})
        tensors = [*islice(_without_init(entry, own, group), MAX_SLOTS + 1)] if self._rules else []
        if not tensors or len(tensors) > MAX_SLOTS:  # resolution refuses so many
            yield as_written(sent, group)
            return
        kinds: dict[Reached, Assigned] = {}
        alike = self._regardless_of_name(tensors)
        if alike is not None:
            kinds[alike] = Assigned(sent, entry, group.names, group.indices)
        else:
            self._count(group, len(tensors))
            for name, index, place in cancellably(_names(group)):
                reached = self._reached(name, tensors)
                one = kinds.get(reached)
                if one is None:
                    self._count_split(len(own) + len(tensors) if kinds else 0)
                    one = kinds[reached] = Assigned(sent, entry, [], [])
                one.names.append(name)
                one.indices.append(index)
                one.positions.append(place)
        for reached, one in kinds.items():
            self._give(one, tensors, reached)
            if not (isinstance(entry, Tensor) and reached == (None,)):
                yield one

    def unused(self) -> tuple[tuple[int, Rule], ...]:
        """The rules that gave no tensor its init, with their indices."""
        return tuple((index, rule) for index, rule in enumerate(self._rules) if index not in self.used)

    def _regardless_of_name(self, tensors: list[_Tensor]) -> Reached | None:
        """What reaches the tensors of a layer, whatever its name; None where that matters."""
        found: list[int | None] = []
        for parameter, types, buffer in tensors:
            if not parameter:
                return None
            last = parameter[parameter.rfind(".") + 1 :]
            candidates = self._rules.candidates(last, types, buffer=buffer)
            if candidates and candidates[0].pattern is not None:
                return None
            found.append(candidates[0].rule if candidates else None)
        return tuple(found)

    def _reached(self, entry: str, tensors: list[_Tensor]) -> Reached:
        find = self._rules.find
        reached = tuple(find(one.name(entry), one.types, buffer=one.buffer) for one in tensors)
        if self._rules.steps > MAX_STEPS:
            detail = "matching these rules takes too long: write shorter or fewer patterns, and add types"
            raise SpecError.at("/rules", detail)
        return reached

    def _give(self, one: Assigned, tensors: list[_Tensor], reached: Reached) -> None:
        """Give the entry the inits of the rules that reach it."""
        entry = one.entry
        one.ruled = {
            tensor.parameter: index
            for tensor, index in zip(tensors, reached, strict=True)
            if index is not None
        }
        one.rules = self._rules
        self.used.update(one.ruled.values())
        if isinstance(entry, Layer):
            inits = {parameter: self._schemes[index] for parameter, index in one.ruled.items()}
            one.entry = entry.model_copy(update={"init": {**entry.inits(), **inits}})
            self._check_fan_axes(one)
        elif isinstance(entry, Tensor) and one.ruled:
            (index,) = one.ruled.values()
            axes = entry.fan_axes or self._rules[index].fan_axes
            one.entry = entry.model_copy(update={"init": self._schemes[index], "fan_axes": axes})
        else:
            detail = f"init is required: no rule gives {one.names[0]} one"
            self._faults.append((("layers", one.indices[0], "init"), detail))

    def _check_fan_axes(self, one: Assigned) -> None:
        for parameter, index in one.ruled.items():
            if self._rules[index].fan_axes is not None:
                reached = _Tensor(parameter, ()).name(one.names[0])
                detail = f"the fans of a layer's tensors are torch's, and the rule matches {reached}"
                remedy = 'leave the axes out, or add "type": "Tensor"'
                self._faults.append((("rules", index, "fan_axes"), f"{detail}: {remedy}"))
                return

    def _count(self, group: EntryGroup, tensors: int) -> None:
        """Check what the names of a group stand for before they are expanded, and reserve its memory."""
        for name, index in zip(group.names, group.indices, strict=True):
            copies = count_names(name)
            check_range(index, copies * tensors, self._limits)
            self._tensors += copies * tensors
            self._chars += copies * max_chars(name)
        if self._tensors > self._limits.tensors:
            detail = f"the spec yields over {self._limits.tensors:,} tensors, the limit: split it"
            raise SpecError.at("/layers", detail)
        if self._chars > self._limits.name_chars:
            detail = f"the names have over {self._limits.name_chars:,} characters together, the limit"
            raise SpecError.at("/layers", f"{detail}: shorten them, or split the spec")
        reserve(NAME_BYTES * self._tensors + self._chars)

    def _count_split(self, tensors: int) -> None:
        self._split += tensors
        if self._split > MAX_SPLIT:
            detail = f"the rules make entries of over {MAX_SPLIT:,} tensors unlike others"
            raise SpecError.at("/rules", f"{detail}: write fewer rules, or split the spec")


def as_written(entry: Entry, group: EntryGroup) -> Assigned:
    """The entry with its own inits, under all of its names."""
    return Assigned(entry, entry, group.names, group.indices)


def _names(group: EntryGroup) -> Iterator[tuple[str, int, int]]:
    """The names of a group, expanded, with the index of the entry in the spec and the place in it."""
    for pattern, index in zip(group.names, group.indices, strict=True):
        for place, name in enumerate(expand(pattern)):
            yield name, index, place


def _without_init(entry: Entry, own: Container[str], group: EntryGroup) -> Iterator[_Tensor]:
    """The tensors of an entry that have no init of their own; of a layer, those of the `own` have one."""
    if isinstance(entry, Tensor):
        if "init" not in group.entry:
            yield _Tensor("", ("Tensor",))
        return
    assert isinstance(entry, Layer)
    for slot in entry.slots():
        if slot.name not in own:
            yield _Tensor(slot.name, layer_types(slot.owner or entry.torch_name()), slot.buffer)
