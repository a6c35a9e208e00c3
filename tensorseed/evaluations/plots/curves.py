"""Curves of a plot: points, colours and end labels, from reports."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tensorseed.evaluations.plots.labels import number
from tensorseed.evaluations.plots.scales import Scale, loss_scale, signal_scale
from tensorseed.evaluations.report import LayerReport, Report
from tensorseed.pictures import drawable

COLOURS = ("#0072b2", "#c44e00", "#00795c", "#a03c82", "#8a6100", "#3d3d3d", "#b3202c", "#1886b0")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
EXPECTED_COLOUR = "#6b6b6b"
MAX_POINTS = 1_200  # of one curve: what a picture of this width can show

MAX_TIME_CURVES = 16  # of the panel of gradients in time
MAX_TIME_CHARS = 16  # of a layer's name there
MAX_MARKS = 80  # points of one curve that are marked

Field = Literal["std", "gradient_std"]
Point = tuple[float, float | None]  # x, and the place on the axis; None breaks the line


@dataclass(frozen=True)
class Style:
    """Style of one variant in every panel."""

    colour: str
    marker: str
    name: str


@dataclass(frozen=True)
class Curve:
    """One line, and the words at its end."""

    style: Style
    points: tuple[Point, ...]
    faint: tuple[Point, ...] = ()
    words: str = ""

    @property
    def marked(self) -> bool:
        """Whether its points are few enough to mark."""
        return len(self.points or self.faint) <= MAX_MARKS and not (self.faint and self.points)


@dataclass(frozen=True)
class Panel:
    """One pair of axes: its curves, their vertical scale, and horizontal lines with their words."""

    title: str
    scale: Scale
    curves: tuple[Curve, ...]
    lines: tuple[tuple[float, str], ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The label at its end."""
        return (*(curve.words for curve in self.curves), *(text for _, text in self.lines))


def styles(reports: Sequence[Report]) -> list[Style]:
    """One style a report. The only report of a picture needs no name."""
    return [
        Style(
            COLOURS[index % len(COLOURS)],
            MARKERS[index % len(MARKERS)],
            drawable(report.label or "") if len(reports) > 1 else "",
        )
        for index, report in enumerate(reports)
    ]


def signal_panel(reports: Sequence[Report], field: Field, title: str) -> Panel | None:
    """A signal through depth; None where no layer has it."""
    values = [
        value for report in reports for layer in report.layers if (value := _of(layer, field)) is not None
    ]
    if not values:
        return None
    scale = signal_scale(values)
    curves = [
        Curve(style, points, words=_end(style, [_of(layer, field) for layer in report.layers]))
        for style, report in zip(styles(reports), reports, strict=True)
        if (points := _thinned([*_signal_points(report.layers, field, scale.place)]))
    ]
    return Panel(title, scale, tuple(curves))


def time_panel(reports: Sequence[Report], title: str) -> Panel | None:
    """The gradient at each time step of recurrent layers; None where there are none.

    Of many layers and directions it shows `MAX_TIME_CURVES`, the first of each variant, and says so.
    """
    found = [(style, [*_in_time(report)]) for style, report in zip(styles(reports), reports, strict=True)]
    share = max(1, MAX_TIME_CURVES // max(len(found), 1))
    values = [value for _, layers in found for _, norms in layers[:share] for value in norms]
    if not values:
        return None
    scale, curves = signal_scale(values), []
    for style, layers in found:
        for index, (name, norms) in enumerate(layers[:share]):
            own = replace(style, marker=MARKERS[index % len(MARKERS)])
            if not style.name:
                own = replace(own, colour=COLOURS[index % len(COLOURS)])
            points = _thinned([(float(t), scale.place(value)) for t, value in enumerate(norms, 1)])
            words = _named(own, f"{name} {number(norms[0])} to {number(norms[-1])}")
            curves.append(Curve(own, points, words=words))
    count = sum(len(layers) for _, layers in found)
    left_out = f", {len(curves)} of {count:,} layers" if len(curves) < count else ""
    return Panel(f"{title}{left_out}", scale, tuple(curves))


def _in_time(report: Report) -> Iterable[tuple[str, tuple[float, ...]]]:
    """The norms of each recurrent layer and direction, by name."""
    for layer in report.layers:
        name = drawable(layer.name, MAX_TIME_CHARS)
        for norms, direction in (
            (layer.hidden_gradient_norms, ""),
            (layer.hidden_gradient_norms_reverse, " reverse"),
        ):
            if norms:
                yield f"{name}{direction}", norms


def loss_panel(reports: Sequence[Report], title: str) -> Panel | None:
    """The losses before the first step and after every one; None where there is no loss."""
    known = [report for report in reports if report.loss is not None]
    if not known:
        return None
    expected = sorted({round(e.value, 9) for report in known if (e := report.expected_loss) is not None})
    expected = [value for value in expected if math.isfinite(value)]
    scale = loss_scale([*(value for report in known for value in _losses(report)), *expected])
    curves = [
        Curve(style, _thinned(smooth), _thinned(raw), _loss_words(style, report))
        for style, report in zip(styles(reports), reports, strict=True)
        if report.loss is not None
        for smooth, raw in [_loss_points(report, scale)]
    ]
    lines = [
        (place, f"expected untrained: {number(v, 4)}")
        for v in expected
        if (place := scale.place(v)) is not None
    ]
    return Panel(title, scale, tuple(curves), tuple(lines))


def _of(layer: LayerReport, field: Field) -> float | None:
    value: float | None = getattr(layer, field)
    return value


def _signal_points(
    layers: Iterable[LayerReport], field: Field, place: Callable[[float], float | None]
) -> Iterable[Point]:
    for index, layer in enumerate(layers):
        value = _of(layer, field)
        if value is not None:
            yield float(index), place(value)


def _end(style: Style, values: Sequence[float | None]) -> str:
    """The name, and the last value."""
    last = next(value for value in reversed(values) if value is not None)
    return _named(style, number(last))


def _losses(report: Report) -> list[float]:
    """The loss before the first step, then that after every step."""
    return [*([] if report.loss is None else [report.loss]), *report.steps]


def _loss_points(report: Report, scale: Scale) -> tuple[list[Point], list[Point]]:
    """The points of the smoothed losses, if there are any, and those of the losses as they were."""
    raw: list[Point] = [(float(step), scale.place(value)) for step, value in enumerate(_losses(report))]
    if not report.smoothed:
        return [], raw
    first = len(raw) - len(report.smoothed)
    return [(float(first + i), scale.place(value)) for i, value in enumerate(report.smoothed)], raw


def _loss_words(style: Style, report: Report) -> str:
    """The name and the last loss, or the step from which on it is not finite."""
    losses = _losses(report)
    broken = next((step for step, value in enumerate(losses) if not math.isfinite(value)), None)
    if broken is not None:
        when = f"at step {broken}" if broken else "from the start"
        return _named(style, f"not finite {when}")
    last = report.smoothed[-1] if report.smoothed else losses[-1]
    return _named(style, number(last, 4))


def _named(style: Style, words: str) -> str:
    return f"{style.name}: {words}" if style.name else words


def _thinned(points: Sequence[Point]) -> tuple[Point, ...]:
    """At most about `MAX_POINTS` points: of every run of neighbours the lowest and the highest, in order."""
    if len(points) <= MAX_POINTS:
        return tuple(points)
    run = math.ceil(2 * len(points) / MAX_POINTS)
    found: list[Point] = []
    for start in range(0, len(points), run):
        part = points[start : start + run]
        known = [point for point in part if point[1] is not None]
        extremes = {min(known, key=_height), max(known, key=_height)} if known else set()
        if len(known) < len(part):
            extremes.add(next(point for point in part if point[1] is None))
        found += sorted(extremes)
    return tuple(dict.fromkeys([points[0], *found, points[-1]]))


def _height(point: Point) -> float:
    assert point[1] is not None
    return point[1]
