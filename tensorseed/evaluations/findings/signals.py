"""Findings on signals and gradients that vanish or explode through depth."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from tensorseed.evaluations.containers import Container
from tensorseed.evaluations.findings.causes import (
    NORMALISE,
    Direction,
    depth_remedy,
    dominant_bias,
    recurrent_weight,
    weight_gain,
    weight_remedy,
    worst_weight,
)
from tensorseed.evaluations.findings.figures import figure
from tensorseed.evaluations.findings.inputs import has_far_input
from tensorseed.evaluations.findings.measurements import Finding, Measurements
from tensorseed.evaluations.findings.norms import norm_off, norm_remedy
from tensorseed.evaluations.findings.symmetry import is_zero_head

RATIO = 100.0
"""The factor by which a signal may grow or shrink, from the input or back from the last layer."""
SHARP = 3.0
"""The factor at one layer without a matrix from which on it is the cause."""
SMALL_HEAD = 0.3
"""The gain below which an output layer is small on purpose, and is no measure of gradients."""


def find_activations(m: Measurements) -> Iterator[Finding]:
    """The first layer whose signal is far from that of the input, or of the last norm."""
    if not m.learning:
        return
    seen: set[str] = set()
    far = has_far_input(m)
    for index, std, reference, what, at in _scales(m):
        ratio = std / reference
        code, direction = _judge(ratio)
        if code is None or code in seen or (code == "vanishing" and _is_small_head(m, index)):
            continue
        if ratio == 0 and m.is_off_by_chance():
            continue
        if std < RATIO and code == "exploding" and far:
            continue
        if std > 1 / RATIO and code == "vanishing" and far:
            continue
        seen.add(code)
        words = f"the deviation of the activations is {figure(ratio)} times {what}"
        remedy = _signal_remedy(m, index, at, direction, ratio)
        yield Finding(index, f"{code}_activations", f"{words}: {remedy}")


def _scales(m: Measurements) -> Iterator[tuple[int, float, float, str, int]]:
    """Every layer that is judged: its deviation, the reference with its name, and where it is judged.

    The reference is that of the input or of the last norm of the branch, or around it. A layer in a Residual
    has at least the deviation of the sum: a branch may begin at 0.
    """
    first = m.learning[0]
    given = m.rms(-1)
    what = "the input's scale"
    if math.isnan(given):
        given, what = m.reports[first].std, f"that of {m.nodes[first].name}"
    learning = set(m.learning)
    references: list[tuple[tuple[str, ...], float, str]] = [((), given, what)]
    for index, node in enumerate(m.nodes[: m.first_not_finite]):
        while node.scope[: len(references[-1][0])] != references[-1][0]:
            references.pop()
        at = m.normalised_at(index) if index in learning else index
        rebases = _rebases(m, index)
        if index in learning and not rebases and (at == index or _is_off(m, at)):
            _, reference, what = references[-1]
            if reference > 0 and math.isfinite(reference):
                yield index, _with_sum(m, index, m.reports[index].std, "std"), reference, what, at
        if rebases:
            references.append((node.scope, m.reports[index].std, f"that of {node.name}"))


def _with_sum(m: Measurements, index: int, own: float, name: str) -> float:
    """The larger of a layer's number and that of the Residual around it."""
    total = m.sums[index]
    outer = None if total is None else getattr(m.reports[total], name)
    return own if outer is None or not outer > own else float(outer)


def _rebases(m: Measurements, index: int) -> bool:
    """Whether a layer gives its output a scale of its own, whatever the input's."""
    return m.is_transformer(index) or (m.is_norm(index) and not _is_off(m, index))


def _is_off(m: Measurements, index: int) -> bool:
    return norm_off(m, [index], "larger") is not None or norm_off(m, [index], "smaller") is not None


def _judge(ratio: float) -> tuple[str | None, Direction]:
    if ratio < 1 / RATIO:
        return "vanishing", "larger"
    return ("exploding" if RATIO < ratio < math.inf else None), "smaller"


def _signal_remedy(m: Measurements, index: int, at: int, direction: Direction, ratio: float) -> str:
    """What to change for a signal at `index` that is too small or too large."""
    layers = [i for i in m.learning if i <= index]
    if direction == "smaller" and (bias := dominant_bias(m, layers)) is not None:
        return f"draw the bias of {m.nodes[bias].name} by zeros"
    worst = worst_weight(m, layers, direction, ratio)
    norm = norm_off(m, range(max(at, m.sums[index] or 0) + 1), direction)
    if norm is not None and (worst is None or worst.distance < math.log(RATIO)):
        return norm_remedy(m, norm, direction)
    if worst is not None:
        return weight_remedy(m, worst)
    for i in layers:
        name = recurrent_weight(m, i)
        if direction == "smaller" and name is not None:
            return f"draw {name} of {m.nodes[i].name} by xavier_uniform, or with a smaller scale"
    sharp = sharpest(m, range(index), direction)
    if sharp is not None:
        return f"most of it comes from {m.nodes[sharp].title}: take it out, or put a LayerNorm after it"
    return depth_remedy(m, layers)


def sharpest(m: Measurements, indices: Iterable[int], direction: Direction) -> int | None:
    """The layer without a matrix that changes the signal most, where it does so by more than `SHARP`."""
    factors: list[tuple[float, int]] = []
    for i in indices:
        before, after = m.rms(m.before(i)), m.rms(i)
        if i not in m.learning and not isinstance(m.nodes[i].layer, Container) and before > 0 and after > 0:
            factors.append((before / after if direction == "larger" else after / before, i))
    return max(factors)[1] if factors and max(factors)[0] > SHARP else None


def find_gradients(m: Measurements) -> Iterator[Finding]:
    """The last layer, on the way back, whose gradient is far from the last one's."""
    judged = list(m.learning)
    if len(judged) > 1 and _is_small_head(m, judged[-1]):
        judged.pop()
    known = [(index, m.reports[m.normalised_at(index)].gradient_norm) for index in judged]
    norms = [(index, _with_sum(m, index, norm, "gradient_norm")) for index, norm in known if norm is not None]
    if len(norms) < 2 or m.first_not_finite < len(m.nodes):
        return
    last = norms[-1][1]
    if not last or not math.isfinite(last):
        return
    name = m.nodes[norms[-1][0]].name
    seen: set[str] = set()
    for index, norm in reversed(norms):
        ratio = norm / last
        code, direction = _judge(ratio * _averaging(m, index))
        if code is None or code in seen or (ratio == 0 and m.is_off_by_chance()):
            continue
        seen.add(code)
        words = f"the norm of the gradient is {figure(ratio)} times that at {name}"
        remedy = _gradient_remedy(m, index, [i for i in judged if i > index], ratio, direction)
        yield Finding(index, f"{code}_gradients", f"{words}: {remedy}")


def _averaging(m: Measurements, index: int) -> float:
    """The factor by which means over places shrink a gradient's norm on the way back to a layer.

    Each of n numbers gets 1/n of a mean's gradient, so that the norm is √n times smaller.
    """
    factor = 1.0
    scope = m.nodes[index].scope
    for i in range(index + 1, len(m.nodes)):
        own = m.nodes[i].scope
        if m.averages(i) and scope[: len(own)] == own and m.before(i) >= 0:
            sizes = math.prod(m.reports[m.before(i)].shape) / math.prod(m.reports[i].shape)
            factor *= math.sqrt(max(sizes, 1.0))
    return factor


def _is_small_head(m: Measurements, index: int) -> bool:
    """Whether a layer is the output layer, and makes its output small by itself."""
    if index != m.head:
        return False
    gain = weight_gain(m, index)
    return is_zero_head(m, index) or (gain is not None and gain.gain < SMALL_HEAD)


def _gradient_remedy(
    m: Measurements, index: int, layers: Sequence[int], ratio: float, direction: Direction
) -> str:
    """What to change for a gradient at `index`, which came back through `layers`."""
    between = range(index + 1, len(m.nodes))
    norm = norm_off(m, between, direction)
    worst = worst_weight(m, layers, direction, ratio)
    if norm is not None and m.is_scale(norm) and (worst is None or worst.distance < math.log(RATIO)):
        return norm_remedy(m, norm, direction)
    if worst is not None:
        return weight_remedy(m, worst)
    if direction == "larger":
        for i in between:
            saturated = m.reports[i].saturated
            if saturated is not None and saturated > 0.5:
                return f"{m.nodes[i].name} is saturated, and passes none back: cure that first"
        if ratio == 0 and m.dtype == "float16":
            return "float16 has no number below 6e-8: take bfloat16 or float32"
        bias = dominant_bias(m, [i for i in m.learning if i <= layers[-1]])
        if bias is not None and any(m.nodes[i].layer.rectifies and m.reports[i].dead > 0.5 for i in between):
            return f"draw the bias of {m.nodes[bias].name} by zeros"
    if norm is not None:
        return norm_remedy(m, norm, direction)
    for i in layers:
        name = recurrent_weight(m, i)
        if direction == "smaller" and name is not None:
            return f"draw {name} of {m.nodes[i].name} by orthogonal, or with a smaller scale"
    return depth_remedy(m, [index, *layers]) if len(layers) else NORMALISE
