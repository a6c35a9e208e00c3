"""Default inits of a module's tensors by its layer."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import torch

from tensorseed.devices.local import LIMITS
from tensorseed.sampling.dtypes import TENSOR_DTYPES
from tensorseed.spec.layers import FanAxes, Tensor
from tensorseed.spec.layers.attention import XAVIER
from tensorseed.spec.resolution import EntryTensor, resolve_entry
from tensorseed.spec.schemes import Scheme, scheme_of
from tensorseed.spec.schemes.base import nest_error
from tensorseed.torch.walk import Layer

DTYPE_NAMES = {getattr(torch, name): name for name in TENSOR_DTYPES}
"""The names of the stream's dtypes, by torch's dtypes."""


def written_dtype(dtype: torch.dtype) -> str:
    """The name of any dtype of torch."""
    return str(dtype).removeprefix("torch.")


def dtype_fault(names: str, dtype: torch.dtype) -> str:
    """The sentence on tensors of a dtype that the stream lacks."""
    valid = ", ".join(TENSOR_DTYPES)
    return f"the stream has no {written_dtype(dtype)}, the dtype of {names}: use one of {valid}"


Facts = tuple[tuple[torch.Size, torch.dtype], ...]
"""Shapes and dtypes of tensors."""


class Default(NamedTuple):
    """The default of a tensor and the words for it, or None and why there is none, if that is known."""

    drawn: EntryTensor | None
    words: str | None
    is_buffer: bool


class Defaults(NamedTuple):
    """The defaults of a module's tensors, and their words; if all have one, their `resolved_fields`.

    `elements` are the numbers of elements, and `widths` the bytes of each.
    """

    of_each: tuple[Default, ...]
    words: tuple[str, ...]
    resolved: tuple[tuple[Any, ...], ...] | None
    elements: tuple[int, ...]
    widths: tuple[int, ...]


@lru_cache(4_096)
def defaults_of(
    layer: Layer,
    parameters: int,
    names: tuple[str, ...],
    facts: Facts,
) -> Defaults:
    """The defaults of the tensors of a module in `layer`, the first `parameters` of which are no buffers."""
    slots = [_slot(layer, name, dtype) for name, (_, dtype) in zip(names, facts, strict=True)]
    differs = layer.differs
    for name, (shape, _), slot in zip(names, facts, slots, strict=True):
        if slot is not None and slot.shape != shape:
            assert layer.key is not None
            sizes = f"the shape {tuple(shape)}, and {slot.shape} by the layer's arguments"
            differs = f"{name} of its {layer.key.kind} has {sizes}"
    found = []
    for index, ((shape, _), slot) in enumerate(zip(facts, slots, strict=True)):
        is_buffer = index >= parameters
        if slot is None or slot.shape != shape or (differs is not None and not is_buffer):
            reason = differs
            if slot is None and differs is None and layer.key is not None:
                own = names[index]
                known = layer.path + own in layer.key.tensors("float32")
                lacking = f"{written_dtype(facts[index][1])} {own}" if known else own
                reason = f"a {layer.key.kind} of torch has no {lacking}"
            found.append(Default(None, reason, is_buffer))
        else:
            found.append(_default(layer, slot, is_buffer))
    resolved = [resolved_fields(default.drawn) for default in found if default.drawn is not None]
    words = [default.words for default in found if default.words is not None]
    whole = tuple(resolved) if len(resolved) == len(found) else None
    elements = tuple(math.prod(shape) for shape, _ in facts)
    return Defaults(tuple(found), tuple(words), whole, elements, tuple(dtype.itemsize for _, dtype in facts))


def resolved_fields(drawn: EntryTensor) -> tuple[Any, ...]:
    """What follows the names of the `ResolvedTensor`, without a seed of its own: it is that of the call."""
    _, dtype, shape, distribution, scheme, fans, default, role, _ = drawn
    return (dtype, shape, distribution, scheme, fans, default, role, None)


def _slot(layer: Layer, name: str, dtype: torch.dtype) -> EntryTensor | None:
    """The tensor of the layer's type; integers are those of layers in any dtype."""
    drawn = DTYPE_NAMES.get(torch.float32 if dtype in (torch.int64, torch.bool) else dtype)
    if layer.key is None or drawn is None:
        return None
    slot = layer.key.tensors(drawn).get(layer.path + name)
    return slot if slot is not None and slot.dtype.name == DTYPE_NAMES[dtype] else None


def _default(layer: Layer, slot: EntryTensor, is_buffer: bool) -> Default:
    if layer.xavier and len(slot.shape) > 1 and not is_buffer:
        drawn = bare_tensor(XAVIER, slot.shape, slot.dtype.name)._replace(default=True)
        return Default(drawn, "default of Transformer", is_buffer)
    assert layer.key is not None
    return Default(slot, f"default of {layer.key.kind}", is_buffer)


def bare_tensor(
    init: str | Scheme, shape: tuple[int, ...], dtype: str, fan_axes: FanAxes | None = None, groups: int = 1
) -> EntryTensor:
    """The tensor of an init; `groups` is that of a convolution.

    Raises:
        ArgumentError: the init does not fit the shape or the dtype; its path leads from the entry.
    """
    if groups > 1:
        try:
            init = scheme_of(init).canonical(tuple(shape), groups)
        except ValueError as error:
            raise nest_error(("init",), error) from None
    given = {"name": "x", "type": "Tensor", "shape": tuple(shape), "init": init, "fan_axes": fan_axes}
    entry = Tensor.model_validate({**given, "dtype": dtype})
    return resolve_entry(entry, dtype, LIMITS).tensors[0]
