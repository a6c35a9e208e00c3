"""The loss of an evaluation: what it is computed from, and what an untrained network would have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from tensorseed.errors import EvaluationError, LossError, UnknownNameError
from tensorseed.evaluations.report import ExpectedLoss
from tensorseed.evaluations.sources import Frame, literal
from tensorseed.evaluations.variants import parts
from tensorseed.losses import LOSSES, Loss, read_options
from tensorseed.losses.parameters import ParametricLoss
from tensorseed.spec.layers.network_module import Shape
from tensorseed.spec.limits import Limits
from tensorseed.spec.suggestions import unknown_name

FITTING = sorted(
    name
    for name, cls in LOSSES.items()
    if {argument.name for argument in cls.arguments if not argument.optional} == {"input", "target"}
    and not issubclass(cls, ParametricLoss)  # which own parameters
)
"""The losses that need nothing but an input and a target."""


@dataclass(frozen=True)
class Objective:
    """A loss, and all that it takes beside the network's output."""

    loss: Loss
    fixed: Mapping[str, torch.Tensor]  # the target, and the optional tensors given

    @property
    def name(self) -> str:
        """The name of the loss."""
        return self.loss.name

    def cast(self, dtype: torch.dtype, device: torch.device) -> Objective:
        """The same with all floating tensors in `dtype`, on `device`."""
        fixed = {
            name: tensor.to(device, dtype if tensor.is_floating_point() else tensor.dtype)
            for name, tensor in self.fixed.items()
        }
        return replace(self, fixed=fixed)

    def tensors(self, output: torch.Tensor) -> dict[str, torch.Tensor]:
        """All that the loss takes, for this output."""
        return {"input": output, **self.fixed}

    def value(self, output: torch.Tensor, dtype: str) -> torch.Tensor:
        """The loss of an output; NaN for one that is not finite and that torch refuses to look at.

        Raises EvaluationError for numbers that the loss cannot take, and where torch has no kernel.
        """
        try:
            return self.loss.value(self.tensors(output))
        except (RuntimeError, ValueError, IndexError) as error:
            if isinstance(error, NotImplementedError) or "not implemented for" in str(error):
                detail = f"torch has no {self.name} for {dtype} here: use float32"
                raise EvaluationError.at("/dtype", detail) from None
            if not bool(output.detach().isfinite().all()):
                return output.sum() * torch.nan
            low, high = output.min().item(), output.max().item()
            detail = f"{self.name} cannot take the network's output, numbers from {low:.4g} to {high:.4g}"
            raise EvaluationError.at("/loss", f"{detail}: {_REMEDIES.get(self.name, _ANOTHER)}") from None

    def denominator(self, output: torch.Tensor) -> float | None:
        """What the loss divided by."""
        return self.loss.denominator(self.tensors(output))

    def expected(self, output: torch.Tensor) -> ExpectedLoss | None:
        """The loss of an output that knows nothing, in float64."""
        shape = tuple(output.shape)
        expectation = self.loss.expectation(shape)
        if expectation is None:
            return None
        neutral = torch.full(shape, expectation.output, dtype=torch.float64)
        own = self.cast(torch.float64, torch.device("cpu"))
        value = float(own.loss.value(own.tensors(neutral)))
        return ExpectedLoss(value=value, formula=expectation.formula)


_ANOTHER = "choose another loss"
_REMEDIES = {
    "binary_cross_entropy": "end the network with Sigmoid, or use binary_cross_entropy_with_logits",
}


def read_loss_class(choice: Any, frame: Frame, raw: dict[str, Any]) -> Loss | None:
    """The loss with its options; None after noting what is wrong with it. `raw` holds the options as sent."""
    name = choice if isinstance(choice, str) else str(choice.name)
    path: tuple[str, ...] = ("loss",) if isinstance(choice, str) else ("loss", "name")
    if name not in LOSSES:
        frame.note(path, unknown_name("loss", name, FITTING))
        return None
    if name not in FITTING:
        needs = " and ".join(argument.name for argument in LOSSES[name].arguments if not argument.optional)
        frame.note(path, f"{name} takes {needs}, where a network has one output and a target: use another")
        return None
    options = {key: value for key, value in raw.items() if LOSSES[name].argument(key) is None}
    try:
        loss = read_options(name, options)
    except (LossError, UnknownNameError) as error:
        for fault in getattr(error, "faults", ()):
            frame.note(("loss", *parts(fault.pointer)), fault.detail)
        return None
    if loss.reduced_by == "none":
        frame.note(("loss", "reduction"), "an evaluation needs one number: use mean or sum")
        return None
    return loss


def target_shape(loss: Loss, output: Shape, *, classes: bool) -> Shape:
    """The shape of a target that does not give its own."""
    if classes and loss.takes_class_indices:
        return output[:-1] if len(output) < 2 else (output[0], *output[2:])
    return output


def takes_integers(loss: Loss, target: Shape, output: Shape) -> bool:
    """Whether a target of this shape holds integers."""
    argument = loss.argument("target")
    assert argument is not None
    return loss.is_integer(argument, {"input": output, "target": target})


def options_of(raw: Any) -> dict[str, Any]:
    """The options of a loss as it was sent."""
    return {key: value for key, value in raw.items() if key != "name"} if isinstance(raw, dict) else {}


def read_extras(loss: Loss, raw: dict[str, Any], frame: Frame) -> dict[str, torch.Tensor]:
    """The optional tensors that the request gives with the loss, such as weight."""
    found = {}
    for argument in loss.arguments:
        if raw.get(argument.name) is None:
            continue
        if argument.name in ("input", "target"):
            frame.note(("loss", argument.name), f"give {argument.name} beside the loss")
            continue
        tensor = literal(argument.name, raw[argument.name], frame, ("loss",), integer=False)
        if tensor is not None:
            found[argument.name] = tensor
    return found


def objective(
    loss: Loss, target: torch.Tensor, extras: dict[str, torch.Tensor], output: Shape, frame: Frame, way: str
) -> Objective | None:
    """The loss with its target, checked against the output's shape; None after noting what does not fit.

    `way` is the field that the target's values come from: data, init or classes.
    """
    made = Objective(loss, {"target": target, **extras})
    share = 1.0 / output[-1] if output else 1.0  # a probability, and together a distribution
    placeholder = torch.full((), share, dtype=torch.float64).expand(output)
    try:
        loss.validate_tensors(made.tensors(placeholder), frame.limits)
    except LossError as error:
        for fault in error.faults:
            frame.note(_place(parts(fault.pointer), way), _own_words(fault.detail))
        return None
    return made


def check_output(objective: Objective, output: torch.Tensor, limits: Limits) -> None:
    """Raise EvaluationError where the untrained network's output is nothing for the loss."""
    if not bool(output.isfinite().all()):
        return
    try:
        objective.loss.validate_tensors(objective.tensors(output), limits)
    except LossError as error:
        detail = error.faults[0].detail.replace("input", "the network's output", 1)
        remedy = _REMEDIES.get(objective.name)
        raise EvaluationError.at("/loss", f"{detail}: {remedy}" if remedy else detail) from None


def _place(path: tuple[Any, ...], way: str) -> tuple[Any, ...]:
    """Where a fault of the loss's arguments stands in the request."""
    if path[:1] == ("target",) and len(path) > 1:
        return ("target", "data", *path[1:]) if way == "data" else ("target", way)
    if path[:1] in ((), ("input",), ("target",)):
        return ("target",)
    return ("loss", *path)


def _own_words(detail: str) -> str:
    """The sentence with the network's output called so."""
    return re.sub(r"\b(that of|and) input\b", r"\1 the output", detail).replace("input has", "the output has")
