"""Findings on the losses of the steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch

from tensorseed.evaluations.findings.figures import figure
from tensorseed.evaluations.findings.inputs import has_far_input
from tensorseed.evaluations.findings.measurements import Finding, Measurements
from tensorseed.evaluations.optimizers import Optimizer

DIVERGING = 3.0
"""The factor of the loss before the first step, or of the expected one, that the last loss may reach."""


def find_in_steps(m: Measurements, steps: Sequence[float], optimizer: Optimizer | None) -> Iterator[Finding]:
    """A loss that is not finite after a step, though it was before the first, or that grows."""
    if optimizer is None or not steps or m.loss is None or not math.isfinite(m.loss):
        return
    if m.gradient_norm is not None and not math.isfinite(m.gradient_norm):
        return
    last = len(m.nodes) - 1
    for step, loss in enumerate(steps, 1):
        if not math.isfinite(loss):
            detail = f"the loss is not finite after step {step}: {_step_remedy(m, optimizer)}"
            yield Finding(last, "non_finite", detail)
            return
    if _diverges(m, steps) and not getattr(optimizer, "maximize", False):
        detail = f"the loss grows from {figure(m.loss, 4)} to {figure(steps[-1], 4)} in {len(steps):,} steps"
        yield Finding(last, "diverging_loss", f"{detail}: {_rate_remedy(m, optimizer)}")


def _diverges(m: Measurements, steps: Sequence[float]) -> bool:
    """Whether the last loss is far above the first one, and above the expected one."""
    assert m.loss is not None
    scale = max(abs(m.loss), abs(m.expected.value) if m.expected else 0.0)
    return steps[-1] - m.loss > (DIVERGING - 1) * scale


def _step_remedy(m: Measurements, optimizer: Optimizer) -> str:
    """Why a step leads from a finite loss to one that is not."""
    if getattr(optimizer, "maximize", False):
        return "maximize climbs without an end: leave it out"
    eps = getattr(optimizer, "eps", None)
    if eps is not None and float(torch.tensor(eps).to(getattr(torch, m.dtype))) == 0:
        if eps == 0:
            return f"{optimizer.kind} with eps 0 divides 0 by 0 where a gradient is 0: give eps, such as 1e-8"
        zero = f"{optimizer.kind}'s eps {eps:g} is 0 in {m.dtype}, where it divides 0 by 0"
        return f"{zero}: give eps 1e-4, or take bfloat16 or float32; no learning rate helps"
    rate = _rate_remedy(m, optimizer)
    if m.dtype == "float16":
        return f"{rate}, or take bfloat16 or float32, which reach beyond 65,504"
    return rate


def _rate_remedy(m: Measurements, optimizer: Optimizer) -> str:
    """What to change for steps that are too long."""
    rate = getattr(optimizer, "lr", 0.0)
    if getattr(optimizer, "momentum", 0.0) >= 1:
        return f"a momentum of {getattr(optimizer, 'momentum', 0.0):g} adds up steps without an end: give 0.9"
    if (decay := rate * getattr(optimizer, "weight_decay", 0.0)) > 1:
        return f"lr · weight_decay is {figure(decay, 3)}, over 1: lower one"
    lower = "lower the learning rate"
    return f"{lower}, and scale the input" if has_far_input(m) else lower
