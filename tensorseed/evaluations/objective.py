"""Objective of an evaluation: a loss, its target and its expected value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from tensorseed.errors import EvaluationError, LossError, UnknownNameError
from tensorseed.evaluations.class_axis import TORCH_AXIS, axis_hint
from tensorseed.evaluations.report import ExpectedLoss
from tensorseed.evaluations.sources import ReadContext, literal
from tensorseed.evaluations.variants import parse_pointer
from tensorseed.losses import LOSSES, Loss, read_options
from tensorseed.losses.base import Expectation
from tensorseed.losses.parameters import ParametricLoss
from tensorseed.losses.registry import SPELLINGS
from tensorseed.spec.layers.network_module import Shape
from tensorseed.spec.limits import Limits
from tensorseed.suggestions import unknown_name

FITTING = sorted(
    name
    for name, cls in LOSSES.items()
    if {argument.name for argument in cls.arguments if not argument.optional} == {"input", "target"}
    and not issubclass(cls, ParametricLoss)  # which own parameters
)
"""The losses that need an input and a target only."""

NEAR_ONE = 0.02
"""How far from 1 the probabilities of a softmax may sum, in narrow dtypes too."""


@dataclass(frozen=True)
class Objective:
    """A loss, and its tensors beside the network's output.

    `class_axis` is the axis of the output that holds the classes where that is not torch's, which is 1, for a
    loss of classes. `distribution_axis` is it for every loss.
    """

    loss: Loss
    fixed: Mapping[str, torch.Tensor]  # the target, and the optional tensors given
    class_axis: int | None = None
    distribution_axis: int = -1

    @property
    def kind(self) -> str:
        """The kind of the loss."""
        return self.loss.kind

    def cast(self, dtype: torch.dtype, device: torch.device) -> Objective:
        """The same with all floating tensors in `dtype`, on `device`."""
        fixed = {
            name: tensor.to(device, dtype if tensor.is_floating_point() else tensor.dtype)
            for name, tensor in self.fixed.items()
        }
        return replace(self, fixed=fixed)

    def tensors(self, output: torch.Tensor) -> dict[str, torch.Tensor]:
        """The tensors of the loss for this output, the classes along the axis that torch takes."""
        found = {"input": output, **self.fixed}
        if self.class_axis is not None:
            dims = output.dim()
            moved = {name: found[name] for name in ("input", "target") if found[name].dim() == dims}
            found |= {name: tensor.movedim(self.class_axis, TORCH_AXIS) for name, tensor in moved.items()}
        return found

    def value(self, output: torch.Tensor, dtype: str) -> torch.Tensor:
        """The loss of an output; NaN for one that is not finite where torch refuses it.

        Raises:
            EvaluationError: the loss cannot take the numbers, or torch has no kernel for the dtype.
        """
        try:
            return self.loss.value(self.tensors(output))
        except (RuntimeError, ValueError, IndexError) as error:
            if isinstance(error, NotImplementedError) or "not implemented for" in str(error):
                detail = f"torch has no {self.kind} for {dtype} here: use float32"
                raise EvaluationError.at("/dtype", detail) from None
            if not bool(output.detach().isfinite().all()):
                return output.sum() * torch.nan
            low, high = output.min().item(), output.max().item()
            detail = f"{self.kind} cannot take the network's output, numbers from {low:.4g} to {high:.4g}"
            raise EvaluationError.at("/loss", f"{detail}: {_REMEDIES.get(self.kind, _ANOTHER)}") from None

    def denominator(self, output: torch.Tensor) -> float | None:
        """The denominator of the loss."""
        return self.loss.denominator(self.tensors(output))

    def _expectation_shape(self, output: torch.Tensor) -> Shape:
        """The shape of the output with the axis of its distributions where the loss expects it."""
        if self.loss.takes_class_indices or not output.dim():
            return tuple(self.tensors(output)["input"].shape)
        return tuple(output.movedim(self.distribution_axis, -1).shape)

    def _expectation(self, output: torch.Tensor) -> Expectation | None:
        """The uninformed output; of probabilities it is another where they are those of a softmax."""
        if output.dim() > 1:
            axis = self.distribution_axis
            found = self.loss.expectation_of_distributions(output.shape[axis])
            if found is not None and bool((output.double().sum(axis) - 1).abs().max() < NEAR_ONE):
                return found
        return self.loss.expectation(self._expectation_shape(output))

    def expected(self, output: torch.Tensor) -> ExpectedLoss | None:
        """The expected loss of an uninformed output, in float64."""
        expectation = self._expectation(output)
        if expectation is None:
            return None
        neutral = torch.full(output.shape, expectation.output, dtype=torch.float64)
        own = self.cast(torch.float64, torch.device("cpu"))
        tensors = own.tensors(neutral)
        value = float(own.loss.value(tensors))
        return ExpectedLoss(value=value, formula=own.loss.expected_formula(expectation.formula, tensors))


_ANOTHER = "choose another loss"
_PROBABILITIES = "end the network with Sigmoid, or with Softmax over the classes"
_REMEDIES = {
    "binary_cross_entropy": "end the network with Sigmoid, or use binary_cross_entropy_with_logits",
    "dice_loss": _PROBABILITIES,
    "tversky_loss": _PROBABILITIES,
}


def read_loss_class(choice: Any, context: ReadContext, raw: dict[str, Any]) -> Loss | None:
    """The loss with its options; None after adding its faults. `raw` holds the options as sent."""
    sent = choice if isinstance(choice, str) else choice.kind
    name = SPELLINGS.get(sent, sent)
    path: tuple[str, ...] = ("loss",) if isinstance(choice, str) else ("loss", "kind")
    if name not in LOSSES:
        context.note(path, unknown_name("loss", name, FITTING))
        return None
    if name not in FITTING:
        needs = " and ".join(argument.name for argument in LOSSES[name].arguments if not argument.optional)
        context.note(path, f"{name} takes {needs}, where a network has one output and a target: use another")
        return None
    options = {key: value for key, value in raw.items() if LOSSES[name].argument(key) is None}
    try:
        loss = read_options(name, options)
    except (LossError, UnknownNameError) as error:
        for fault in getattr(error, "faults", ()):
            context.note(("loss", *parse_pointer(fault.pointer)), fault.detail)
        return None
    if loss.reduced_by == "none":
        context.note(("loss", "reduction"), "an evaluation needs one number: use mean or sum")
        return None
    return loss


def takes_integers(loss: Loss, target: Shape, output: Shape) -> bool:
    """Whether a target of this shape holds integers."""
    argument = loss.argument("target")
    assert argument is not None
    return loss.is_integer(argument, {"input": output, "target": target})


def options_of(raw: Any) -> dict[str, Any]:
    """The options of a loss as it was sent."""
    return {key: value for key, value in raw.items() if key != "kind"} if isinstance(raw, dict) else {}


def read_extras(loss: Loss, raw: dict[str, Any], context: ReadContext) -> dict[str, torch.Tensor]:
    """The optional tensors that the request gives with the loss, such as weight."""
    found = {}
    for argument in loss.arguments:
        if raw.get(argument.name) is None:
            continue
        if argument.name in ("input", "target"):
            context.note(("loss", argument.name), f"give {argument.name} beside the loss")
            continue
        tensor = literal(argument.name, raw[argument.name], context, ("loss",), integer=False)
        if tensor is not None:
            found[argument.name] = tensor
    return found


def objective(
    loss: Loss,
    target: torch.Tensor,
    extras: dict[str, torch.Tensor],
    output: Shape,
    axis: int,
    context: ReadContext,
    field: str,
) -> Objective | None:
    """The loss with its target, checked against the output's shape; None after adding the faults.

    `axis` is that of the classes, and `field` the one that the target's values come from: data, init or
    classes.
    """
    own = loss.takes_class_indices and len(output) > 1 and axis != TORCH_AXIS
    made = Objective(loss, {"target": target, **extras}, axis if own else None, axis)
    share = 1.0 / output[-1] if output else 1.0  # a probability, and together a distribution
    placeholder = torch.full((), share, dtype=torch.float64).expand(output)
    try:
        loss.validate_tensors(made.tensors(placeholder), context.limits)
    except LossError as error:
        for fault in error.faults:
            place = _place(parse_pointer(fault.pointer), field)
            hint = axis_hint(loss, output, axis) if place[0] == "target" else ""
            context.note(place, _own_words(fault.detail) + hint)
        return None
    return made


def check_output(objective: Objective, output: torch.Tensor, limits: Limits) -> None:
    """Raise EvaluationError where the loss cannot take the untrained network's output."""
    if not bool(output.isfinite().all()):
        return
    try:
        objective.loss.validate_tensors(objective.tensors(output), limits)
    except LossError as error:
        detail = error.faults[0].detail.replace("input", "the network's output", 1)
        remedy = _REMEDIES.get(objective.kind)
        raise EvaluationError.at("/loss", f"{detail}: {remedy}" if remedy else detail) from None


def _place(path: tuple[Any, ...], field: str) -> tuple[Any, ...]:
    """The path in the request of a fault in the loss's arguments."""
    if path[:1] == ("target",) and len(path) > 1:
        return ("target", "data", *path[1:]) if field == "data" else ("target", field)
    if path[:1] in ((), ("input",), ("target",)):
        return ("target",)
    return ("loss", *path)


def _own_words(detail: str) -> str:
    """The sentence, with the network's output in place of `input`."""
    return re.sub(r"\b(that of|and) input\b", r"\1 the output", detail).replace("input has", "the output has")
