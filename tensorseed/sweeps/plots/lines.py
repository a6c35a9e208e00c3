"""Lines of a column along one axis, with a band over the seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorseed.evaluations.plots.curves import COLOURS, MARKERS
from tensorseed.pictures import drawable
from tensorseed.sweeps.grid import axis_text
from tensorseed.sweeps.plots.choice import Picture
from tensorseed.sweeps.plots.scales import is_logarithmic, spans_decades
from tensorseed.sweeps.results import Row

MAX_NAME_CHARS = 60


def draw_lines(axes: Any, rows: Sequence[Row], picture: Picture) -> None:
    """Draw the median of each line, and a band from the least to the greatest value of its points."""
    lines: dict[str, dict[float, list[float]]] = {}
    for row in rows:
        name = ", ".join(f"{axis.name} {axis_text(row[axis.name])}" for axis in picture.lines)
        points = lines.setdefault(name, {value: [] for value in sorted(picture.x.values)})
        number = row[picture.value]
        if number is not None and math.isfinite(number):
            points[row[picture.x.name]].append(number)
    numbers = np.array([n for points in lines.values() for found in points.values() for n in found])
    if is_logarithmic(picture.x.values):
        axes.set_xscale("log")
    if numbers.size and spans_decades(numbers):
        axes.set_yscale("log")
    for index, (name, points) in enumerate(lines.items()):
        colour = COLOURS[index % len(COLOURS)]
        x = list(points)
        middle, low, high = (
            [float(function(found)) if found else math.nan for found in points.values()]
            for function in (np.median, np.min, np.max)
        )
        if any(len(found) > 1 for found in points.values()):
            axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
        marker = MARKERS[index % len(MARKERS)]
        axes.plot(
            x,
            middle,
            color=colour,
            linewidth=1.9,
            marker=marker,
            markersize=4.5,
            label=drawable(name, MAX_NAME_CHARS),
        )
    if picture.lines:
        axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
