"""Choice of a picture: the axes and the column that it shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tensorseed.suggestions import unknown_name
from tensorseed.sweeps.axes import Axis
from tensorseed.sweeps.grid import Grid
from tensorseed.sweeps.rows import NUMBERS

MAX_LINES = 8  # as many colours as can be distinguished
MIN_VALUES = 3  # of a second axis, from which on the picture is a heat map

SEED = "seed"


@dataclass(frozen=True)
class Picture:
    """A heat map over `x` and `y`, or without `y` a line over `x` for each combination of `lines`.

    The other axes are looked through: a heat map shows the median over them, lines have a band.
    """

    value: str
    x: Axis
    y: Axis | None
    lines: tuple[Axis, ...]
    others: tuple[Axis, ...]


def choose(grid: Grid, x: str | None, y: str | None, value: str | None) -> Picture:
    """The picture of these axes and this column; what is None is chosen.

    Raises:
        ValueError: there is no such axis or column, or too many lines.
    """
    if value is not None and value not in NUMBERS:
        raise ValueError(f"--value {unknown_name('column', value, NUMBERS)}")
    if x is not None and x == y:
        raise ValueError(f"--x and --y are both {x}: name two axes")
    numeric = _numeric(grid)
    first = _named(grid, "--x", x) if x is not None else None
    second = _named(grid, "--y", y) if y is not None else None
    if first is None:
        left = [axis for axis in numeric if axis != second]
        if not left:
            raise ValueError("a picture needs an axis of two numbers or more: add one, or leave out --plot")
        first = left.pop(0)
        if second is None and left and len(left[0].values) >= MIN_VALUES and not _is_seed(left[0]):
            second = left[0]
    for axis in filter(None, (first, second)):
        _check_distances(axis)
    rest = [axis for axis in grid.axes if axis not in (first, second)]
    lines = [axis for axis in rest if second is None and not _is_seed(axis)]
    count = math.prod(len(axis.values) for axis in lines)
    if count > MAX_LINES:
        names = ", ".join(axis.name for axis in lines)
        raise ValueError(
            f"{count:,} lines, over {MAX_LINES}, of {names}: name one of them as --y, for a heat map"
        )
    others = [axis for axis in rest if axis not in lines]
    return Picture(value or _column(grid, second), first, second, tuple(lines), tuple(others))


def _numeric(grid: Grid) -> Sequence[Axis]:
    """The axes of numbers: those with the most values first, seeds last."""
    found = [axis for axis in grid.axes if axis.is_numeric and len(axis.values) > 1]
    return sorted(found, key=lambda axis: (_is_seed(axis), -len(axis.values)))


def _named(grid: Grid, option: str, name: str) -> Axis:
    found = next((axis for axis in grid.axes if axis.name == name), None)
    if found is None:
        raise ValueError(f"{option} {unknown_name('axis', name, grid.names)}")
    if not found.is_numeric or len(found.values) < 2:
        raise ValueError(f"{option} {name} is an axis of two numbers or more: name another one")
    return found


def _check_distances(axis: Axis) -> None:
    """Check that float64, in which pictures are drawn, keeps the values of an axis apart and in range."""
    try:
        numbers = sorted(map(float, axis.values))
    except OverflowError:
        numbers = [math.inf]
    if not math.isfinite(2 * (numbers[-1] - numbers[0])):
        raise ValueError(f"the values of {axis.name} are too far apart for a picture: name another axis")
    if any(low == high for low, high in pairwise(numbers)):
        raise ValueError(f"values of {axis.name} are too close together for a picture: name another axis")


def _is_seed(axis: Axis) -> bool:
    return axis.name.rpartition(".")[2] == SEED


def _column(grid: Grid, second: Axis | None) -> str:
    """The loss after the steps for lines, else the gain of gradients, or of signals without a loss."""
    document, paths = grid.template.document, grid.template.paths
    fields = {name for name, given in document.items() if given} | {str(path[0]) for path in paths.values()}
    if "loss" not in fields:
        return "signal_gain"
    return "final_loss" if second is None and "steps" in fields else "gradient_gain"
