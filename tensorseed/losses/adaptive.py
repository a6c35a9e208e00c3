"""Adaptive softmax: the log-likelihood of many classes in clusters."""

from __future__ import annotations

import re
from functools import partial
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

from pydantic import Field

from tensorseed.errors import LossError
from tensorseed.losses.base import Argument, Arguments, Positive, Tensors
from tensorseed.losses.checks import blank, classes, fail, has_shape, rank, shape
from tensorseed.losses.parameters import ParametricLoss
from tensorseed.spec.json.pointers import pointer
from tensorseed.spec.layers.base import Positive as Size
from tensorseed.spec.layers.base import Slot
from tensorseed.spec.layers.classification import AdaptiveLogSoftmaxWithLoss as Layer
from tensorseed.spec.limits import Limits
from tensorseed.spec.schemes import ArgumentError

if TYPE_CHECKING:
    import torch

LAYER = "loss"  # the layer's name in the spec whose tensors are drawn


class AdaptiveLogSoftmaxWithLoss(ParametricLoss):
    """The negative log-likelihood of a softmax over many classes, sorted by frequency, in clusters.

    Without weights the layer is drawn: its parameters are the tensors loss.head.weight, loss.tail.0.0.weight
    and so on that a spec with an AdaptiveLogSoftmaxWithLoss called loss has. The answer has `output` too,
    each sample's log-likelihood.

    Formula: ℓ = −log softmax(head(x))[y] in the head, else −log softmax(head(x))[cluster of y]
        − log softmax(tail(x))[y]; the loss is their mean
    Source: Grave et al.: Efficient softmax approximation for GPUs, ICML 2017
    Denominator: the number of samples
    Empty: without samples the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "adaptive_log_softmax_with_loss"
    module: ClassVar[str] = "AdaptiveLogSoftmaxWithLoss"
    arguments: ClassVar[Arguments] = (
        Argument("input", "(N, F) or (F): samples of F features"),
        Argument("target", "(N) or (): classes from 0 to n_classes − 1", "integer"),
        Argument("head.weight", "(cutoffs[0] + tails, F)", optional=True),
        Argument("head.bias", "(cutoffs[0] + tails), with head_bias", optional=True),
        Argument("tail.{i}.0.weight", "(Hᵢ, F) with Hᵢ = ⌊F / div_valueⁱ⁺¹⌋", optional=True),
        Argument("tail.{i}.1.weight", "(classes of tail i, Hᵢ)", optional=True),
    )

    n_classes: Annotated[int, Field(ge=2)] = Field(description="The number of classes.", examples=[20])
    cutoffs: tuple[Size, ...] = Field(
        description="The first class of each tail, increasing, below n_classes.", examples=[[5, 10]]
    )
    div_value: Positive = Field(
        default=4.0, description="By how much each tail is narrower than the one before.", examples=[4.0]
    )
    init: dict[str, Any] = Field(
        default_factory=dict,
        description=ParametricLoss.model_fields["init"].description,
        examples=[{"head.weight": "xavier_uniform"}],
    )
    head_bias: bool = Field(default=False, description="Whether the head adds a bias.", examples=[False])

    @classmethod
    def function(cls) -> str:
        """The class: there is no function."""
        return f"torch.nn.{cls.module}"

    @classmethod
    def argument(cls, name: str) -> Argument | None:
        """The weights of all tails have one declaration."""
        return super().argument(re.sub(r"^tail\.(0|[1-9][0-9]{0,4})\.", "tail.{i}.", name, flags=re.ASCII))

    def with_parameters(self, tensors: dict[str, torch.Tensor], limits: Limits) -> dict[str, torch.Tensor]:
        """The tensors with the layer's, drawn after everything else has been checked."""
        rank(tensors, "input", 1, 2)
        slots = self._slots(tensors["input"].shape[-1])
        given = [name for name in tensors if name not in ("input", "target")]
        if given:
            self._check_given(given, slots)
            self.validate_tensors(tensors, limits)
            return tensors
        self.check_parameter_count((slot.shape for slot in slots), limits)
        self.validate_tensors(
            tensors | {slot.name: blank(tensors["input"], slot.shape) for slot in slots}, limits
        )
        layer = {
            "name": LAYER,
            "type": "AdaptiveLogSoftmaxWithLoss",
            "in_features": tensors["input"].shape[-1],
            **{name: getattr(self, name) for name in ("n_classes", "cutoffs", "div_value", "head_bias")},
        }
        drawn = self.draw_parameters(layer, tensors["input"], limits)
        return tensors | {name.removeprefix(f"{LAYER}."): tensor for name, tensor in drawn.items()}

    def check(self, tensors: Tensors) -> None:
        """A class for each sample, and weights of the layer's shapes."""
        rank(tensors, "input", 1, 2)
        sizes = shape(tensors["input"])
        has_shape(tensors, "target", sizes[:-1], f"for input of the shape {sizes}")
        classes(tensors, "target", self.n_classes)
        for slot in self._slots(sizes[-1]):
            has_shape(tensors, slot.name, slot.shape, f"for {sizes[-1]} features and these cutoffs")

    def value(self, tensors: Tensors) -> torch.Tensor:
        """The mean."""
        return self.run(tensors)[0]

    def run(self, tensors: Tensors) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """torch's own computation, on these weights in the place of the module's."""
        import torch

        linear = torch.nn.functional.linear

        def tail(index: int, x: torch.Tensor) -> torch.Tensor:
            narrow = linear(x, tensors[f"tail.{index}.0.weight"])
            return linear(narrow, tensors[f"tail.{index}.1.weight"])

        module = SimpleNamespace(
            head=partial(linear, weight=tensors["head.weight"], bias=tensors.get("head.bias")),
            tail=[partial(tail, index) for index in range(len(self.cutoffs))],
            cutoffs=[*self.cutoffs, self.n_classes],
            shortlist_size=self.cutoffs[0],
            n_classes=self.n_classes,
        )
        forward = torch.nn.AdaptiveLogSoftmaxWithLoss.forward
        output, loss = forward(cast(Any, module), tensors["input"], tensors["target"])
        return loss, {"output": output}

    def count(self, tensors: Tensors) -> float:
        """The number of samples."""
        return float(tensors["target"].numel())

    def workspace_size(self, tensors: Tensors) -> int:
        """The logits, if every sample had a target in the largest cluster."""
        ends = (*self.cutoffs, self.n_classes)
        largest = max(b - a for a, b in pairwise(ends))
        return tensors["target"].numel() * (ends[0] + len(self.cutoffs) + largest)

    def _slots(self, features: int) -> list[Slot]:
        """The layer's parameters."""
        options = {name: getattr(self, name) for name in ("n_classes", "cutoffs", "div_value", "head_bias")}
        layer = Layer(name=LAYER, type="AdaptiveLogSoftmaxWithLoss", in_features=features, **options)
        try:
            return list(layer.slots())
        except ArgumentError as error:
            raise LossError.at(pointer(error.path), str(error)) from None

    def _check_given(self, given: list[str], slots: list[Slot]) -> None:
        """Either all parameters are given, or none, and then nothing says how to draw them."""
        names = {slot.name for slot in slots}
        for name in given:
            if name not in names:
                valid = ", ".join(sorted(names)[:8])
                raise fail(name, f"this layer has no {name}: its parameters are {valid}")
        for name in sorted(names - set(given)):
            raise fail(name, f"{name} is required: give all parameters, or none to have them drawn")
        for name in ("seed", "generator", "init"):
            if name in self.model_fields_set:
                raise fail(name, f"{name} draws the parameters, which are given: leave one of them out")
