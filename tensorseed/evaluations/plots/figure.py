"""Layout of the figure: panels in a column, end labels, and layer names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from tensorseed.evaluations.plots.curves import EXPECTED_COLOUR, Curve, Panel, Point
from tensorseed.evaluations.plots.labels import spread
from tensorseed.pictures import drawable

DPI = 100
WIDTH = 12.0  # inches: 1,200 pixels
PANEL = 2.75  # inches: the least height of a panel
LEFT = 0.95
HEAD, GAP, FOOT = 1.12, 0.62, 0.62  # inches above the panels, between them, and below the last
MAX_NAME_CHARS = 26  # characters of a layer's name
_FONT = 9.0  # points
_LINE = 0.165  # inches between two labels
_BESIDE = 1.014  # where words begin, in widths of the panel
_CHARACTER = 0.075  # inches that a character takes
_INK, _GRID = "#222222", "#dddddd"
_MAX_NAMES = 64  # layer names that fit beside each other


class Sheet:
    """A figure that is filled from the top. Lengths are inches, `x` and `y` from the lower left corner."""

    def __init__(self, title: str, subtitle: str, panels: Sequence[Panel], footing: float) -> None:
        from matplotlib.figure import Figure

        words = [text for panel in panels for text in panel.words]
        lines = max(len(panel.words) for panel in panels)
        self.panel_height = max(PANEL, _LINE * (lines + 2))
        self.height = HEAD + len(panels) * (self.panel_height + GAP) - GAP + footing + FOOT
        self.right = 0.35 + _CHARACTER * max(map(len, words))
        self.top = self.height - HEAD
        self.figure = Figure(figsize=(WIDTH, self.height), dpi=DPI, facecolor="white")
        self._write(LEFT, self.height - 0.34, title, size=13, weight="bold")
        self._write(LEFT, self.height - 0.58, subtitle, size=_FONT, color="#555555")

    def panel(self, panel: Panel, xlim: tuple[float, float]) -> Any:
        """Axes with everything of a panel but its horizontal axis."""
        box = (
            LEFT / WIDTH,
            (self.top - self.panel_height) / self.height,
            (WIDTH - LEFT - self.right) / WIDTH,
            self.panel_height / self.height,
        )
        axes = self.figure.add_axes(box, xlim=xlim, ylim=(0.0, 1.0))
        self._write(LEFT, self.top + 0.1, panel.title, size=10, weight="bold")
        axes.spines[["top", "right"]].set_visible(False)
        positions = [place for place, _ in panel.scale.ticks]
        axes.set_yticks(positions, labels=[label for _, label in panel.scale.ticks], parse_math=False)
        axes.tick_params(labelsize=_FONT, colors=_INK, length=3)
        axes.grid(axis="y", color=_GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        for place, _ in panel.lines:
            axes.axhline(place, color=EXPECTED_COLOUR, linewidth=1.2, linestyle=(0, (5, 3)))
        for curve in panel.curves:
            _draw(axes, curve)
        _label_ends(axes, panel, _LINE / self.panel_height)
        self.top -= self.panel_height
        return axes

    def skip(self, inches: float) -> None:
        """Leave room below the panel drawn last."""
        self.top -= inches

    def _write(self, x: float, y: float, text: str, **how: Any) -> None:
        self.figure.text(x / WIDTH, y / self.height, text, parse_math=False, **{"color": _INK, **how})


def name_layers(axes: Any, names: Sequence[str]) -> None:
    """Write the names of layers along the horizontal axis, turned where they would touch."""
    shown = named_layers(names)
    labels = [drawable(names[index], MAX_NAME_CHARS) for index in shown]
    axes.set_xticks(shown, labels=labels, parse_math=False)
    if not lie_flat(names):
        for text in axes.get_xticklabels():
            text.set(rotation=90, verticalalignment="top", horizontalalignment="center")


def name_steps(axes: Any, kind: str) -> None:
    """Write the numbers of steps of a kind along the horizontal axis."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(kind, fontsize=_FONT, color=_INK)


def named_layers(names: Sequence[str]) -> range:
    """Which layers are named below the axis: every so many where not all fit."""
    return range(0, len(names), max(1, -(-len(names) // _MAX_NAMES)))


def lie_flat(names: Sequence[str]) -> bool:
    """Whether the names fit beside each other without being turned."""
    longest = max((min(len(name), MAX_NAME_CHARS) for name in names), default=0)
    return (longest + 2) * _CHARACTER * len(names) <= WIDTH - LEFT - 2.0


def names_height(names: Sequence[str]) -> float:
    """The inches that the names take below their axis."""
    if lie_flat(names):
        return 0.2
    return 0.1 + 0.9 * _CHARACTER * max(min(len(name), MAX_NAME_CHARS) for name in names)


def _draw(axes: Any, curve: Curve) -> None:
    """The line; a faint one below it where there are two."""
    if curve.faint and curve.points:
        _line(axes, curve, curve.faint, linewidth=0.9, alpha=0.4)
    marked = {"marker": curve.style.marker, "markersize": 4.5} if curve.marked else {}
    _line(axes, curve, curve.points or curve.faint, linewidth=1.9, **marked)


def _line(axes: Any, curve: Curve, points: Sequence[Point], **how: Any) -> None:
    heights = [math.nan if height is None else height for _, height in points]
    axes.plot([x for x, _ in points], heights, color=curve.style.colour, **how)


def _label_ends(axes: Any, panel: Panel, gap: float) -> None:
    """The words at the ends of lines, beside the panel, in their lines' colours and not on each other."""
    ends = [_End(1.0, place, words, EXPECTED_COLOUR) for place, words in panel.lines]
    for curve in panel.curves:
        known = [(x, height) for x, height in curve.points or curve.faint if height is not None]
        x, height = (_fraction(axes, known[-1][0]), known[-1][1]) if known else (_BESIDE, 1.0)
        ends.append(_End(x, height, curve.words, curve.style.colour))
    for end, place in zip(ends, spread([end.height for end in ends], gap, gap / 2, 1 - gap / 2), strict=True):
        line = {"color": end.colour, "linewidth": 0.7, "alpha": 0.6}
        axes.plot(
            [end.x, _BESIDE],
            [end.height if end.x < _BESIDE else place, place],
            transform=axes.transAxes,
            clip_on=False,
            **line,
        )
        where = {"transform": axes.transAxes, "verticalalignment": "center_baseline"}
        axes.text(
            _BESIDE + 0.006, place, end.words, color=end.colour, fontsize=_FONT, parse_math=False, **where
        )


class _End(NamedTuple):
    """The end of a line, in fractions of the axes, and its words."""

    x: float
    height: float
    words: str
    colour: str


def _fraction(axes: Any, x: float) -> float:
    low, high = axes.get_xlim()
    return float((x - low) / (high - low))
