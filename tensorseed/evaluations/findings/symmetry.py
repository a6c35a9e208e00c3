"""Findings on units that are equal, and on an output layer of zeros."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from tensorseed.evaluations.findings.causes import draw_remedy
from tensorseed.evaluations.findings.measurements import Finding, Measurements
from tensorseed.spec.layers import Layer


def find_symmetry(m: Measurements) -> Iterator[Finding]:
    """Layers whose units are equal and get equal gradients, and so stay equal."""
    for index in m.learning:
        if is_zero_head(m, index):
            continue
        layer, module = m.nodes[index].layer, m.modules[index]
        assert isinstance(layer, Layer)  # others have no parameters
        axes = {slot.name: slot.role.axis for slot in layer.slots()}
        for name, weight in module.named_parameters():
            axis = axes[name]
            if axis is None or weight.dim() < 2 or weight.shape[axis] < 2 or not alike(weight.detach(), axis):
                continue
            bias = getattr(module, "bias", None) if name == "weight" else None
            if weight.grad is None and isinstance(bias, torch.Tensor) and not alike(bias.detach(), 0):
                continue
            if weight.grad is not None and not alike(weight.grad, axis):
                continue
            same = "units and their gradients are" if weight.grad is not None else "units are"
            detail = f"all {same} equal, so {name} stays symmetric while training: {draw_remedy(m, index)}"
            yield Finding(index, "symmetric_neurons", detail)
            break


def find_zero_head(m: Measurements) -> Iterator[Finding]:
    """An output layer of zeros, which trains."""
    if m.head is not None and is_zero_head(m, m.head):
        first = "so the layers before it get no gradient in the first step"
        trains = "and it learns from the first step on"
        detail = f"the weight of the output layer is 0, {first}, {trains}: leave it, if that is meant"
        yield Finding(m.head, "zero_head", detail, "remark")


def is_zero_head(m: Measurements, index: int) -> bool:
    """Whether a layer is the output layer, its weight is 0, and its gradient is not.

    Without a loss there is no gradient, and the layers before it have to put out something.
    """
    weight = getattr(m.modules[index], "weight", None)
    if index != m.head or not isinstance(weight, torch.Tensor) or bool(weight.detach().any()):
        return False
    if weight.grad is not None and not weight.grad.is_sparse:
        return bool(weight.grad.isfinite().all()) and bool(weight.grad.any())
    return m.loss is None and (index == 0 or m.rms(m.before(index)) > 0) and len(m.learning) > 1


def alike(x: torch.Tensor, axis: int) -> bool:
    """Whether all slices along an axis are equal."""
    rows = x.movedim(axis, 0)
    return bool((rows == rows[:1]).all())
