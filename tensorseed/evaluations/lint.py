"""What will keep a network from learning, told from its reports: where it shows first, and what to change."""

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
"""From the input to a layer, or back from the last one, a signal may grow or shrink this many times."""
DEAD = 0.5
"""The share of units that may be 0 for the whole batch, in a layer that has that many samples at least:"""
DEAD_SAMPLES = 8
SATURATED = 0.5
"""The share of elements that may lie near a bound."""
SIMILAR = 0.99
"""The mean cosine that samples may have; from so few features on it says nothing:"""
FEW_FEATURES = 4
UNEXPECTED = 3.0
"""The loss may be so many times the one expected of a network that knows nothing, or that part of it."""


@dataclass(frozen=True)
class Findings:
    """What the warnings are told from."""

    nodes: Sequence[Node]
    modules: Sequence[torch.nn.Module]
    reports: Sequence[LayerReport]
    scale: float | None  # √(mean of input²); None for integers
    similarity: float | None  # of the input's samples
    loss: float | None
    expected: ExpectedLoss | None

    @cached_property
    def learning(self) -> list[int]:
        """The places of the layers with a matrix or more: those through which a signal's scale is decided."""
        return [
            place
            for place, module in enumerate(self.modules)
            if not self.nodes[place].layer.normalizes
            and any(parameter.dim() > 1 for parameter in module.parameters())
        ]

    def remedy(self, place: int) -> str:
        """The init that suits the layer at `place`, or the next one with a matrix, with its gain."""
        own = [one for one in self.learning if one <= place] or self.learning[:1]
        if not own:
            return "change its arguments"
        node = self.nodes[own[-1]]
        end = next((one for one in self.learning if one > own[-1]), len(self.nodes))
        following = next((n for n in self.nodes[own[-1] + 1 : end] if n.layer.recommended_init), None)
        init = following.layer.recommended_init if following else LINEAR_INIT
        before = f", which {following.kind} follows" if following else ""
        return f"draw the weight of {node.name}{before}, by {init}"


Rule = Callable[[Findings], Iterator[tuple[int, str, str]]]


def warnings(findings: Findings) -> tuple[EvaluationWarning, ...]:
    """One warning for each code, at the first layer where it shows, in the order of the layers."""
    firsts: dict[str, tuple[int, str]] = {}
    more: Counter[str] = Counter()
    found = (one for rule in RULES for one in rule(findings))
    for place, code, detail in sorted(found, key=lambda one: one[0]):
        if code in firsts:
            more[code] += 1
        firsts.setdefault(code, (place, detail))
    return tuple(
        EvaluationWarning(
            layer=findings.nodes[place].name,
            code=code,
            detail=detail + (f" (and so in {more[code]:,} layers more)" if more[code] else ""),
        )
        for code, (place, detail) in firsts.items()
    )


def _symmetric(f: Findings) -> Iterator[tuple[int, str, str]]:
    """Every layer whose units are equal and get equal gradients: they stay equal for ever."""
    for place in f.learning:
        layer, module = f.nodes[place].layer, f.modules[place]
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
            detail = f"all {same} equal, so {name} stays symmetric while training: {f.remedy(place)}"
            yield place, "symmetric_neurons", detail
            break


def alike(x: torch.Tensor, axis: int) -> bool:
    """Whether all slices along an axis are equal."""
    rows = x.movedim(axis, 0)
    return bool((rows == rows[:1]).all())


def _activations(f: Findings) -> Iterator[tuple[int, str, str]]:
    """The first layer whose signal is far from the input's."""
    learning = f.learning
    reference, what = f.scale, "the input's scale"
    if reference is None and learning:
        reference, what = f.reports[learning[0]].std, f"that of {f.nodes[learning[0]].name}"
    if not reference or not math.isfinite(reference):
        return
    ratios = [(place, f.reports[place].std / reference) for place in learning]
    yield from _extremes(
        f, ratios, "activations", f"the deviation of the activations is {{:.2g}} times {what}"
    )


def _gradients(f: Findings) -> Iterator[tuple[int, str, str]]:
    """The last layer, on the way back, whose gradient is far from the last one's."""
    known = [(place, f.reports[place].gradient_norm) for place in f.learning]
    norms = [(place, norm) for place, norm in known if norm is not None]
    if len(norms) < 2:
        return
    last = norms[-1][1]
    if not last or not math.isfinite(last):
        return
    ratios = [(place, norm / last) for place, norm in reversed(norms)]
    name = f.nodes[norms[-1][0]].name
    yield from _extremes(f, ratios, "gradients", f"the norm of the gradient is {{:.2g}} times that at {name}")


def _extremes(
    f: Findings, ratios: Iterable[tuple[int, float]], what: str, words: str
) -> Iterator[tuple[int, str, str]]:
    """The first ratio that is too small, and the first that is too large."""
    seen: set[str] = set()
    for place, ratio in ratios:
        code = "vanishing" if ratio < 1 / RATIO else "exploding" if ratio > RATIO else None
        if code is None or code in seen or not math.isfinite(ratio):
            continue
        seen.add(code)
        yield place, f"{code}_{what}", f"{words.format(ratio)}: {f.remedy(place)}"


def _dead(f: Findings) -> Iterator[tuple[int, str, str]]:
    """Every rectifier most of whose units are 0 for the whole batch."""
    for place, (node, report) in enumerate(zip(f.nodes, f.reports, strict=True)):
        enough = bool(report.shape) and report.shape[0] >= DEAD_SAMPLES
        if node.layer.rectifies and enough and report.dead > DEAD:
            detail = f"{report.dead:.0%} of the units are 0 for every sample, and learn nothing"
            yield place, "dead_units", f"{detail}: {f.remedy(place)}, and its bias by zeros"


def _saturation(f: Findings) -> Iterator[tuple[int, str, str]]:
    """Every layer most of whose outputs are near a bound."""
    for place, report in enumerate(f.reports):
        if report.saturated is not None and report.saturated > SATURATED:
            detail = f"{report.saturated:.0%} of the outputs are near a bound, where the slope is nearly 0"
            yield place, "saturation", f"{detail}: {f.remedy(place)}"


def _collapse(f: Findings) -> Iterator[tuple[int, str, str]]:
    """The first layer after which all samples look alike, if those of the input do not."""
    if f.similarity is not None and f.similarity > SIMILAR:
        return
    for place, report in enumerate(f.reports):
        features = math.prod(report.shape[1:])
        if report.similarity is None or features < FEW_FEATURES or report.similarity <= SIMILAR:
            continue
        rank = "" if report.effective_rank is None else f", effective rank {report.effective_rank:.3g}"
        detail = f"all samples look alike from here on (mean cosine {report.similarity:.4g}{rank})"
        yield place, "rank_collapse", f"{detail}: {f.remedy(place)}, or normalise before it"
        return


def _loss(f: Findings) -> Iterator[tuple[int, str, str]]:
    """A loss far from that of a network that knows nothing."""
    if f.loss is None or f.expected is None or not math.isfinite(f.loss) or not f.expected.value > 0:
        return
    ratio = f.loss / f.expected.value
    if 1 / UNEXPECTED <= ratio <= UNEXPECTED:
        return
    learning = f.learning
    if not learning:
        return
    last = learning[-1]
    detail = f"the loss is {f.loss:.4g}, where {f.expected.value:.4g} is expected ({f.expected.formula})"
    if ratio > 1:
        yield last, "unexpected_loss", f"{detail}: give {f.nodes[last].name} a weight of a smaller scale"
    else:
        yield last, "unexpected_loss", f"{detail}: see that the input does not give the target away"


def late_warnings(nodes: Sequence[Node], steps: Sequence[float]) -> tuple[EvaluationWarning, ...]:
    """That of the first step after which the loss is not finite."""
    for step, loss in enumerate(steps, 1):
        if not math.isfinite(loss):
            detail = f"the loss is not finite after step {step}: lower the learning rate"
            return (EvaluationWarning(layer=nodes[-1].name, code="non_finite", detail=detail),)
    return ()


def _non_finite(f: Findings) -> Iterator[tuple[int, str, str]]:
    """The first layer, or else the loss, that is not finite."""
    for place, report in enumerate(f.reports):
        if not (math.isfinite(report.mean) and math.isfinite(report.std)):
            detail = "its output is not finite: check the input, or draw the weights with a smaller scale"
            yield place, "non_finite", detail
            return
    if f.loss is not None and not math.isfinite(f.loss):
        detail = "the loss is not finite before the first step: check the target"
        yield len(f.nodes) - 1, "non_finite", detail


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
