"""Warnings of a network: findings by rule, causes before what follows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from tensorseed.evaluations.findings.finiteness import find_not_finite
from tensorseed.evaluations.findings.inputs import find_input_scale
from tensorseed.evaluations.findings.losses import find_mismatch, find_target_scale, find_unexpected
from tensorseed.evaluations.findings.measurements import Finding, Measurements, Rule
from tensorseed.evaluations.findings.signals import find_activations, find_gradients
from tensorseed.evaluations.findings.symmetry import find_symmetry, find_zero_head
from tensorseed.evaluations.findings.training import find_in_steps
from tensorseed.evaluations.findings.units import find_collapse, find_dead, find_saturation
from tensorseed.evaluations.optimizers import Optimizer
from tensorseed.evaluations.report import EvaluationWarning

RULES: tuple[Rule, ...] = (
    find_input_scale,
    find_symmetry,
    find_zero_head,
    find_activations,
    find_gradients,
    find_dead,
    find_saturation,
    find_collapse,
    find_mismatch,
    find_target_scale,
    find_unexpected,
    find_not_finite,
)
FOLLOWING = {
    "symmetric_neurons": (
        "vanishing_activations",
        "exploding_activations",
        "vanishing_gradients",
        "exploding_gradients",
        "dead_units",
        "rank_collapse",
        "unexpected_loss",
    ),
    "saturation": ("vanishing_gradients", "rank_collapse"),
    "dead_units": ("vanishing_activations", "vanishing_gradients", "rank_collapse"),
}
"""By code: those that follow from it in later layers, and in all of gradients, and that its cure ends too."""


def untrained_findings(m: Measurements) -> list[Finding]:
    """The findings before the first step, by layer, without those that follow from others."""
    found = sorted((one for rule in RULES for one in rule(m)), key=lambda one: one.index)
    return [one for one in found if not any(_follows(one, cause) for cause in found)]


def _follows(one: Finding, cause: Finding) -> bool:
    """Whether a finding follows from another: a function's cause shows at the layer before it already."""
    later = one.index >= cause.index - 1 or one.code.endswith("_gradients")
    return later and one.code in FOLLOWING.get(cause.code, ())


def warnings(
    m: Measurements, found: Iterable[Finding], steps: Sequence[float], optimizer: Optimizer | None
) -> tuple[EvaluationWarning, ...]:
    """One warning for each code of the untrained network's findings and of the steps, at its first layer."""
    return _merged(m, [*found, *find_in_steps(m, steps, optimizer)])


def _merged(m: Measurements, found: Iterable[Finding]) -> tuple[EvaluationWarning, ...]:
    firsts: dict[str, Finding] = {}
    more: Counter[str] = Counter()
    for one in found:
        if one.code in firsts:
            more[one.code] += 1
        firsts.setdefault(one.code, one)
    return tuple(
        EvaluationWarning(
            layer=m.nodes[one.index].name,
            code=code,
            level=one.level,
            detail=one.detail + (f" (and so in {more[code]:,} layers more)" if more[code] else ""),
        )
        for code, one in firsts.items()
    )
