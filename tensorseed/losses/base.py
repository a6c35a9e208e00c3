"""Base class of losses: options, tensors, checks, value and denominator.

Nothing here imports torch before a loss is computed, so that the service starts without it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from tensorseed.errors import TooLargeError
from tensorseed.spec.catalog.descriptions import docstring
from tensorseed.spec.limits import Limits
from tensorseed.spec.numbers import EXACT

if TYPE_CHECKING:
    import torch

Reduction = Literal["none", "mean", "sum"]
Numbers = Literal["floating", "integer", "either"]

Positive = Annotated[float, Field(gt=0), EXACT]
NonNegative = Annotated[float, Field(ge=0), EXACT]
Share = Annotated[float, Field(ge=0, le=1), EXACT]
Index = Annotated[int, Field(ge=-(1 << 63), le=(1 << 63) - 1)]

LABELS = ("Formula", "Source", "Denominator", "Empty")


class Argument(NamedTuple):
    """A tensor that a loss takes. `shape` is in words; the letters are explained by the loss's formula.

    `numbers` is floating, integer (int64), or either. `differentiable` says whether torch has a gradient
    for it.
    """

    name: str
    shape: str
    numbers: Numbers = "floating"
    optional: bool = False
    differentiable: bool = True


class Expectation(NamedTuple):
    """The output of a network that knows nothing, for one loss, and the formula of the loss that follows."""

    output: float
    formula: str


Arguments = tuple[Argument, ...]
Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
Tensors = Mapping[str, "torch.Tensor"]


def reduction_field() -> Reduction:
    """The option that nearly every loss has."""
    field: Reduction = Field(
        default="mean",
        description="none gives every loss, sum their sum, mean that sum over the denominator.",
        examples=["mean"],
    )
    return field


BYTE_SECONDS = 1e-7  # estimated, to read a byte of a request and compute with it


class Loss(BaseModel, ABC):
    """Base of all losses: the options are the fields, the tensors are declared in `arguments`.

    Subclasses start their docstring with one sentence. The catalog takes its labelled lines: `Formula:`,
    `Source:`, `Denominator:` (the divisor of the reduction mean) and `Empty:` (the loss if that is 0).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)

    kind: ClassVar[str]  # torch.nn.functional's
    module: ClassVar[str | None] = None  # the torch.nn class that holds its options, if there is one
    arguments: ClassVar[Arguments]
    takes_class_indices: ClassVar[bool] = False  # a target of indices lacks the input's axis of classes

    @property
    def reduced_by(self) -> str:
        """The reduction; a loss without that option has the mean."""
        return str(getattr(self, "reduction", "mean"))

    @classmethod
    def argument(cls, name: str) -> Argument | None:
        """The declaration of the tensor called `name`, or None."""
        return next((argument for argument in cls.arguments if argument.name == name), None)

    @classmethod
    def function(cls) -> str | None:
        """The qualified name in torch of what computes the loss; None where torch has nothing like it."""
        return f"torch.nn.functional.{cls.kind}"

    @classmethod
    @cache
    def labels(cls) -> dict[str, str]:
        """The docstring's `summary`, `formula`, `source`, `denominator` and `empty`."""
        return docstring(cls, LABELS)

    @classmethod
    def seconds(cls, nbytes: int) -> float:
        """An estimate of the time that a request of so many bytes takes, at most, before it is parsed."""
        return nbytes * BYTE_SECONDS

    def is_integer(self, argument: Argument, shapes: Shapes) -> bool:
        """Whether the JSON numbers of `argument` are integers given the shapes of all tensors."""
        return argument.numbers == "integer"

    def differentiable(self, tensors: Tensors) -> frozenset[str]:
        """The names of the tensors, of those given, for which torch has a gradient."""
        return frozenset(
            name
            for name, tensor in tensors.items()
            if tensor.is_floating_point() and (found := self.argument(name)) and found.differentiable
        )

    def with_parameters(self, tensors: dict[str, torch.Tensor], limits: Limits) -> dict[str, torch.Tensor]:
        """The tensors and the parameters that the loss draws by itself, validated."""
        self.validate_tensors(tensors, limits)
        return tensors

    def validate_tensors(self, tensors: Tensors, limits: Limits) -> None:
        """Check the tensors and the work that they ask for.

        Raises:
            LossError: the tensors do not fit.
            TooLargeError: torch would compute more numbers on the way than the limit.
        """
        self.check(tensors)
        count = max(self.workspace_size(tensors), *map(empty_rows, tensors.values()))
        if count > limits.activations:
            detail = f"{self.kind} would compute {count:,} numbers on the way, the limit is"
            raise TooLargeError(f"{detail} {limits.activations:,}: send a smaller batch")

    @abstractmethod
    def check(self, tensors: Tensors) -> None:
        """Raise LossError, at the argument, where the tensors fit neither the loss nor each other."""

    def value(self, tensors: Tensors) -> torch.Tensor:
        """The loss, reduced. Needs tensors that were checked."""
        import torch

        loss: torch.Tensor = getattr(torch.nn.functional, self.kind)(**tensors, **self.options())
        return loss

    def run(self, tensors: Tensors) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The loss, and whatever else torch answers beside it, by name."""
        return self.value(tensors), {}

    def denominator(self, tensors: Tensors) -> float | None:
        """What the reduction divided the sum of the losses by: 1 for a sum, None where nothing is reduced."""
        match self.reduced_by:
            case "none":
                return None
            case "sum":
                return 1.0
        return self.count(tensors)

    def count(self, tensors: Tensors) -> float:
        """What the mean divides by: the number of the input's elements, unless a loss says otherwise."""
        return float(tensors["input"].numel())

    @abstractmethod
    def expectation(self, output: Shape) -> Expectation | None:
        """The uninformed output of this shape; None for a loss that has none."""

    def expectation_of_distributions(self, count: int) -> Expectation | None:
        """The uninformed output of a softmax over `count` classes; None where it is that of `expectation`."""
        return None

    def weights_in_words(self, tensors: Tensors) -> str | None:
        """What the mean of an uninformed network's losses is multiplied by; None where no weights do."""
        return None

    def expected_formula(self, formula: str, tensors: Tensors) -> str:
        """The formula of an expected loss, with the weights and the reduction of this loss."""
        value, colon, reason = formula.partition(": ")
        summed, factor = self.reduced_by == "sum", self.weights_in_words(tensors)
        if factor is not None:
            value += f" · {'sum' if summed else 'mean'} of {factor}"
        elif summed and value.startswith("mean of"):
            value = value.replace("mean", "sum", 1)
        elif summed:
            value += f", times {self.count(tensors):g}"
        return value + colon + reason

    def notes(self, tensors: Tensors) -> Iterator[str]:
        """A sentence for each thing that torch computes silently and that is hardly meant."""
        yield from ()

    def workspace_size(self, tensors: Tensors) -> int:
        """The numbers that torch computes on the way, where they can far outnumber the given ones."""
        return 0

    def options(self) -> dict[str, object]:
        """The options as torch's function takes them."""
        return {name: getattr(self, name) for name in type(self).model_fields}


class ComposedLoss(Loss):
    """Base of the losses that torch has no function for, composed of torch's operations."""

    @classmethod
    def function(cls) -> None:
        """torch has no function for any of them."""

    def value(self, tensors: Tensors) -> torch.Tensor:
        """Reduced as torch reduces its losses."""
        each = self.each(tensors)
        match self.reduced_by:
            case "mean":
                return each.mean()
            case "sum":
                return each.sum()
        return each

    @abstractmethod
    def each(self, tensors: Tensors) -> torch.Tensor:
        """The losses, before the reduction."""


def empty_rows(tensor: torch.Tensor) -> int:
    """The rows of a tensor without elements, each of which torch still computes a loss for.

    A loss of shape (N) follows from tensors of shape (N, 0), which take no byte of a file.
    """
    return 0 if tensor.numel() else math.prod(filter(None, tensor.shape))


@dataclass(frozen=True)
class Call:
    """A loss with all that it is computed from, checked. `device` is auto, cpu, cuda or cuda:N."""

    kind: str
    loss: Loss
    tensors: dict[str, torch.Tensor]
    gradients: tuple[str, ...] = ()
    dtype: str = "float32"
    device: str = "auto"
    typed_by: str = "dtype"  # what says the dtype: that option, or the name of a tensor that has its own


@dataclass(frozen=True)
class Result:
    """A computed loss. Tensors are on the CPU, without a graph, in `dtype`.

    `denominator` is None where nothing was reduced. `outputs` are tensors beside the loss, by name.
    """

    loss: torch.Tensor
    denominator: float | None
    reduction: str
    dtype: str
    device: str
    gradients: dict[str, torch.Tensor] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    outputs: dict[str, torch.Tensor] = field(default_factory=dict)
