"""Input and target of an evaluation: numbers, or draws of the seed."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from tensorseed.errors import LossError, SpecError, TooLargeError
from tensorseed.evaluations.request import Given
from tensorseed.evaluations.variants import parse_pointer
from tensorseed.files.elements import ElementSource, element_source
from tensorseed.files.entries import Entry
from tensorseed.files.virtual_file import VirtualFile, open_file
from tensorseed.losses.inputs import flatten, floats, integers, measure
from tensorseed.spec.faults import Located
from tensorseed.spec.json.pointers import Path
from tensorseed.spec.json.text import dump
from tensorseed.spec.layers.network_module import Shape
from tensorseed.spec.limits import Limits
from tensorseed.spec.resolved import ResolvedSpec
from tensorseed.spec.spec import parse_spec

CHUNK = 1 << 20  # bytes drawn at a time


class Source(ABC):
    """A tensor of the evaluation, `input` or `target`, before it is computed."""

    def __init__(self, name: str, shape: Shape, *, integer: bool) -> None:
        self.name = name
        self.shape = shape
        self.integer = integer

    @abstractmethod
    def tensor(self) -> torch.Tensor:
        """The tensor, on the CPU: int64 or of the evaluation's dtype."""


class LiteralSource(Source):
    """Numbers that the request holds."""

    def __init__(self, name: str, tensor: torch.Tensor) -> None:
        super().__init__(name, tuple(tensor.shape), integer=tensor.dtype == torch.int64)
        self._tensor = tensor

    def tensor(self) -> torch.Tensor:
        """The same tensor at every call, which nothing writes to."""
        return self._tensor


class DrawnSource(Source):
    """A bare Tensor of a spec; with `classes` the integer parts of its uniform numbers."""

    def __init__(self, name: str, resolved: ResolvedSpec, classes: int | None) -> None:
        super().__init__(name, resolved.tensors[0].shape, integer=classes is not None)
        self._resolved = resolved
        self.classes = classes

    def tensor(self) -> torch.Tensor:
        """Draw the tensor."""
        drawn = _draw(self._resolved)
        if self.classes is None:
            return drawn
        return drawn.floor_().clamp_(max=self.classes - 1).to(torch.int64)


@dataclass(frozen=True)
class ReadContext:
    """Context of reading the tensors of one evaluation: seed, dtype, limits and the list of faults."""

    seed: Any
    dtype: str
    limits: Limits
    faults: list[Located]

    def note(self, path: Path, detail: str) -> None:
        """Add a fault."""
        self.faults.append((path, detail))


def read_source(
    name: str,
    raw: dict[str, Any],
    given: Given,
    context: ReadContext,
    *,
    integer: bool,
    shape: Shape | None = None,
) -> Source | None:
    """The tensor that `given` describes; None after adding its faults.

    `raw` is `given` as it was sent. `integer` says whether integers are wanted. `shape` is the default shape.

    Raises:
        TooLargeError: the tensor has more numbers than a limit.
    """
    if not _is_one(name, raw, context, shaped=given.shape is not None or shape is not None):
        return None
    if "data" in raw:
        tensor = literal("data", raw["data"], context, (name,), integer=integer)
        return None if tensor is None else LiteralSource(name, tensor)
    wanted = given.shape if given.shape is not None else shape
    assert wanted is not None
    if 0 in wanted:
        context.note((name, "shape"), f"{name} must have elements: give sizes of at least 1")
        return None
    _check_count(name, math.prod(wanted), context.limits)
    if given.classes is None and integer:
        context.note((name, "init"), f"{name} holds integers here: give classes, or data")
        return None
    return _drawn(name, raw, wanted, given.classes, context)


def literal(name: str, data: Any, context: ReadContext, path: Path, *, integer: bool) -> torch.Tensor | None:
    """The tensor of nested lists called `name` at `path`; None after adding their faults.

    Raises:
        TooLargeError: there are more numbers than `limits.loss_values`.
    """
    try:
        shape = measure(name, data, context.limits.dimensions)
        count = math.prod(shape)
        if count > context.limits.loss_values:
            raise TooLargeError(
                f"{name} holds {count:,} numbers, the limit of numbers written out is "
                f"{context.limits.loss_values:,} (loss_values): draw them, from a shape and an init"
            )
        if count == 0:
            raise LossError.at(f"/{name}", f"{name} has no elements: write at least one number")
        members = flatten(name, data, shape)
        if integer:
            return integers(name, members, shape).clone()
        return floats(name, members, shape, getattr(torch, context.dtype)).clone()
    except LossError as error:
        for fault in error.faults:
            context.note((*path, *parse_pointer(fault.pointer)), fault.detail)
        return None


def _is_one(name: str, raw: dict[str, Any], context: ReadContext, *, shaped: bool) -> bool:
    """Whether exactly one of data, init and classes is given; `shaped` says that the shape is known."""
    ways = [way for way in ("data", "init", "classes") if raw.get(way) is not None]
    if len(ways) != 1:
        context.note((name,), f"{name} needs one of data, init with shape, or classes with shape")
    elif ways == ["data"] and raw.get("shape") is not None:
        context.note((name, "shape"), "data has its own shape: leave shape out")
    elif ways != ["data"] and not shaped:
        context.note((name, "shape"), f"shape is required: the dimensions of {name}, the samples first")
    else:
        return True
    return False


def _check_count(name: str, count: int, limits: Limits) -> None:
    if count > limits.activations:
        raise TooLargeError(
            f"{name} holds {count:,} elements, the limit is {limits.activations:,} (activations, the "
            "elements of all layers' outputs): take fewer samples"
        )


def _drawn(
    name: str, raw: dict[str, Any], shape: Shape, classes: int | None, context: ReadContext
) -> Source | None:
    init = raw["init"] if classes is None else {"kind": "uniform", "a": 0.0, "b": float(classes)}
    dtype = context.dtype if classes is None else "float64"
    entry = {"name": name, "type": "Tensor", "shape": list(shape), "init": init}
    try:
        resolved = parse_spec(dump({"seed": context.seed, "dtype": dtype, "layers": [entry]}), context.limits)
    except SpecError as error:
        for fault in error.faults:
            context.note((name, *parse_pointer(fault.pointer)[2:]), fault.detail)
        return None
    return DrawnSource(name, resolved, classes)


def _draw(resolved: ResolvedSpec) -> torch.Tensor:
    """The only tensor of a file."""
    file = open_file(resolved)
    entry = file.entries()[0]
    out = torch.empty(entry.tensor.shape, dtype=getattr(torch, entry.tensor.dtype.name))
    copy_entry(file, entry, out, element_source(resolved))
    return out


def copy_entry(
    file: VirtualFile,
    entry: Entry,
    out: torch.Tensor,
    source: ElementSource,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Write a tensor's bytes into `out`, a contiguous tensor of its shape and dtype, chunk by chunk.

    `check` runs before every chunk, and may raise.
    """
    flat = out.view(-1).view(torch.uint8)
    for start in range(entry.start, entry.stop, CHUNK):
        check()
        stop = min(start + CHUNK, entry.stop)
        flat[start - entry.start : stop - entry.start] = torch.from_numpy(file.read(start, stop, source))
