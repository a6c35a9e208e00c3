"""Findings on the loss before the first step, and on what it is taken of."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from tensorseed.evaluations.diagnostics import moments
from tensorseed.evaluations.findings.causes import dominant_bias, weight_gain
from tensorseed.evaluations.findings.figures import figure
from tensorseed.evaluations.findings.inputs import LARGE, SMALL, has_far_input
from tensorseed.evaluations.findings.measurements import Finding, Measurements
from tensorseed.evaluations.findings.signals import find_activations, sharpest
from tensorseed.evaluations.graph import Node

UNEXPECTED = 3.0
"""The factor by which the loss may differ from the one expected of an uninformed network."""
UNEXPECTED_DISTANCE = 10.0
"""The same of losses of distances, which outputs of deviation 1 alone multiply."""
DISTANCES = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "quantile_loss", "log_cosh_loss")
LARGE_GAIN = 1.5
"""The factor by which the last weight may exceed the recommended gain."""
NOT_ONE = 0.02
"""How far from 1 the probabilities of a sample may sum."""

SOFTMAXES = ("Softmax", "Softmin", "Softmax2d")
SIGMOIDS = ("Sigmoid", "Hardsigmoid")
OF_LOGITS = {
    "cross_entropy": ("softmax", (*SOFTMAXES, *SIGMOIDS)),
    "binary_cross_entropy_with_logits": ("sigmoid", (*SOFTMAXES, *SIGMOIDS)),
    "multilabel_soft_margin_loss": ("sigmoid", (*SOFTMAXES, *SIGMOIDS)),
    "sigmoid_focal_loss": ("sigmoid", (*SOFTMAXES, *SIGMOIDS)),
}
"""By loss: the function that it applies itself, and those that must not come before."""
OF_LOG_PROBABILITIES = {"nll_loss": "cross_entropy", "kl_div": None}
"""By loss: the loss of the same meaning that takes logits."""
UNCHANGING = ("Identity", "Flatten", "Unflatten", "Dropout")
"""Functions after which probabilities are still some, or scaled ones."""


def find_mismatch(m: Measurements) -> Iterator[Finding]:
    """An output that is not what the loss takes: probabilities for logits, logits for log-probabilities."""
    if m.objective is None or m.first_not_finite < len(m.nodes):
        return
    name, last = m.objective.kind, len(m.nodes) - 1
    while m.before(last) >= 0 and m.nodes[last].type in UNCHANGING:
        last = m.before(last)
    node = m.nodes[last]
    if name in OF_LOGITS and node.type in OF_LOGITS[name][1]:
        own = OF_LOGITS[name][0]
        remedy = _REMEDIES.get((name, node.type), f"take {_called(node)} out")
        detail = f"{name} takes logits and applies {own} itself, and {_called(node)} gives probabilities"
        yield Finding(last, "probabilities_as_logits", f"{detail}: {remedy}")
    elif name in OF_LOG_PROBABILITIES:
        off = _distance_from_distributions(m)
        if off > NOT_ONE:
            yield Finding(last, "not_log_probabilities", _log_remedy(m, name, last))


def _called(node: Node) -> str:
    """A module by its name, with its type where the name does not hold it."""
    return node.name if node.type in node.name else node.title


_REMEDIES = {
    ("binary_cross_entropy_with_logits", "Sigmoid"): "take it out, or use binary_cross_entropy",
    ("binary_cross_entropy_with_logits", "Hardsigmoid"): "take it out, or use binary_cross_entropy",
}


def _distance_from_distributions(m: Measurements) -> float:
    """How far the exponentials of the output sum from 1 along the classes, at the farthest sample."""
    assert m.objective is not None
    x = m.output.detach().double()
    if not x.dim():
        return abs(math.expm1(float(x)))
    sums = torch.logsumexp(x, m.objective.distribution_axis % x.dim()).exp()
    return float((sums - 1).abs().max())


def _log_remedy(m: Measurements, name: str, last: int) -> str:
    assert m.objective is not None
    node, axis = m.nodes[last], m.objective.distribution_axis
    takes = f"{name} takes log-probabilities, whose exponentials sum to 1"
    if node.type == "LogSoftmax":
        return f"{takes} over the classes, axis {axis} of the output: give {_called(node)} dim {axis}"
    if node.type in SOFTMAXES:
        return f"{takes}, and {_called(node)} gives probabilities: use LogSoftmax in its place"
    other = OF_LOG_PROBABILITIES[name]
    instead = f", or use {other}" if other else ""
    return f"{takes}, and the output holds others: end the network with LogSoftmax{instead}"


def find_target_scale(m: Measurements) -> Iterator[Finding]:
    """A target of distances that is far from mean 0 and deviation 1."""
    if m.objective is None or m.objective.kind not in DISTANCES or not m.learning:
        return
    mean, std = moments(m.objective.fixed["target"])
    size = math.hypot(mean, std)
    if math.isfinite(size) and size > 0 and not SMALL <= size <= LARGE:
        scale = f"the mean {figure(mean, 4)} and the deviation {figure(std, 4)}"
        detail = f"the target has {scale}, where outputs begin near 1"
        remedy = "subtract its mean and divide it by its deviation"
        yield Finding(m.learning[-1], "target_scale", f"{detail}: {remedy}")


def find_unexpected(m: Measurements) -> Iterator[Finding]:
    """A loss far from that of an uninformed network."""
    if m.loss is None or m.expected is None or not math.isfinite(m.loss) or not m.expected.value > 0:
        return
    assert m.objective is not None
    scale = m.expected.value
    if m.objective.kind == "kl_div":  # whose expected value can be 0
        scale = max(scale, 1.0 / max(m.output.shape[-1:] or [1]))
        if m.loss <= scale:
            return
    ratio = m.loss / scale
    if ratio < 1 and dominant_bias(m, m.learning[-1:]) is not None:
        return  # the output is the prior of the target, as in detectors
    allowed = UNEXPECTED_DISTANCE if m.objective.kind in DISTANCES else UNEXPECTED
    if 1 / UNEXPECTED <= ratio <= allowed or not m.learning or any(find_mismatch(m)):
        return
    if ratio > 1 and not _is_large(m) and (has_far_input(m) or any(find_target_scale(m))):
        return
    expected = f"{figure(m.expected.value, 4)} is expected ({m.expected.formula})"
    detail = f"the loss is {figure(m.loss, 4)}, where {expected}"
    remedy = _unexpected_remedy(m) if ratio > 1 else "see that the input does not give the target away"
    yield Finding(m.learning[-1], "unexpected_loss", f"{detail}: {remedy}")


def _is_large(m: Measurements) -> bool:
    """Whether the weight of the last layer is too large, by more than an average of fans makes it."""
    gain = weight_gain(m, m.learning[-1])
    return gain is not None and gain.gain > LARGE_GAIN * gain.target


def _unexpected_remedy(m: Measurements) -> str:
    """What to change for a loss that is too high."""
    head = m.learning[-1]
    name = m.nodes[head].name
    bias = dominant_bias(m, [head])
    if bias is not None:
        return f"the output is mostly the bias of {name}: draw it by zeros"
    for one in find_activations(m):
        if one.code == "exploding_activations" and one.index < head:
            return f"the signal is too large from {m.nodes[one.index].name} on: cure that first"
    if weight_gain(m, head) is None or _is_large(m):
        return f"give {name} a weight of a smaller scale"
    bias = dominant_bias(m, m.learning[:-1])
    if bias is not None:
        return f"the signal is mostly the bias of {m.nodes[bias].name}: draw it by zeros"
    sharp = sharpest(m, range(head), "smaller")
    if sharp is not None:
        return f"most of its size comes from {m.nodes[sharp].title}: take it out, or put a LayerNorm after it"
    size = figure(m.rms(len(m.nodes) - 1), 3)
    return f"the output has the size {size}: give {name} a weight of a smaller scale"
