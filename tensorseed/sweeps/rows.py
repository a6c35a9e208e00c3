"""Row of a point: loss, signals and gradients at the last layer, warnings."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tensorseed.evaluations.evaluation import Evaluation
    from tensorseed.evaluations.report import LayerReport, Report

NUMBERS = {
    "loss": "the loss before the first step",
    "expected_loss": "that of a network that knows nothing",
    "final_loss": "the loss after the last step",
    "gradient_norm": "√Σ of all parameters' squared gradients before the first step",
    "std": "standard deviation of the last layer's output",
    "gradient_std": "that of the loss's gradient at the last layer's output",
    "signal_gain": "std of the last layer with parameters over that of the first",
    "gradient_gain": "gradient_std of the first layer with parameters over that of the last",
}
"""The columns of numbers, each null where there is none."""

COLUMNS = {
    "point": "the number of the point, from 0",
    **NUMBERS,
    "warnings": "the codes of the warnings",
    "error": "why the evaluation was refused or failed; null of a point with numbers",
}
"""The columns beside those of the axes, with their meanings."""


def row_of(evaluation: Evaluation, report: Report) -> dict[str, Any]:
    """The row of a report, without its point and axes."""
    from tensorseed.evaluations.forward import has_parameters

    layers, expected = report.layers, report.expected_loss
    learning = [layer for node, layer in zip(evaluation.nodes, layers, strict=True) if has_parameters(node)]
    ends = (learning[0], learning[-1]) if len(learning) > 1 else None
    return {
        "loss": report.loss,
        "expected_loss": None if expected is None else expected.value,
        "final_loss": report.steps[-1] if report.steps else None,
        "gradient_norm": report.gradient_norm,
        "std": layers[-1].std,
        "gradient_std": layers[-1].gradient_std,
        "signal_gain": ends and _ratio(ends[1].std, ends[0].std),
        "gradient_gain": ends and _gradient_gain(*ends),
        "warnings": list(dict.fromkeys(warning.code for warning in report.warnings)),
        "error": None,
    }


def refused_row(reason: str) -> dict[str, Any]:
    """The row of a point whose evaluation was refused."""
    return {**dict.fromkeys(NUMBERS), "warnings": [], "error": reason}


def _gradient_gain(first: LayerReport, last: LayerReport) -> float | None:
    if first.gradient_std is None or last.gradient_std is None:
        return None
    return _ratio(first.gradient_std, last.gradient_std)


def _ratio(numerator: float, denominator: float) -> float:
    """The quotient; NaN of 0 over 0."""
    if denominator:
        return numerator / denominator
    return math.nan if not numerator or math.isnan(numerator) else math.inf
