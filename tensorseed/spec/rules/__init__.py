"""Rules: inits of tensors by a pattern of names and by type of layer.

    {"match": "**.attention.*.weight", "init": {"kind": "normal", "std": 0.02}}
    {"type": "Linear", "match": "bias", "init": "zeros"}

The first rule that matches a tensor gives its init. `patterns` defines what a pattern reaches.
A `type` is the torch class of the layer that owns the tensor, or one that this class extends.
Buffers, such as a running mean, are reached only by a pattern whose last component holds a literal character.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from tensorseed.spec.layers import FanAxes
from tensorseed.spec.rules.patterns import ANY, compile_pattern, split_pattern
from tensorseed.spec.schemes import Init

__all__ = ["Rule", "Rules", "unused_detail"]


class Rule(BaseModel):
    """The init of the tensors whose names match a pattern, in layers of a type, or both."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)

    match: Annotated[str, AfterValidator(lambda text: compile_pattern(text) and text)] | None = Field(
        default=None,
        description="A pattern of names: * within a component, ** for any components, {0..11} for integers.",
        examples=["**.bias", "blocks.{0..11}.mlp.*.weight"],
    )
    type: str | None = Field(
        default=None,
        min_length=1,
        max_length=1024,
        description="The torch class of the layer that owns the tensor, or one that it extends.",
        examples=["Linear"],
    )
    init: Init = Field(
        description="What fills the tensors: a scheme's name, or an object with kind and parameters.",
        examples=["zeros", {"kind": "normal", "std": 0.02}],
    )
    fan_axes: FanAxes | None = Field(
        default=None,
        description="Axes of inputs and outputs in layouts other than torch's (out, in, *kernel).",
        examples=[{"in": -2, "out": -1}],
    )

    @model_validator(mode="after")
    def _has_condition(self) -> Rule:
        if self.match is None and self.type is None:
            raise ValueError('a rule needs match or type: write "match": "**" to reach every parameter')
        return self

    def __str__(self) -> str:
        """The conditions, as a message names the rule."""
        given = (("type", self.type), ("match", self.match))
        return " and ".join(f"{name} {value}" for name, value in given if value is not None)


MAX_REMEMBERED = 4_096  # ends of names whose candidates are kept


def unused_detail(index: int, rule: Rule) -> str:
    """The sentence, without a remedy, on a rule that gave no tensor its init."""
    return f"rule {index}, {rule}, decided no tensor"


class Candidate(NamedTuple):
    """A rule that may match names of one end: its index. Without a pattern it matches all of them."""

    rule: int
    pattern: re.Pattern[str] | None
    chars: int  # of the pattern


class Rules(Sequence[Rule]):
    """Rules in their order, the first match of which wins.

    `steps` estimates what matching has cost so far: characters of names times characters of patterns.
    """

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self._rules = tuple(rules)
        self._compiled = [_Compiled(rule) for rule in self._rules]
        self._typed: dict[Collection[str], list[tuple[int, _Compiled]]] = {}
        self._candidates: dict[tuple[Collection[str], str, bool], tuple[Candidate, ...]] = {}
        self.steps = 0

    def __getitem__(self, index: Any) -> Any:
        return self._rules[index]

    def __len__(self) -> int:
        return len(self._rules)

    def find(self, name: str, types: Collection[str] = (), *, buffer: bool = False) -> int | None:
        """The index of the first rule that matches a tensor; None where none does.

        `types` are the names of its layer's class and of those that it extends, as a hashable collection.

        >>> rules = Rules([Rule(match="bias", init="zeros"), Rule(type="Linear", init="eye")])
        >>> rules.find("head.bias"), rules.find("head.weight", ("Linear",)), rules.find("head.weight")
        (0, 1, None)
        """
        for index, pattern, chars in self.candidates(name[name.rfind(".") + 1 :], types, buffer=buffer):
            if pattern is None:
                return index
            self.steps += chars * len(name)
            if pattern.fullmatch(f"{name}."):
                return index
        return None

    def candidates(
        self, last: str, types: Collection[str] = (), *, buffer: bool = False
    ) -> tuple[Candidate, ...]:
        """The rules that may match a tensor whose name ends in the component `last`, in their order.

        Those behind the first one without a pattern are left out.
        """
        key = (types, last, buffer)
        candidates = self._candidates.get(key)
        if candidates is None:
            candidates = self._possible(*key)
            if len(self._candidates) < MAX_REMEMBERED:
                self._candidates[key] = candidates
        return candidates

    def _possible(self, types: Collection[str], last: str, buffer: bool) -> tuple[Candidate, ...]:
        found: list[Candidate] = []
        for index, compiled in self._of_types(types):
            self.steps += compiled.last_chars * (len(last) + 1)
            if (not buffer or compiled.reaches_buffers) and compiled.last.fullmatch(f"{last}."):
                found.append(Candidate(index, compiled.pattern, compiled.chars))
                if compiled.pattern is None:
                    break
        return tuple(found)

    def _of_types(self, types: Collection[str]) -> list[tuple[int, _Compiled]]:
        """The rules without a type, and those of one of the `types`."""
        found = self._typed.get(types)
        if found is None:
            rules = enumerate(zip(self._rules, self._compiled, strict=True))
            found = [(i, compiled) for i, (rule, compiled) in rules if rule.type in (None, *types)]
            if len(self._typed) < MAX_REMEMBERED:
                self._typed[types] = found
        return found


class _Compiled:
    """A rule's pattern in parts."""

    def __init__(self, rule: Rule) -> None:
        match = rule.match or ANY
        parts = split_pattern(match)
        self.reaches_buffers = bool(parts[-1].strip("*?"))
        self.last = compile_pattern(parts[-1])
        self.last_chars = len(parts[-1])
        self.pattern = None if all(part == ANY for part in parts[:-1]) else compile_pattern(match)
        self.chars = len(match)
