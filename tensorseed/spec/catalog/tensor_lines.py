"""Tensors of a layer type by its arguments, read from `slots`' docstring.

A line is `name (shape) if condition: init`. Names that share it stand side by side with commas. In front
stands `buffer` where it is no parameter, behind the shape `int64` where the spec's dtype does not touch it.
A name that holds {k} or {i} is repeated for every number from 0 on that the condition admits. An init is
spelled as in a spec, `uniform(±b)` being uniform(-b, b); with a size of 0 under its root it is zeros.

`name.* as Type of argument if condition: init` stands for the lines of another type: the argument holds
that type's own, or they are the same by name. The init is that of its tensors of two or more dimensions.

Shapes and conditions are Python's expressions over the arguments. In them, a single
number for all dimensions is the size in each, and null is the value of the argument that it defaults to.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tensorseed.spec.layers.base import Module

_LINE = re.compile(
    r"(?P<buffer>buffer )?(?P<names>[\w.{}]+(?:, [\w.{}]+)*) \((?P<shape>.*?)\)"
    r"(?P<integer> int64)?(?: if (?P<condition>[^:]+))?: (?P<init>.+)"
)
_REFERENCE = re.compile(
    r"(?P<prefix>[\w.{}]+\.)\* as (?P<type>\w+)(?: of (?P<argument>\w+))?(?: if (?P<condition>[^:]+))?"
    r"(?:: (?P<init>.+))?"
)


class TensorLine(NamedTuple):
    """One tensor of a layer type, or one for each of several numbers k or i."""

    name: str
    shape: str  # with its brackets
    condition: str | None
    init: str
    buffer: bool = False
    integer: bool = False


def tensor_lines(cls: type[Module], types: Mapping[str, type[Module]]) -> list[TensorLine]:
    """The tensors of `cls`, in the order of its lines; `types` holds the classes that they may refer to.

    Raises:
        ValueError: the docstring has no such lines, or one of neither form.
    """
    prose, _, text = inspect.cleandoc(cls.slots.__doc__ or "").partition("\n\n")
    lines = re.sub(r"\n +", " ", text).splitlines()
    if not prose or not lines:
        raise ValueError(f"the slots of {cls.__name__} list no tensors in their docstring")
    return [_named(tensor, cls) for line in lines for tensor in _read(line, types)]


def _read(line: str, types: Mapping[str, type[Module]]) -> Iterator[TensorLine]:
    if found := _REFERENCE.fullmatch(line):
        yield from _referred(found, types)
    elif found := _LINE.fullmatch(line):
        shape, condition, init = f"({found['shape']})", found["condition"], found["init"]
        for name in found["names"].split(", "):
            yield TensorLine(
                name, shape, condition, init, bool(found["buffer"]), integer=bool(found["integer"])
            )
    else:
        raise ValueError(f"this line lists no tensor: {line}")


def _referred(found: re.Match[str], types: Mapping[str, type[Module]]) -> Iterator[TensorLine]:
    cls = types[found["type"]]
    for tensor in tensor_lines(cls, types):
        matrix = "," in tensor.shape
        inner = [tensor.shape, tensor.condition or "", tensor.init]
        if found["argument"]:
            inner = [_within(found["argument"], text, cls) for text in inner]
        shape, condition, init = inner
        condition = " and ".join(filter(None, (found["condition"], condition)))
        init = found["init"] if found["init"] and matrix else init
        yield tensor._replace(
            name=found["prefix"] + tensor.name, shape=shape, condition=condition or None, init=init
        )


def _within(argument: str, text: str, cls: type[Module]) -> str:
    """`text` with the arguments of `cls` as members of `argument`; the name of a scheme is none of them."""
    names = "|".join(cls.model_fields)
    return re.sub(rf"\b(?:{names})\b(?!=)", rf"{argument}.\g<0>", text)


def _named(tensor: TensorLine, cls: type[Module]) -> TensorLine:
    """With the number of gates of the class in place of the word."""
    gates: int | None = getattr(cls, "gates", None)
    factor = "" if gates == 1 else f"{gates} * "
    return tensor if gates is None else tensor._replace(shape=tensor.shape.replace("gates * ", factor))
