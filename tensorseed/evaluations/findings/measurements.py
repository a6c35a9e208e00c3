"""Measurements of an untrained network, from which findings follow."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import torch

from tensorseed.evaluations.diagnostics import measure_collapse, moments
from tensorseed.evaluations.graph import Node
from tensorseed.evaluations.objective import Objective
from tensorseed.evaluations.report import ExpectedLoss, LayerReport, Level
from tensorseed.spec.resolved import ResolvedTensor

SIMILAR = 0.993
"""The mean cosine from which on samples look alike: they differ by an eighth of their size."""
MIN_SAMPLES = 8
"""The samples below which a unit that is 0 for all says nothing."""
MIN_FEATURES = 4
"""The features below which a cosine says nothing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault or a remark at a layer, by its index."""

    index: int
    code: str
    detail: str
    level: Level = "warning"


class InputMoments(NamedTuple):
    """The input in numbers: finite, its mean and deviation, and the mean cosine between its samples."""

    finite: bool
    mean: float
    std: float
    similarity: float | None
    features: int

    @property
    def rms(self) -> float:
        """√(mean of input²)."""
        return math.hypot(self.mean, self.std)

    @property
    def is_similar(self) -> bool:
        """Whether all samples look alike."""
        return self.similarity is not None and self.features >= MIN_FEATURES and self.similarity > SIMILAR


def input_moments(x: torch.Tensor) -> InputMoments | None:
    """The moments of an input; None of integers."""
    if not x.is_floating_point():
        return None
    mean, std = moments(x)
    features = math.prod(x.shape[1:])
    return InputMoments(bool(x.isfinite().all()), mean, std, measure_collapse(x)[2], features)


@dataclass(frozen=True)
class Measurements:
    """The untrained network, layer by layer, with its loss and the init of every tensor."""

    nodes: Sequence[Node]
    modules: Sequence[torch.nn.Module]
    reports: Sequence[LayerReport]
    tensors: Mapping[str, ResolvedTensor]
    dtype: str
    input: InputMoments | None  # None for integers
    output: torch.Tensor
    objective: Objective | None
    loss: float | None
    expected: ExpectedLoss | None
    gradient_norm: float | None
    memo: dict[tuple[str, int], Any] = field(default_factory=dict)
    """What was computed of a layer, by kind and index."""

    @cached_property
    def learning(self) -> list[int]:
        """The indices of the layers with a matrix, which decide the scale of a signal."""
        return [
            index
            for index, module in enumerate(self.modules)
            if not self.nodes[index].layer.normalizes
            and any(parameter.dim() > 1 for parameter in module.parameters())
        ]

    @cached_property
    def head(self) -> int | None:
        """The layer that gives the output: the last with a matrix, unless a hidden one or a Residual does."""
        if not self.learning:
            return None
        last = self.learning[-1]
        if self.sums[last] is not None:
            return None
        return last if self.loss is not None or self.function_after(last) is None else None

    @cached_property
    def first_not_finite(self) -> int:
        """The index of the first layer with an output that is not finite; the number of layers if none is."""
        bad = (i for i, one in enumerate(self.reports) if not math.isfinite(one.mean + one.std))
        return next(bad, len(self.reports))

    def is_off_by_chance(self) -> bool:
        """Whether a rectifier puts out nothing but 0, of few samples."""
        return any(
            node.layer.rectifies and report.dead == 1 and report.shape[:1] < (MIN_SAMPLES,)
            for node, report in zip(self.nodes, self.reports, strict=True)
        )

    def before(self, index: int) -> int:
        """The layer whose output a layer takes; of several the first, and −1 for the network's input."""
        return self.nodes[index].sources[0]

    @cached_property
    def consumers(self) -> list[int | None]:
        """For each layer the first that takes its output; None for the last."""
        found: list[int | None] = [None] * len(self.nodes)
        for index, node in reversed([*enumerate(self.nodes)]):
            for source in node.sources:
                if source >= 0:
                    found[source] = index
        return found

    @cached_property
    def sums(self) -> list[int | None]:
        """For each layer the outermost Residual that holds it; None outside of all."""
        found: list[int | None] = [None] * len(self.nodes)
        for index, node in enumerate(self.nodes):
            if node.type == "Residual":
                found[node.first : index] = [index] * (index - node.first)
        return found

    def averages(self, index: int) -> bool:
        """Whether a layer takes means over places."""
        return "AvgPool" in self.nodes[index].type or self.nodes[index].type == "Mean"

    def rms(self, index: int) -> float:
        """√(mean of x²) of a layer's output; of its input at −1."""
        if index < 0:
            return math.nan if self.input is None else self.input.rms
        return math.hypot(self.reports[index].mean, self.reports[index].std)

    @cached_property
    def _learns(self) -> frozenset[int]:
        return frozenset(self.learning)

    def onward(self, index: int) -> list[int]:
        """The layers that a layer's output goes through, to the next one with a matrix and with it."""
        found: list[int] = []
        after = self.consumers[index]
        while after is not None:
            found.append(after)
            after = None if after in self._learns else self.consumers[after]
        return found

    def span(self, index: int) -> list[int]:
        """The layers between a layer with a matrix and the next one."""
        return [one for one in self.onward(index) if one not in self._learns]

    def function_after(self, index: int) -> Node | None:
        """The function that follows a layer with a matrix, for which an init is recommended."""
        return next((self.nodes[i] for i in self.span(index) if self.nodes[i].layer.recommended_init), None)

    def is_norm(self, index: int) -> bool:
        """Whether a layer gives its output the deviation 1, times its own weight."""
        return "Norm" in self.nodes[index].type and self.nodes[index].type != "LocalResponseNorm"

    def is_scale(self, index: int) -> bool:
        """Whether a layer multiplies by learned factors, and does nothing else."""
        return self.nodes[index].type == "LayerScale"

    def is_transformer(self, index: int) -> bool:
        """Whether a layer normalises within."""
        return self.nodes[index].type.startswith("Transformer")

    def normalised_at(self, index: int) -> int:
        """Where the signal of a layer is judged: at the norm that follows it, or at itself.

        A norm in a branch is none, since the signal goes around it too.
        """
        scope = self.nodes[index].scope
        for i in self.onward(index):
            own = self.nodes[i].scope
            if (self.is_norm(i) or self.is_transformer(i)) and scope[: len(own)] == own:
                return i
        return index

    def tensor(self, index: int, name: str) -> ResolvedTensor | None:
        """The tensor that a parameter of a layer was drawn from."""
        return self.tensors.get(f"{self.nodes[index].name}.{name}")

    def parameter(self, index: int, name: str) -> torch.Tensor | None:
        """A parameter of a layer, without its gradient."""
        found = getattr(self.modules[index], name, None)
        return found.detach() if isinstance(found, torch.nn.Parameter) else None


Rule = Callable[[Measurements], Iterator[Finding]]
