"""Plot of an evaluation: signals through depth and losses, as SVG or PNG.

The first panel shows the standard deviation of every layer's output.
The second shows that of the loss's gradient at that output.
Networks with recurrent layers have one of the gradient's norm at their hidden state, time step by time step.
The last shows the loss before the first optimizer step and after each, beside that of an uninformed network.
Every variant has one colour in all of them and is named at the ends of its lines. Text in SVG is text, so it
can be searched, copied and read aloud. Equal reports give equal bytes under one version of matplotlib.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorseed.evaluations.plots.curves import Panel, loss_panel, signal_panel, time_panel
from tensorseed.evaluations.plots.figure import (
    GAP,
    Sheet,
    name_layers,
    name_steps,
    named_layers,
    names_height,
)
from tensorseed.evaluations.report import Report
from tensorseed.pictures import Form, drawing, written

__all__ = ["Form", "draw"]

ACTIVATIONS = "Activations: standard deviation of each layer's output"
GRADIENTS = "Gradients: standard deviation of the loss's gradient at each layer's output"
IN_TIME = "Gradients in time: norm of the loss's gradient at the hidden state of each time step"
STEPPED = "Loss after each optimizer step: as it was (faint) and smoothed (strong)"
UNSTEPPED = "Loss, before any optimizer step"

_BELOW = 0.25  # inches, above a panel that has an axis of its own


def draw(reports: Sequence[Report], form: Form) -> bytes:
    """The picture of one report, or of several variants of one network, 1,200 pixels wide.

    Nothing in it depends on the time or on this process. Takes about a second; one is drawn at a time.
    """
    title, subtitle = _headings(reports)
    with drawing():
        return written(_figure(reports, title, subtitle), form, title)


def _figure(reports: Sequence[Report], title: str, subtitle: str) -> Any:
    signals = [
        panel
        for panel in (
            signal_panel(reports, "std", ACTIVATIONS),
            signal_panel(reports, "gradient_std", GRADIENTS),
        )
        if panel is not None
    ]
    steps = max(len(report.steps) for report in reports)
    losses = loss_panel(reports, STEPPED if steps else UNSTEPPED)
    times = time_panel(reports, IN_TIME)
    names = [layer.name for layer in reports[0].layers]
    below = [panel for panel in (times, losses) if panel is not None]
    footing = names_height(names) + _BELOW * len(below)
    sheet = Sheet(title, subtitle, [*signals, *below], footing)
    _draw_signals(sheet, signals, names)
    if below:
        sheet.skip(names_height(names) + _BELOW)
    if times:
        last = max(x for curve in times.curves for x, _ in curve.points)
        name_steps(sheet.panel(times, (1.0 - 0.02 * last, last)), "time step")
        sheet.skip(GAP + _BELOW)
    if losses:
        if steps:
            name_steps(sheet.panel(losses, (-0.02 * steps, steps)), "optimizer step")
        else:
            sheet.panel(losses, (-1.0, 0.05)).set_xticks([])
    return sheet.figure


def _draw_signals(sheet: Sheet, signals: Sequence[Panel], names: Sequence[str]) -> None:
    axes = None
    for panel in signals:
        if axes is not None:
            axes.set_xticks(named_layers(names), labels=[])
            sheet.skip(GAP)
        axes = sheet.panel(panel, (-0.5, len(names) - 0.5))
    if axes is not None:
        name_layers(axes, names)
        sheet.skip(GAP)


def _headings(reports: Sequence[Report]) -> tuple[str, str]:
    """Title and subtitle of the plot."""
    first = reports[0]
    count = len(first.layers)
    network = f"a network of {count} layer{'s' * (count != 1)}"
    shown = "Signal" if all(report.loss is None for report in reports) else "Signal and loss"
    if len(reports) > 1:
        variants = f"{len(reports)} variants of {network}"
        return f"{shown} of {variants}", f"signals before training; {_shared(reports)}"
    warned = len(first.warnings)
    warnings = f"; {warned} warning{'s' * (warned != 1)} in the report" if warned else ""
    return f"{shown} of {network}", f"signals before training; {_shared(reports)}{warnings}"


def _shared(reports: Sequence[Report]) -> str:
    """The properties that all reports share."""
    parts = [f"output {' × '.join(map(str, reports[0].output.shape)) or 'a number'}"]
    for name in ("dtype", "seed", "device"):
        values = {getattr(report, name) for report in reports}
        if len(values) == 1:
            parts.append(f"{name} {values.pop()}")
    return ", ".join(parts)
