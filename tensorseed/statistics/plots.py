"""Pictures of a histogram and of a heat map, as SVG or PNG."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np

from tensorseed.pictures import Form, drawable, drawing, written
from tensorseed.sampling.distributions.base import Indices, Numbers
from tensorseed.statistics.heatmap import HeatMap
from tensorseed.statistics.histogram import Histogram

DPI = 100
WIDTH, HEIGHT = 9.0, 4.8  # inches of a histogram: 900 by 480 pixels
SIDE = 5.6  # inches of the longer side of a heat map
MIN_SIDE = 1.2  # inches of the shorter one
MIN_WIDTH = 5.4  # inches of a heat map, which its words take
MAX_NAME_CHARS = 60
MAX_TICKS = 6
_STEPS = (1, 2, 5, 10, 20, 50)  # between ticks
_LEFT, _RIGHT, _HEAD, _FOOT = 0.95, 0.35, 0.85, 0.7  # inches beside, above and below the axes
_BAR = 1.0  # inches for the scale of colours
_INK, _FAINT, _GRID = "#222222", "#555555", "#dddddd"
_BARS, _CURVE = "#9fc3e0", "#c44e00"
_EXTREME = 100  # decades from 1 where numbers are scaled, since matplotlib multiplies and divides them
_NOTHING = 1e-12  # of the deviation
_MISSING = "#bbbbbb"  # of a cell without a finite number


def draw_histogram(found: Histogram, form: Form) -> bytes:
    """The shares of the bins, and the exact density where it is known. Takes half a second."""
    with drawing():
        figure, axes = _sheet(WIDTH, HEIGHT, found.tensor, _counted(found))
        if found.sample.count:
            _draw_bars(axes, found)
        else:
            axes.text(0.5, 0.5, "no elements", transform=axes.transAxes, ha="center", color=_FAINT)
        axes.set_xlabel("value", color=_INK)
        return written(figure, form, f"Histogram of {drawable(found.tensor, MAX_NAME_CHARS)}")


def draw_heatmap(found: HeatMap, form: Form) -> bytes:
    """The elements as coloured cells: white is 0, blue below it, red above. Takes half a second."""
    rows, columns = found.values.shape
    scale = SIDE / max(rows, columns, 1)
    size = (max(MIN_SIDE, columns * scale), max(MIN_SIDE, rows * scale))
    width = max(MIN_WIDTH, _LEFT + size[0] + _BAR + _RIGHT)
    with drawing():
        figure, axes = _sheet(width, _HEAD + size[1] + _FOOT, found.tensor, _shown(found))
        if found.values.size:
            _draw_cells(figure, axes, found)
        else:
            axes.text(0.5, 0.5, "no elements", transform=axes.transAxes, ha="center", color=_FAINT)
        axes.set_xlabel("column", color=_INK)
        axes.set_ylabel("row", color=_INK)
        return written(figure, form, f"Heat map of {drawable(found.tensor, MAX_NAME_CHARS)}")


def _sheet(width: float, height: float, name: str, subtitle: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    left, plain, title = 0.3 / width, {"parse_math": False}, drawable(name, MAX_NAME_CHARS)
    figure.text(left, 1 - 0.32 / height, title, plain, size=13, weight="bold", color=_INK)
    figure.text(left, 1 - 0.58 / height, subtitle, plain, size=9, color=_FAINT)
    box = (_LEFT / width, _FOOT / height, 1 - (_LEFT + _RIGHT) / width, 1 - (_HEAD + _FOOT) / height)
    axes = figure.add_axes(box)
    axes.tick_params(labelsize=9, colors=_INK, length=3)
    return figure, axes


def _counted(found: Histogram) -> str:
    """The dtype, the shape, how many elements are counted, and the moments."""
    sample = found.sample
    count = f"{sample.of:,} elements"
    if sample.count < sample.of:
        count = f"{sample.count:,} of {count}"
    moments = [
        f"{name} {_number(seen)}" + ("" if exact is None else f" (exact {_number(exact, sample.std)})")
        for name, seen, exact in (("mean", sample.mean, found.mean), ("std", sample.std, found.std))
        if seen is not None
    ]
    return ", ".join([f"{found.dtype}, {_shape(found.shape)}", count, *moments])


def _draw_bars(axes: Any, found: Histogram) -> None:
    """The bars; bins that hold point masses are cut off where the density would be flat beside them."""
    power = _power(found.edges)
    edges = _scaled(found.edges, -power)
    widths = np.diff(edges)
    shares = found.counts / found.sample.count
    masses = [mass.value for mass in found.masses or ()]
    continuous = found.density is None or bool((found.density > 0).any())
    heights = shares / widths if continuous else shares
    held = np.zeros(heights.size, bool)
    if continuous:
        for value in masses:
            held |= (found.edges[:-1] <= value) & (value <= found.edges[1:])
    curve = np.zeros(0) if found.density is None or not continuous else _scaled(found.density, power)
    if not np.isfinite(curve).any():  # beyond float64, as that of a deviation of 1e-310
        curve = np.zeros(0)
    tops = np.concatenate([heights[~held], curve[np.isfinite(curve)]])
    top = float(tops.max()) if tops.size and tops.max() > 0 else float(heights.max())
    axes.bar(edges[:-1], heights, widths, align="edge", color=_BARS, edgecolor="white", linewidth=0.4)
    if curve.size:
        axes.plot(edges, curve, color="white", linewidth=3.6)
        axes.plot(edges, curve, color=_CURVE, linewidth=2.0, label="exact density")
        axes.legend(loc="upper right", fontsize=9, frameon=False, labelcolor=_CURVE)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0.0, 1.15 * top if top > 0 else 1.0)
    axes.set_ylabel("density" if continuous else "share of the elements", color=_INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    if power:
        axes.xaxis.set_major_formatter(_labels(power))
        axes.yaxis.set_major_formatter(_labels(-power if continuous else 0))


def _power(numbers: Numbers) -> int:
    """The power of ten that brings extreme numbers near 1; 0 for others."""
    largest = float(np.abs(numbers).max())
    power = math.floor(math.log10(largest)) if largest > 0.0 else 0
    return power if abs(power) > _EXTREME else 0


def _scaled(numbers: Numbers, power: int) -> Numbers:
    """The numbers times a power of ten, which may be none of float64 itself."""
    half = power // 2
    found: Numbers = numbers * 10.0**half * 10.0 ** (power - half)
    return found


def _labels(power: int) -> Callable[[float, int], str]:
    """What writes a tick of scaled numbers as the number it stands for."""

    def label(value: float, _: int) -> str:
        return f"{Decimal(f'{value:.6g}').scaleb(power).normalize():.4g}".replace("-", "−")

    return label


def _shown(found: HeatMap) -> str:
    """Which rows and columns are shown."""
    rows, columns = found.matrix
    which = "the first" if found.view == "corner" else "evenly spread:"
    shown = f"{which} {found.rows.size:,} of {rows:,} rows, {found.columns.size:,} of {columns:,} columns"
    if (found.rows.size, found.columns.size) == found.matrix:
        shown = "all elements"
    return f"{found.dtype}, {_shape(found.shape)}, {shown}"


def _draw_cells(figure: Any, axes: Any, found: HeatMap) -> None:
    from matplotlib import colormaps

    bound = max(abs(found.min or 0.0), abs(found.max or 0.0)) or 1.0
    colours = colormaps["RdBu_r"].with_extremes(bad=_MISSING)
    scaled = np.where(np.isfinite(found.values), found.values, np.nan) / bound
    cells = axes.imshow(scaled, cmap=colours, vmin=-1.0, vmax=1.0, interpolation="none", aspect="auto")
    box = axes.get_position()
    width = figure.get_size_inches()[0]
    axes.set_position((box.x0, box.y0, box.width - _BAR / width, box.height))
    beside = figure.add_axes((box.x1 - (_BAR - 0.2) / width, box.y0, 0.16 / width, box.height))
    bar = figure.colorbar(cells, cax=beside, ticks=[-1.0, 0.0, 1.0])
    bar.set_ticklabels([_number(-bound), "0", _number(bound)], fontsize=9, color=_INK)
    for axis, indices in ((axes.xaxis, found.columns), (axes.yaxis, found.rows)):
        places = _ticks(indices)
        axis.set_ticks(places, labels=[f"{indices[place]:,}" for place in places])


def _ticks(indices: Indices) -> list[int]:
    """The places of a few indices, the first among them."""
    least = max(1, math.ceil(indices.size / MAX_TICKS))
    step = next(step for step in _STEPS if step >= least)
    return [*range(0, indices.size, step)]


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(f"{size:,}" for size in shape) or "a number"


def _number(value: float, beside: float | None = None) -> str:
    """A number in a few digits; 0 for what is nothing beside another one."""
    if beside is not None and abs(value) < _NOTHING * beside:
        return "0"
    return f"{value:.4g}".replace("-", "−")
