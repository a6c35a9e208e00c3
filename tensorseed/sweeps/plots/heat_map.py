"""Heat map of a column over two axes, with the contour of unit gain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tensorseed.sweeps.axes import Axis
from tensorseed.sweeps.plots.choice import Picture
from tensorseed.sweeps.plots.scales import edges, is_logarithmic, spans_decades
from tensorseed.sweeps.results import Row

GAINS = ("signal_gain", "gradient_gain")
MAX_DECADES = 3.0  # of a gain that its colours show
_EMPTY = "#bbbbbb"  # of cells without a finite number

Values = NDArray[np.float64]
Point = tuple[float, float]


@dataclass(frozen=True)
class Cells:
    """The medians of a column: `values[i, j]` is that of `y[i]` and `x[j]`, NaN where there is no number."""

    x: Values
    y: Values
    values: Values

    @classmethod
    def of(cls, rows: Sequence[Row], picture: Picture) -> Cells:
        """The cells of a picture with two axes."""
        assert picture.y is not None
        found: dict[Point, list[float]] = {}
        for row in rows:
            number = row[picture.value]
            if number is not None and not math.isnan(number):
                found.setdefault((row[picture.y.name], row[picture.x.name]), []).append(number)
        x, y = _sorted(picture.x), _sorted(picture.y)
        values = [[_median(found.get((one, other), [])) for other in x] for one in y]
        return cls(np.array(x, np.float64), np.array(y, np.float64), np.array(values, np.float64))

    def contour(self, level: float = 1.0) -> list[list[Point]]:
        """The lines (x, y) on which the column has this value, by interpolation of its logarithm."""
        from contourpy import contour_generator

        if min(self.values.shape) < 2:
            return []
        with np.errstate(divide="ignore", invalid="ignore"):
            height = np.log10(self.values / level)
        height = np.ma.masked_invalid(np.clip(height, -300, 300))
        lines: Any = contour_generator(self.x, self.y, height).lines(0.0)
        return [[(float(x), float(y)) for x, y in line] for line in lines]


def draw_heat_map(axes: Any, rows: Sequence[Row], picture: Picture) -> Any:
    """Draw the cells and the contour, and return what a bar of colours explains."""
    from matplotlib.colors import LogNorm, Normalize

    cells = Cells.of(rows, picture)
    finite = cells.values[np.isfinite(cells.values)]
    positive = finite[finite > 0]
    norm: Any
    if picture.value in GAINS:
        size = np.abs(np.log10(positive)).max(initial=0.1) if positive.size else 1.0
        far = 10 ** min(float(size), MAX_DECADES)
        norm, colours = LogNorm(1 / far, far), "RdBu_r"
    elif finite.size and positive.size == finite.size and spans_decades(finite):
        norm, colours = LogNorm(float(finite.min()), float(finite.max())), "viridis"
    else:
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        norm, colours = Normalize(low, high if high > low else low + 1.0), "viridis"
    shown = np.where(np.isposinf(cells.values) | np.isfinite(cells.values), cells.values, np.nan)
    shown = np.clip(shown, norm.vmin, norm.vmax)
    axes.set_facecolor(_EMPTY)
    for axis, name in ((picture.x, "x"), (picture.y, "y")):
        if axis is not None and is_logarithmic(axis.values):
            getattr(axes, f"set_{name}scale")("log")
    mesh = axes.pcolormesh(
        edges(cells.x), edges(cells.y), np.ma.masked_invalid(shown), norm=norm, cmap=colours, rasterized=False
    )
    if picture.value in GAINS:
        for line in cells.contour():
            axes.plot(*zip(*line, strict=True), color="#111111", linewidth=1.8)
    return mesh


def _sorted(axis: Axis) -> list[float]:
    return sorted(axis.values)


def _median(numbers: Sequence[float]) -> float:
    return float(np.median(numbers)) if numbers else math.nan
