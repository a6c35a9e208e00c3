"""Findings on numbers that are not finite before the first step."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from tensorseed.errors import EvaluationError
from tensorseed.evaluations.findings.causes import Direction, depth_remedy, weight_remedy, worst_weight
from tensorseed.evaluations.findings.figures import figure
from tensorseed.evaluations.findings.measurements import Finding, Measurements


def find_not_finite(m: Measurements) -> Iterator[Finding]:
    """The first cause of numbers that are not finite: input, weight, layer, loss or gradient."""
    first = m.first_not_finite
    if m.input is not None and not m.input.finite:
        detail = f"the input holds numbers that are not finite in {m.dtype}: replace or scale them"
        yield Finding(0, "non_finite", detail)
    elif first < len(m.nodes):
        yield Finding(first, "non_finite", _layer(m, first))
    elif m.loss is not None and not math.isfinite(m.loss):
        yield Finding(len(m.nodes) - 1, "non_finite", f"the loss is {_word(m.loss)}: {_loss(m)}")
    elif m.gradient_norm is not None and not math.isfinite(m.gradient_norm):
        yield from _gradient(m)


def _word(number: float) -> str:
    return "NaN" if math.isnan(number) else "infinite"


def _layer(m: Measurements, index: int) -> str:
    """Why the output of a layer is not finite, although its input is."""
    for name, parameter in m.modules[index].named_parameters():
        if not bool(parameter.detach().isfinite().all()):
            return f"its {name} is not finite in {m.dtype}: draw it with a smaller scale"
    largest = torch.finfo(getattr(torch, m.dtype)).max
    direction: Direction = "smaller"
    layers = [i for i in m.learning if i <= index]
    worst = worst_weight(m, layers, direction)
    remedy = weight_remedy(m, worst) if worst is not None else depth_remedy(m, layers)
    wider = ", or take bfloat16 or float32, which reach farther" if m.dtype == "float16" else ""
    return f"its output is beyond the largest {m.dtype} number, {figure(largest, 3)}: {remedy}{wider}"


def _loss(m: Measurements) -> str:
    """Why the loss is not finite, although the output is."""
    assert m.objective is not None
    for name, tensor in m.objective.fixed.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            return f"{name} holds numbers that are not finite in {m.dtype}: replace or scale them"
    if m.objective.denominator(m.output) == 0:
        return "its denominator is 0, as no target counts: check ignore_index and the weights of the classes"
    wide = m.objective.cast(torch.float64, torch.device("cpu"))
    try:
        value = float(wide.value(m.output.detach().to("cpu", torch.float64), "float64"))
    except EvaluationError:
        value = math.nan
    if math.isfinite(value):
        wide_value = f"it is {figure(value, 4)} in float64, which {m.dtype} cannot compute"
        return f"{wide_value}: take float32, or scale the target"
    return f"{m.objective.kind} is not finite of these outputs: check them and the target"


def _gradient(m: Measurements) -> Iterator[Finding]:
    """The first layer, on the way back, whose gradient is not finite."""
    bad = [i for i, one in enumerate(m.reports) if not math.isfinite(one.gradient_norm or 0.0)]
    index = bad[-1] if bad else len(m.nodes) - 1
    why = (
        "take float32, or scale the loss" if m.dtype == "float16" else "its slope has no bound at such inputs"
    )
    yield Finding(index, "non_finite", f"its gradient is not finite, although the loss is: {why}")
