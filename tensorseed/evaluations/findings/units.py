"""Findings on units that are dead, saturated or alike for all samples."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tensorseed.evaluations.findings.causes import (
    DOMINANT,
    ONE_SIGN,
    bias_mean,
    bias_size,
    depth_remedy,
    dominant_bias,
    one_signed_weight,
    recurrent_weight,
    weight_gain,
    weight_remedy,
    worst_weight,
)
from tensorseed.evaluations.findings.figures import figure
from tensorseed.evaluations.findings.inputs import has_far_input
from tensorseed.evaluations.findings.measurements import (
    MIN_FEATURES,
    MIN_SAMPLES,
    SIMILAR,
    Finding,
    Measurements,
)

DEAD = 0.5
"""The share of units that may be 0 for the whole batch."""
DEAD_FOR_NO_CAUSE = 0.75
"""The same where no bias or weight causes it, since half are 0 where samples are nearly alike."""
COLLAPSE_SAMPLES = 4
"""The samples that a batch needs for a cosine."""
SATURATED = 0.5
"""The share of elements that may be near a bound."""
SHRINKS = ("Hardshrink", "Softshrink")


def find_dead(m: Measurements) -> Iterator[Finding]:
    """Every rectifier most of whose units are 0 for the whole batch."""
    alike = next((one.index for one in find_collapse(m)), len(m.nodes))
    for index, (node, report) in enumerate(zip(m.nodes, m.reports, strict=True)):
        enough = bool(report.shape) and report.shape[0] >= MIN_SAMPLES
        if index >= m.first_not_finite or not (node.layer.rectifies and enough and report.dead > DEAD):
            continue
        if m.rms(m.before(index)) == 0:
            continue  # the layers before are at fault
        remedy = _dead_remedy(m, index)
        similar = index > alike or (m.input is not None and m.input.is_similar)
        if remedy is None and (similar or report.dead <= DEAD_FOR_NO_CAUSE):
            continue  # where samples are alike, a unit is 0 for all or for none
        remedy = remedy or "its input is negative: centre it, or use LeakyReLU in its place"
        detail = f"{report.dead:.0%} of the units are 0 for every sample, and learn nothing"
        yield Finding(index, "dead_units", f"{detail}: {remedy}")


def _dead_remedy(m: Measurements, index: int) -> str | None:
    """What to change for dead units; None where no bias, weight or threshold is the cause.

    A bias of both signs, or one that a larger weight would outweigh, makes samples alike instead.
    """
    layers = [i for i in m.learning if i < index]
    before = m.rms(m.before(index))
    bias = dominant_bias(m, layers[-1:])
    if bias is not None:
        negative = bias_mean(m, bias) < -ONE_SIGN * before
        small = worst_weight(m, layers[-1:], "larger") and not _outweighs(m, bias, layers[-1:])
        return None if small or not negative else f"draw the bias of {m.nodes[bias].name} by zeros"
    if m.nodes[index].type in SHRINKS:
        lambd = getattr(m.nodes[index].layer, "lambd", 0.5)
        return f"its input of size {figure(before)} is mostly below its lambd {lambd:g}: lower lambd"
    one = one_signed_weight(m, layers[-1:])
    if one is not None:
        return f"the weight of {m.nodes[one.index].name} has the mean {figure(one.mean, 3)}: draw it around 0"
    return None


def _outweighs(m: Measurements, bias: int, layers: list[int]) -> bool:
    """Whether a bias makes its layer's output even with the recommended gain of all weights before it."""
    own = weight_gain(m, bias)
    if own is None:
        return False
    signal = m.rms(m.before(bias)) * own.gain
    for one in (weight_gain(m, i) for i in layers if i <= bias):
        if one is not None and one.is_off("larger"):
            signal *= one.target / one.gain if one.gain > 0 else math.inf
    return bias_size(m, bias) > DOMINANT * math.hypot(signal, bias_size(m, bias))


def find_saturation(m: Measurements) -> Iterator[Finding]:
    """Every layer most of whose outputs are near a bound."""
    for index, report in enumerate(m.reports[: m.first_not_finite]):
        if report.saturated is None or report.saturated <= SATURATED:
            continue
        layers = [i for i in m.learning if i <= index]
        worst = worst_weight(m, layers[-1:], "smaller")
        if worst is None and has_far_input(m):
            continue
        detail = f"{report.saturated:.0%} of the outputs are near a bound, where the slope is nearly 0"
        yield Finding(index, "saturation", f"{detail}: {_saturation_remedy(m, index, layers)}")


def _saturation_remedy(m: Measurements, index: int, layers: list[int]) -> str:
    bias = dominant_bias(m, layers[-1:])
    if bias is not None:
        return f"draw the bias of {m.nodes[bias].name} by zeros"
    worst = worst_weight(m, layers[-1:], "smaller") or worst_weight(m, layers, "smaller")
    if worst is not None:
        return weight_remedy(m, worst)
    for i in reversed(layers):
        name = recurrent_weight(m, i)
        if name is not None:
            return f"draw {name} of {m.nodes[i].name} by xavier_uniform"
    return f"its input has the size {figure(m.rms(m.before(index)), 3)}: put a LayerNorm before it"


def find_collapse(m: Measurements) -> Iterator[Finding]:
    """The first hidden layer with a matrix whose samples look alike, if those of the input do not.

    Functions with positive outputs, such as Sigmoid, add a mean that the next bias can take away.
    """
    if m.input is not None and (m.input.is_similar or not m.input.finite):
        return
    end = min(len(m.nodes) if m.head is None else m.head, m.first_not_finite)
    for index, report in enumerate(m.reports[:end]):
        features = math.prod(report.shape[1:])
        if report.similarity is None or features < MIN_FEATURES or not report.similarity > SIMILAR:
            continue
        if m.averages(index) and not m.nodes[index].scope:
            return  # it averages away what the input's places differ in, which is noise
        if index not in m.learning or report.shape[0] < COLLAPSE_SAMPLES or _differs_in_sum(m, index):
            continue
        rank = "" if report.effective_rank is None else f", effective rank {figure(report.effective_rank, 3)}"
        detail = f"all samples look alike from here on (mean cosine {figure(report.similarity, 4)}{rank})"
        yield Finding(index, "rank_collapse", f"{detail}: {_collapse_remedy(m, index)}")
        return


def _differs_in_sum(m: Measurements, index: int) -> bool:
    """Whether a layer is in a Residual whose own samples differ."""
    total = m.sums[index]
    similarity = None if total is None else m.reports[total].similarity
    return similarity is not None and not similarity > SIMILAR


def _collapse_remedy(m: Measurements, index: int) -> str:
    layers = [i for i in m.learning if i <= index]
    one = one_signed_weight(m, layers)
    if one is not None:
        name = m.nodes[one.index].name
        mean = figure(one.mean, 3)
        return f"the weight of {name} has the mean {mean}, which adds the same to all: draw it around 0"
    bias = dominant_bias(m, layers)
    worst = worst_weight(m, layers, "larger")
    if bias is not None and worst is not None and not _outweighs(m, bias, layers):
        return f"its signal is smaller than its bias: {weight_remedy(m, worst)}"
    if bias is not None:
        return f"draw the bias of {m.nodes[bias].name} by zeros"
    return depth_remedy(m, layers)
