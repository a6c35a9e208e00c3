"""Grid of a sweep: axes, template, and the request of each point."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from tensorseed.errors import SpecError, TooLargeError, first_of
from tensorseed.evaluations import LOCAL_LIMITS
from tensorseed.spec.faults import Located, misplaced, spec_error
from tensorseed.spec.json.text import dump, load
from tensorseed.suggestions import unknown_name
from tensorseed.sweeps.axes import Axis, read_axis
from tensorseed.sweeps.rows import COLUMNS
from tensorseed.sweeps.template import Template

MAX_POINTS = 100_000
MAX_NAME_CHARS = 64

FIELDS = ("evaluation", "grid")
_WITHOUT = {
    "compare": "leave compare out: the axes of the grid take its place",
    "return_weights": "leave return_weights out: a sweep keeps numbers alone",
}


class GridError(SpecError):
    """A grid is not valid: its axes, or the places of the evaluation where their values go."""

    what = "the grid"


@dataclass(frozen=True)
class Grid:
    """All combinations of the values of the axes; the last axis is the fastest, as in ParameterGrid."""

    template: Template
    axes: tuple[Axis, ...]

    @classmethod
    def read(cls, body: bytes) -> Self:
        """The grid of a JSON text, `{"evaluation": {…}, "grid": {axis: values, …}}`.

        Raises:
            GridError: it is not valid; each fault has a pointer.
            TooLargeError: it has more than `MAX_POINTS` points.
        """
        try:
            document = load(body, LOCAL_LIMITS)
        except SpecError as error:
            raise GridError(error.faults) from None
        faults: list[Located] = []
        evaluation, given = _parts(document, faults)
        axes = [axis for name in given if (axis := _axis(name, given[name], faults)) is not None]
        template = Template.read(evaluation, tuple(given), faults)
        faults += [(("evaluation", name), _WITHOUT[name]) for name in _WITHOUT if evaluation.get(name)]
        faults += [(("grid", name), _WITHOUT[name]) for name in _WITHOUT if name in template.paths]
        if faults:
            raise GridError(spec_error(faults).faults)
        grid = cls(template, tuple(axes))
        if len(grid) > MAX_POINTS:
            raise TooLargeError(f"the grid has {len(grid):,} points, over {MAX_POINTS:,}: give fewer values")
        return grid

    def __len__(self) -> int:
        return math.prod(len(axis.values) for axis in self.axes)

    def point(self, index: int) -> dict[str, Any]:
        """The value of each axis at a point."""
        values = []
        for axis in reversed(self.axes):
            index, at = divmod(index, len(axis.values))
            values.append((axis.name, axis.values[at]))
        return dict(reversed(values))

    def request(self, index: int) -> bytes:
        """The JSON text of a point's evaluation."""
        return dump(self.template.filled(self.point(index)))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the axes."""
        return tuple(axis.name for axis in self.axes)

    def describe(self, index: int) -> str:
        """The axes of a point in words: sigma_w=1.5, seed=0."""
        words = (f"{name}={axis_text(value)}" for name, value in self.point(index).items())
        return ", ".join(words)


def key_of(request: bytes) -> str:
    """The name of a request: the first half of its SHA-256 in hex."""
    return hashlib.sha256(request).hexdigest()[:32]


def axis_text(value: Any) -> str:
    """A value of an axis in a line of text: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else dump(value).decode()


def refused_point(grid: Grid, index: int, error: SpecError) -> GridError:
    """The error of a point whose evaluation is refused, with pointers into the grid's document."""
    faults = [(("evaluation", *fault.pointer.split("/")[1:]), fault.detail) for fault in error.faults]
    detail = f"{first_of(spec_error(faults).faults)} (at {grid.describe(index)})"
    return GridError.at(spec_error(faults).faults[0].pointer, detail)


def _parts(document: Any, faults: list[Located]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The evaluation and the axes; empty where they are faulty."""
    if not isinstance(document, dict):
        faults.append(((), f"a grid is an object with evaluation and grid{misplaced(document)}"))
        return {}, {}
    unknown = (name for name in document if name not in FIELDS)
    faults.extend(((name,), unknown_name("field", name, FIELDS)) for name in unknown)
    parts = []
    wanted = {"evaluation": "a network with its input, as tensorseed evaluate takes it", "grid": "its axes"}
    for name, what in wanted.items():
        part = document.get(name)
        if not isinstance(part, dict) or not part:
            faults.append(((name,), f"{name} is an object that is not empty: write {what}"))
            part = {}
        parts.append(part)
    return parts[0], parts[1]


def _axis(name: str, given: Any, faults: list[Located]) -> Axis | None:
    """The axis of a name and its values; None with a fault."""
    if not name or len(name) > MAX_NAME_CHARS or not name.isprintable():
        faults.append((("grid", name), f"the name of an axis has 1 to {MAX_NAME_CHARS} printable characters"))
        return None
    if name in COLUMNS:
        remedy = "call the axis otherwise, and write ${that name} in the evaluation"
        faults.append((("grid", name), f"{name} is a column of the results: {remedy}"))
        return None
    found: list[Located] = []
    values: Sequence[Any] = read_axis(given, found)
    faults += [(("grid", name, *path), detail) for path, detail in found]
    return None if found else Axis(name, tuple(values))
