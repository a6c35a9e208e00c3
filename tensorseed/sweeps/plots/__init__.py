"""Picture of a sweep: heat map of two axes, or lines along one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorseed.evaluations.plots.labels import number
from tensorseed.pictures import Form, drawable, drawing, written
from tensorseed.sweeps.plots.choice import Picture
from tensorseed.sweeps.plots.heat_map import GAINS, draw_heat_map
from tensorseed.sweeps.plots.lines import draw_lines
from tensorseed.sweeps.results import Row
from tensorseed.sweeps.rows import NUMBERS

__all__ = ["draw"]

_DPI = 100
_INK, _GREY = "#222222", "#555555"
_SIZE = 9.0  # points
_MAX_WORDS = 180  # characters below the title


def draw(rows: Sequence[Row], picture: Picture, form: Form) -> bytes:
    """Draw the rows, 1,200 pixels wide. It takes about a second. Equal rows give equal bytes."""
    title = f"{picture.value} by {picture.x.name}"
    if picture.y is not None:
        title += f" and {picture.y.name}"
    with drawing():
        return written(_figure(rows, picture, title), form, title)


def _figure(rows: Sequence[Row], picture: Picture, title: str) -> Any:
    from matplotlib.figure import Figure

    heat = picture.y is not None
    figure = Figure(figsize=(12, 7 if heat else 6), dpi=_DPI, facecolor="white")
    right = 0.88 if heat else 0.72 if picture.lines else 0.97
    axes = figure.add_axes((0.08, 0.11, right - 0.08, 0.72))
    plain: dict[str, Any] = {"parse_math": False, "color": _INK}
    figure.text(0.08, 0.93, drawable(title, _MAX_WORDS), size=13, weight="bold", **plain)
    figure.text(
        0.08, 0.88, drawable(_words(rows, picture), _MAX_WORDS), size=_SIZE, **{**plain, "color": _GREY}
    )
    if heat:
        mesh = draw_heat_map(axes, rows, picture)
        bar = figure.colorbar(mesh, cax=figure.add_axes((right + 0.015, 0.11, 0.02, 0.72)))
        bar.ax.tick_params(labelsize=_SIZE, colors=_INK)
        bar.outline.set_visible(False)
        bar.set_label(picture.value, fontsize=_SIZE, color=_INK)
    else:
        draw_lines(axes, rows, picture)
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=_SIZE, colors=_INK, length=3)
    axes.set_xlabel(drawable(picture.x.name), fontsize=10, parse_math=False)
    axes.set_ylabel(drawable(picture.y.name if picture.y else picture.value), fontsize=10, parse_math=False)
    return figure


def _words(rows: Sequence[Row], picture: Picture) -> str:
    """What is shown, in a line: the column, the axes looked through, and the points without a number."""
    parts = [NUMBERS[picture.value]]
    if picture.y is not None and picture.value in GAINS:
        parts.append("the black line is a gain of 1")
    if picture.others:
        how = "the median over" if picture.y is not None else "median, and band from least to greatest, over"
        parts.append(f"{how} {_axes(picture)}")
    lacking = sum(row[picture.value] is None for row in rows)
    if lacking:
        parts.append(f"{number(lacking)} points have none")
    return "; ".join(parts)


def _axes(picture: Picture) -> str:
    return ", ".join(f"{len(axis.values)} of {axis.name}" for axis in picture.others)
