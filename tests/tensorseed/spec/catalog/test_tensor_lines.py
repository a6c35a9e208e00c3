"""Tensor lines of docstrings against real modules and layers' slots."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pydantic import BaseModel

from tensorseed.spec.canonical import init_value
from tensorseed.spec.catalog.tensor_lines import TensorLine, tensor_lines
from tensorseed.spec.layers import LAYERS, Layer
from tensorseed.spec.layers.base import ZEROS, Module, Slot, expand_size
from tensorseed.spec.layers.linear import Linear
from tensorseed.spec.schemes import SCHEMES, Scheme
from tensorseed.spec.schemes.fans import fans
from tests.tensorseed.spec.layers.grids import GRIDS, cases, make, module

pytestmark = [
    pytest.mark.filterwarnings("ignore:Initializing zero-element tensors"),
    pytest.mark.filterwarnings("ignore:enable_nested_tensor is True"),
]

TYPES: dict[str, type[Layer]] = {name: cls for name, cls in LAYERS.items() if issubclass(cls, Layer)}
MOST = 4  # copies that any case has


def scope(layer: BaseModel) -> dict[str, Any]:
    """The arguments by name, those with a short form as what they stand for."""
    found: dict[str, Any] = {
        name: SimpleNamespace(**scope(value)) if isinstance(value, BaseModel) else value
        for name, value in layer
    }
    if "kernel_size" in found:
        found["kernel_size"] = expand_size(found["kernel_size"], layer.rank)  # type: ignore[attr-defined]
    if "normalized_shape" in found:
        found["normalized_shape"] = expand_size(found["normalized_shape"], 1)
    if "kdim" in found:
        found |= {key: found["embed_dim"] for key in ("kdim", "vdim") if found[key] is None}
    return found


def value(text: str, names: dict[str, Any]) -> Any:
    """Of an expression, with √ as the square root of the word or bracket behind it."""
    rooted = re.sub(r"√([\w.]+)", r"sqrt(\1)", text)
    return eval(rooted, {"prod": math.prod, "len": len, "sqrt": math.sqrt}, names)


def evaluated(line: TensorLine, names: dict[str, Any]) -> Iterator[tuple[str, tuple[int, ...], TensorLine]]:
    """Name and shape of each tensor that a line stands for."""
    index = next((letter for letter in "ki" if f"{{{letter}}}" in line.name), None)
    for place in range(MOST) if index else (0,):
        here = names | ({index: place} if index else {})
        if line.condition is None or value(line.condition, here):
            name = line.name.replace(f"{{{index}}}", str(place))
            shape = value(f"({line.shape[1:-1]},)" if line.shape != "()" else "()", here)
            yield name, tuple(int(size) for size in shape), line


def init(line: TensorLine, names: dict[str, Any]) -> Scheme:
    """The scheme that a line spells."""
    kind, _, arguments = line.init.partition(", with")[0].removesuffix(")").partition("(")
    numbers: dict[str, float] = {}
    if arguments.startswith("±"):
        try:
            bound = value(arguments[1:], names)
        except ZeroDivisionError:
            return ZEROS
        numbers = {"a": -bound, "b": bound}
    elif "=" in arguments:
        name, _, text = arguments.partition("=")
        numbers = {name: value(text, names)}
    elif arguments:
        numbers = {"value": float(arguments)}
    return SCHEMES[kind].model_validate({"kind": kind, **numbers})


@pytest.mark.parametrize("kind", GRIDS)
def test_lines_are_what_the_real_module_has(kind: str) -> None:
    lines = tensor_lines(TYPES[kind], TYPES)
    for arguments in [arguments for name, arguments in cases() if name == kind][::5]:
        real = module(kind, **arguments)
        buffers = dict(real.named_buffers())
        expected = {
            name: (tuple(tensor.shape), name in buffers, tensor.dtype == torch.int64)
            for name, tensor in real.state_dict().items()
        }
        names = scope(make(kind, **arguments))
        found = [
            (name, (shape, line.buffer, line.integer))
            for one in lines
            for name, shape, line in evaluated(one, names)
        ]
        assert len(found) == len(expected), arguments
        assert dict(found) == expected, arguments


@pytest.mark.parametrize("kind", GRIDS)
def test_inits_are_those_of_the_slots(kind: str) -> None:
    lines = tensor_lines(TYPES[kind], TYPES)
    met = set()
    for arguments in (arguments for name, arguments in cases() if name == kind):
        layer = make(kind, **arguments)
        slots = {slot.name: slot for slot in layer.slots()}
        names = scope(layer)
        if "weight" in slots and (found := fans(slots["weight"].shape)):
            names["fan_in"] = found.fan_in
        for line in lines:
            for name, _, _ in evaluated(line, names):
                slot = slots[name]
                assert init_value(init(line, names)) == init_value(slot.init), (arguments, name)
                assert slot.zeroed is None or "with zeros in the row padding_idx" in line.init
                met.add(line.name)
    assert met == {line.name for line in lines}, "no case of the grids has these"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (None, "list no tensors"),
        ("Only prose.", "list no tensors"),
        ("Prose.\n\nweight: (a, b)", "lists no tensor: weight"),
        ("Prose.\n\nweight (a, b) if c", "lists no tensor: weight"),
    ],
)
def test_a_type_without_lines_is_a_fault(text: str | None, fault: str) -> None:
    class Odd(Module):
        def slots(self) -> Iterator[Slot]:
            yield from ()

    Odd.slots.__doc__ = text
    with pytest.raises(ValueError, match=fault):
        tensor_lines(Odd, TYPES)


def test_lines_go_on_where_the_next_is_indented() -> None:
    class Odd(Linear):
        def slots(self) -> Iterator[Slot]:
            """Of several.

            buffer a, b.{k} (x,
                y) int64 if k < n:
                zeros
            c.* as Linear of part if k < m: ones
            """
            yield from ()

    assert tensor_lines(Odd, TYPES) == [
        TensorLine("a", "(x, y)", "k < n", "zeros", buffer=True, integer=True),
        TensorLine("b.{k}", "(x, y)", "k < n", "zeros", buffer=True, integer=True),
        TensorLine("c.weight", "(part.out_features, part.in_features)", "k < m", "ones"),
        TensorLine("c.bias", "(part.out_features)", "k < m and part.bias", "uniform(±1/√part.in_features)"),
    ]
