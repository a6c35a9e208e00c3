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
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from tensorseed.spec.layers import FanAxes
from tensorseed.spec.rules.patterns import ANY, compile_pattern, split_pattern
from tensorseed.spec.schemes import Init

__all__ = ["Rule", "Rules"]


class Rule(BaseModel):
    """The init of the tensors whose names match a pattern, in layers of a type, or both."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

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


_Candidate = tuple[int, re.Pattern[str] | None]  # a rule's index; without a pattern it matches


class Rules(Sequence[Rule]):
    """Rules in their order, the first match of which wins."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self._rules = tuple(rules)
        self._compiled = [_Compiled(rule) for rule in self._rules]
        self._candidates: dict[tuple[Collection[str], str, bool], tuple[_Candidate, ...]] = {}

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
        key = (types, name[name.rfind(".") + 1 :], buffer)
        candidates = self._candidates.get(key)
        if candidates is None:
            candidates = self._candidates[key] = self._possible(*key)
        for index, pattern in candidates:
            if pattern is None or pattern.fullmatch(f"{name}."):
                return index
        return None

    def _possible(self, types: Collection[str], last: str, buffer: bool) -> tuple[_Candidate, ...]:
        found: list[_Candidate] = []
        for index, (rule, compiled) in enumerate(zip(self._rules, self._compiled, strict=True)):
            if rule.type is not None and rule.type not in types:
                continue
            if (not buffer or compiled.reaches_buffers) and compiled.last.fullmatch(f"{last}."):
                found.append((index, compiled.pattern))
                if compiled.pattern is None:
                    break
        return tuple(found)


class _Compiled:
    """A rule's pattern in parts."""

    def __init__(self, rule: Rule) -> None:
        parts = split_pattern(rule.match or ANY)
        self.reaches_buffers = bool(parts[-1].strip("*?"))
        self.last = compile_pattern(parts[-1])
        self.pattern = None if len(parts) == 1 else compile_pattern(rule.match or ANY)
