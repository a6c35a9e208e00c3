"""A Dockerfile, read as far as this project's goes."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

DOCKERFILE = Path(__file__).parents[2] / "Dockerfile"

_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its name in capitals, and what follows on one line."""

    name: str
    value: str

    def words(self) -> list[str]:
        """The exec form's list, or the words of the shell form."""
        words: list[str] = json.loads(self.value) if self.value.startswith("[") else shlex.split(self.value)
        return words


@dataclass(slots=True)
class Stage:
    """What follows one FROM."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def values(self, name: str) -> list[str]:
        """What follows every instruction of that name."""
        return [instruction.value for instruction in self.instructions if instruction.name == name]

    def last(self, name: str) -> Instruction:
        """The last instruction of that name: the one that counts. Raises LookupError without one."""
        found = [instruction for instruction in self.instructions if instruction.name == name]
        if not found:
            raise LookupError(f"stage {self.name} has no {name}: add one")
        return found[-1]

    def environment(self, given: dict[str, str], build: bool = True) -> dict[str, str]:
        """The variables of ENV and, while building, of ARG, with `given` put for ARG's defaults."""
        variables = dict(given)
        for instruction in self.instructions:
            if instruction.name not in ("ARG", "ENV") or (instruction.name == "ARG" and not build):
                continue
            for word in instruction.words():
                name, _, value = word.partition("=")
                value = _VARIABLE.sub(lambda found: variables.get(found[1], ""), value)
                variables[name] = given.get(name, value) if instruction.name == "ARG" else value
        return variables


def read(path: Path = DOCKERFILE) -> list[Stage]:
    """The stages, in order. Comments and line continuations are gone."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    text = "\n".join(lines).replace("\\\n", " ")
    stages: list[Stage] = []
    for line in filter(str.strip, text.splitlines()):
        name, _, value = line.strip().partition(" ")
        if name == "FROM":
            base, _, stage = value.partition(" AS ")
            stages.append(Stage(base, stage.strip()))
        elif stages:
            stages[-1].instructions.append(Instruction(name, value.strip()))
    return stages


def health_command(stage: Stage) -> list[str]:
    """What HEALTHCHECK runs."""
    command: list[str] = json.loads(stage.last("HEALTHCHECK").value.partition("CMD ")[2])
    return command
