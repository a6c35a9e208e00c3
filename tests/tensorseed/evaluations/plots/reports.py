"""Reports for the tests of pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tensorseed.evaluations.report import ExpectedLoss, LayerReport, Output, Report

NAN, INF = math.nan, math.inf
NAMES = ("fc1", "1.ReLU", "fc2")


def layer(name: str, std: float, gradient: float | None, **fields: Any) -> LayerReport:
    return LayerReport(
        name=name,
        type="Linear",
        shape=(4, 8),
        mean=0.0,
        std=std,
        gradient_mean=None if gradient is None else 0.0,
        gradient_std=gradient,
        gradient_norm=gradient,
        zeros=0.0,
        dead=0.0,
        saturated=None,
        effective_rank=None,
        largest_rank=None,
        similarity=None,
        parameter_gradient_norm=gradient,
        **fields,
    )


def recurrent(name: str, *norms: float, reverse: Sequence[float] | None = None) -> LayerReport:
    """A recurrent layer with these norms of the gradient in time."""
    backwards = None if reverse is None else tuple(reverse)
    return layer(name, 1.0, 0.1, hidden_gradient_norms=norms, hidden_gradient_norms_reverse=backwards)


def report(
    label: str | None = None,
    stds: Sequence[float] = (1.0, 0.5, 0.25),
    gradients: Sequence[float | None] | None = (0.1, 0.2, 0.3),
    losses: Sequence[float] = (2.5, 2.0, 1.5, 1.25),
    names: Sequence[str] = NAMES,
    **fields: Any,
) -> Report:
    """A report; its first loss is the one before the first step, and the smoothed ones equal the others."""
    known = gradients or [None] * len(stds)
    given = {
        "label": label,
        "seed": 0,
        "dtype": "float32",
        "device": "cpu",
        "output": Output(shape=(4, 8), mean=0.0, std=1.0, data=None),
        "loss": losses[0] if losses else None,
        "expected_loss": ExpectedLoss(value=math.log(10), formula="ln C") if losses else None,
        "denominator": 4.0,
        "gradient_norm": 1.0,
        "layers": tuple(map(layer, names, stds, known)),
        "steps": tuple(losses[1:]),
        "smoothed": tuple(losses[1:]),
        "warnings": (),
    }
    return Report(**given | fields)
