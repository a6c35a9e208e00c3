"""Warnings of what keeps a network from learning, with a remedy."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from tensorseed.evaluations.chain import Node
from tensorseed.evaluations.report import EvaluationWarning, ExpectedLoss, LayerReport
from tensorseed.spec.layers import Layer
from tensorseed.spec.layers.network_module import LINEAR_INIT

RATIO = 100.0
"""The factor by which a signal may grow or shrink, from the input or back from the last layer."""
DEAD = 0.5
"""The share of units that may be 0 for the whole batch."""
DEAD_SAMPLES = 8
"""The samples that a batch needs for that."""
SATURATED = 0.5
"""The share of elements that may be near a bound."""
SIMILAR = 0.99
"""The mean cosine that samples may have."""
MIN_FEATURES = 4
"""The features below which a cosine says nothing."""
UNEXPECTED = 3.0
"""The factor by which the loss may differ from the one expected of an uninformed network."""


@dataclass(frozen=True)
class LintInput:
    """The measurements of an untrained network."""

    nodes: Sequence[Node]
    modules: Sequence[torch.nn.Module]
    reports: Sequence[LayerReport]
    scale: float | None  # √(mean of input²); None for integers
    similarity: float | None  # of the input's samples
    loss: float | None
    expected: ExpectedLoss | None

    @cached_property
    def learning(self) -> list[int]:
        """The indices of the layers with a matrix, which decide the scale of a signal."""
        return [
            index
            for index, module in enumerate(self.modules)
            if not self.nodes[index].layer.normalizes
            and any(parameter.dim() > 1 for parameter in module.parameters())
        ]

    def remedy(self, index: int) -> str:
        """The init and gain for the last layer with a matrix up to `index`, or for the first one."""
        own = [one for one in self.learning if one <= index] or self.learning[:1]
        if not own:
            return "change its arguments"
        node = self.nodes[own[-1]]
        end = next((one for one in self.learning if one > own[-1]), len(self.nodes))
        following = next((n for n in self.nodes[own[-1] + 1 : end] if n.layer.recommended_init), None)
        init = following.layer.recommended_init if following else LINEAR_INIT
        before = f", which {following.kind} follows" if following else ""
        return f"draw the weight of {node.name}{before}, by {init}"


Rule = Callable[[LintInput], Iterator[tuple[int, str, str]]]


def warnings(findings: LintInput) -> tuple[EvaluationWarning, ...]:
    """One warning for each code, at the first layer that shows it, in the order of the layers."""
    firsts: dict[str, tuple[int, str]] = {}
    more: Counter[str] = Counter()
    found = (one for rule in RULES for one in rule(findings))
    for index, code, detail in sorted(found, key=lambda one: one[0]):
        if code in firsts:
            more[code] += 1
        firsts.setdefault(code, (index, detail))
    return tuple(
        EvaluationWarning(
            layer=findings.nodes[index].name,
            code=code,
            detail=detail + (f" (and so in {more[code]:,} layers more)" if more[code] else ""),
        )
        for code, (index, detail) in firsts.items()
    )


def _symmetric(given: LintInput) -> Iterator[tuple[int, str, str]]:
    """Layers whose units are equal and get equal gradients, and so stay equal."""
    for index in given.learning:
        layer, module = given.nodes[index].layer, given.modules[index]
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
            detail = f"all {same} equal, so {name} stays symmetric while training: {given.remedy(index)}"
            yield index, "symmetric_neurons", detail
            break


def alike(x: torch.Tensor, axis: int) -> bool:
    """Whether all slices along an axis are equal."""
    rows = x.movedim(axis, 0)
    return bool((rows == rows[:1]).all())


def _activations(given: LintInput) -> Iterator[tuple[int, str, str]]:
    """The first layer whose signal is far from that of the input."""
    learning = given.learning
    reference, what = given.scale, "the input's scale"
    if reference is None and learning:
        reference, what = given.reports[learning[0]].std, f"that of {given.nodes[learning[0]].name}"
    if not reference or not math.isfinite(reference):
        return
    ratios = [(index, given.reports[index].std / reference) for index in learning]
    yield from _extremes(
        given, ratios, "activations", f"the deviation of the activations is {{:.2g}} times {what}"
    )


def _gradients(given: LintInput) -> Iterator[tuple[int, str, str]]:
    """The last layer, on the way back, whose gradient is far from the last one's."""
    known = [(index, given.reports[index].gradient_norm) for index in given.learning]
    norms = [(index, norm) for index, norm in known if norm is not None]
    if len(norms) < 2:
        return
    last = norms[-1][1]
    if not last or not math.isfinite(last):
        return
    ratios = [(index, norm / last) for index, norm in reversed(norms)]
    name = given.nodes[norms[-1][0]].name
    yield from _extremes(
        given, ratios, "gradients", f"the norm of the gradient is {{:.2g}} times that at {name}"
    )


def _extremes(
    given: LintInput, ratios: Iterable[tuple[int, float]], what: str, words: str
) -> Iterator[tuple[int, str, str]]:
    """The first ratio that is too small, and the first that is too large."""
    seen: set[str] = set()
    for index, ratio in ratios:
        code = "vanishing" if ratio < 1 / RATIO else "exploding" if ratio > RATIO else None
        if code is None or code in seen or not math.isfinite(ratio):
            continue
        seen.add(code)
        yield index, f"{code}_{what}", f"{words.format(ratio)}: {given.remedy(index)}"


def _dead(given: LintInput) -> Iterator[tuple[int, str, str]]:
    """Every rectifier most of whose units are 0 for the whole batch."""
    for index, (node, report) in enumerate(zip(given.nodes, given.reports, strict=True)):
        enough = bool(report.shape) and report.shape[0] >= DEAD_SAMPLES
        if node.layer.rectifies and enough and report.dead > DEAD:
            detail = f"{report.dead:.0%} of the units are 0 for every sample, and learn nothing"
            yield index, "dead_units", f"{detail}: {given.remedy(index)}, and its bias by zeros"


def _saturation(given: LintInput) -> Iterator[tuple[int, str, str]]:
    """Every layer most of whose outputs are near a bound."""
    for index, report in enumerate(given.reports):
        if report.saturated is not None and report.saturated > SATURATED:
            detail = f"{report.saturated:.0%} of the outputs are near a bound, where the slope is nearly 0"
            yield index, "saturation", f"{detail}: {given.remedy(index)}"


def _collapse(given: LintInput) -> Iterator[tuple[int, str, str]]:
    """The first layer after which all samples look alike, if those of the input do not."""
    if given.similarity is not None and given.similarity > SIMILAR:
        return
    for index, report in enumerate(given.reports):
        features = math.prod(report.shape[1:])
        if report.similarity is None or features < MIN_FEATURES or report.similarity <= SIMILAR:
            continue
        rank = "" if report.effective_rank is None else f", effective rank {report.effective_rank:.3g}"
        detail = f"all samples look alike from here on (mean cosine {report.similarity:.4g}{rank})"
        yield index, "rank_collapse", f"{detail}: {given.remedy(index)}, or normalise before it"
        return


def _loss(given: LintInput) -> Iterator[tuple[int, str, str]]:
    """A loss far from that of an uninformed network."""
    if (
        given.loss is None
        or given.expected is None
        or not math.isfinite(given.loss)
        or not given.expected.value > 0
    ):
        return
    ratio = given.loss / given.expected.value
    if 1 / UNEXPECTED <= ratio <= UNEXPECTED:
        return
    learning = given.learning
    if not learning:
        return
    last = learning[-1]
    expected = f"{given.expected.value:.4g} is expected ({given.expected.formula})"
    detail = f"the loss is {given.loss:.4g}, where {expected}"
    if ratio > 1:
        yield last, "unexpected_loss", f"{detail}: give {given.nodes[last].name} a weight of a smaller scale"
    else:
        yield last, "unexpected_loss", f"{detail}: see that the input does not give the target away"


def late_warnings(nodes: Sequence[Node], steps: Sequence[float]) -> tuple[EvaluationWarning, ...]:
    """The warning of the first step after which the loss is not finite."""
    for step, loss in enumerate(steps, 1):
        if not math.isfinite(loss):
            detail = f"the loss is not finite after step {step}: lower the learning rate"
            return (EvaluationWarning(layer=nodes[-1].name, code="non_finite", detail=detail),)
    return ()


def _non_finite(given: LintInput) -> Iterator[tuple[int, str, str]]:
    """The first layer, or else the loss, with a value that is not finite."""
    for index, report in enumerate(given.reports):
        if not (math.isfinite(report.mean) and math.isfinite(report.std)):
            detail = "its output is not finite: check the input, or draw the weights with a smaller scale"
            yield index, "non_finite", detail
            return
    if given.loss is not None and not math.isfinite(given.loss):
        detail = "the loss is not finite before the first step: check the target"
        yield len(given.nodes) - 1, "non_finite", detail


RULES: tuple[Rule, ...] = (
    _symmetric,
    _activations,
    _gradients,
    _dead,
    _saturation,
    _collapse,
    _loss,
    _non_finite,
)
