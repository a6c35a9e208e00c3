"""Cross entropy and negative log-likelihood of one class out of many."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from tensorseed.losses.base import (
    Argument,
    Arguments,
    Expectation,
    Index,
    Loss,
    Reduction,
    Shape,
    Shapes,
    Share,
    Tensors,
    reduction_field,
)
from tensorseed.losses.checks import classes, fail, has_shape, shape, within
from tensorseed.losses.likelihood import above_zero

if TYPE_CHECKING:
    import torch

CLASS_WEIGHT = Argument("weight", "(C), one for each class", optional=True, differentiable=False)

IGNORED = -100  # torch's default


def ignore_field(default: int | None = IGNORED) -> Any:
    """The option of a class that does not count."""
    return Field(
        default=default,
        description="A target that is left out, of the denominator too; any integer.",
        examples=[IGNORED],
    )


def smoothing_field() -> Share:
    """The option of a target that is not quite certain."""
    field: Share = Field(
        default=0.0, description="The share of the target that all classes share.", examples=[0.1]
    )
    return field


def class_axis(name: str, sizes: Shape) -> int:
    """The axis of the classes: the second, or the only one.

    Raises:
        LossError: there is none.
    """
    if not sizes:
        raise fail(name, f"{name} has no dimensions: give it (C), (N, C) or (N, C, d₁, …)")
    return min(len(sizes) - 1, 1)


def without(sizes: Shape, axis: int) -> Shape:
    """The sizes of all other axes."""
    return sizes[:axis] + sizes[axis + 1 :]


def check_indices(tensors: Tensors, sizes: Shape, axis: int, ignored: int, of: str) -> None:
    """The target holds a class, or the ignored one, for each sample of logits that have `sizes`."""
    expected = without(sizes, axis)
    lone = not expected and shape(tensors["target"]) == (1,)
    if not lone:
        has_shape(tensors, "target", expected, f"for classes of {of} with the shape {sizes}")
    classes(tensors, "target", sizes[axis], ignored)


def plain(tensors: Tensors) -> Tensors:
    """The tensors, with the one class of a lone sample without dimensions: torch takes [1] for 1, mostly."""
    target, first = tensors["target"], tensors["input"]
    if target.is_floating_point() or first.ndim > 1 or not target.ndim:
        return tensors
    return {**tensors, "target": target.reshape(())}


def counted(tensors: Tensors, ignored: int) -> float:
    """How many targets are not ignored; with weights the sum of their classes' weights, in float64."""
    target, weight = tensors["target"], tensors.get("weight")
    counted_targets = target != ignored
    if weight is None:
        return float(counted_targets.sum())
    return float(weight.double().index_select(0, target[counted_targets].reshape(-1)).sum())


class NLLLoss(Loss):
    """The negative log-likelihood of the target class; the input holds log-probabilities.

    Formula: ℓ = −w[y] · x[y]
    Source: Goodfellow, Bengio, Courville: Deep Learning, 2016, section 5.5
    Denominator: the number of targets that are not ignore_index; with weight the sum of their classes'
        weights
    Empty: where every target is ignored or has weight 0, or there is none, the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "nll_loss"
    module: ClassVar[str] = "NLLLoss"
    takes_class_indices: ClassVar[bool] = True
    arguments: ClassVar[Arguments] = (
        Argument("input", "(C), (N, C) or (N, C, d₁, …): log-probabilities"),
        Argument("target", "(), (N) or (N, d₁, …): classes from 0 to C − 1", "integer"),
        CLASS_WEIGHT,
    )

    ignore_index: Index = ignore_field()
    reduction: Reduction = reduction_field()

    def check(self, tensors: Tensors) -> None:
        """Shapes that fit, and classes that exist."""
        sizes = shape(tensors["input"])
        axis = class_axis("input", sizes)
        has_shape(tensors, "weight", (sizes[axis],), f"for {sizes[axis]} classes")
        check_indices(tensors, sizes, axis, self.ignore_index, "input")

    def value(self, tensors: Tensors) -> torch.Tensor:
        """As torch computes it, for one class as a list too."""
        return super().value(plain(tensors))

    def count(self, tensors: Tensors) -> float:
        """What is not ignored, weighted."""
        return counted(tensors, self.ignore_index)

    def notes(self, tensors: Tensors) -> Iterator[str]:
        """On numbers that are no log-probabilities."""
        yield from above_zero(tensors, "input")

    def expectation(self, output: Shape) -> Expectation | None:
        """Log-probabilities of −ln C."""
        count = output[class_axis("input", output)]
        return Expectation(-math.log(count), f"ln C for C = {count} classes: all log-probabilities are -ln C")


class Logits(Loss):
    """Base of the cross entropies, whose target holds classes, or with the logits' shape probabilities."""

    always_ignores: ClassVar[bool] = True  # has an ignore_index even if none is given

    ignore_index: int | None
    label_smoothing: float

    @abstractmethod
    def logits(self, shapes: Shapes) -> Shape:
        """The shape of the logits.

        Raises:
            LossError: there are none.
        """

    def differentiable(self, tensors: Tensors) -> frozenset[str]:
        """With probabilities as the target, that and the weights too."""
        weight = {"weight"} & set(tensors) if tensors["target"].is_floating_point() else set()
        return super().differentiable(tensors) | weight

    def check(self, tensors: Tensors) -> None:
        """Shapes that fit, classes that exist, probabilities from 0 to 1."""
        sizes = self.logits({name: shape(tensor) for name, tensor in tensors.items()})
        axis = class_axis("input", sizes)
        has_shape(tensors, "weight", (sizes[axis],), f"for {sizes[axis]} classes")
        if not tensors["target"].is_floating_point():
            check_indices(tensors, sizes, axis, self._ignored(), "logits")
            return
        has_shape(tensors, "target", sizes, f"as probabilities for logits of the shape {sizes}")
        within(tensors, "target", 0, 1, "target must be probabilities, from 0 to 1")
        if self.ignore_index is not None and (self.ignore_index >= 0 or not self.always_ignores):
            detail = "ignore_index has no meaning where target holds probabilities"
            raise fail("ignore_index", f"{detail}: leave it out, or give target as classes")

    def value(self, tensors: Tensors) -> torch.Tensor:
        """As torch computes it, for one class as a list too."""
        return super().value(plain(tensors))

    def count(self, tensors: Tensors) -> float:
        """What is not ignored, weighted; with probabilities the number of distributions."""
        if not tensors["target"].is_floating_point():
            return counted(tensors, self._ignored())
        sizes = shape(tensors["target"])
        return float(math.prod(without(sizes, class_axis("target", sizes))))

    def notes(self, tensors: Tensors) -> Iterator[str]:
        """On probabilities that do not sum to 1."""
        target = tensors["target"]
        if not target.is_floating_point() or not target.numel():
            return
        sums = target.double().sum(class_axis("target", shape(target)))
        if (sums - 1).abs().max() > 0.01:
            yield "the probabilities of target do not sum to 1 over the classes"

    def _ignored(self) -> int:
        return IGNORED if self.ignore_index is None else self.ignore_index


class CrossEntropyLoss(Logits):
    """The cross entropy of the softmax of logits with a class, or with probabilities of all classes.

    Formula: ℓ = −Σ_c w[c] · q[c] · log softmax(x)[c] with q = (1 − label_smoothing) · y +
        label_smoothing / C, y the target's probabilities, or 1 at its class; of a class without
        label_smoothing that is −w[y] · log softmax(x)[y]
    Source: Szegedy et al.: Rethinking the Inception architecture for computer vision, CVPR 2016
    Denominator: of classes the number of targets that are not ignore_index, with weight the sum of their
        classes' weights; of probabilities the number of distributions, with weight too
    Empty: where every target is ignored or has weight 0, or there is none, the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "cross_entropy"
    module: ClassVar[str] = "CrossEntropyLoss"
    takes_class_indices: ClassVar[bool] = True
    arguments: ClassVar[Arguments] = (
        Argument("input", "(C), (N, C) or (N, C, d₁, …): logits"),
        Argument(
            "target",
            "(), (N) or (N, d₁, …): classes from 0 to C − 1; or that of input: probabilities",
            "either",
        ),
        CLASS_WEIGHT,
    )

    ignore_index: Index = ignore_field()
    reduction: Reduction = reduction_field()
    label_smoothing: Share = smoothing_field()

    def is_integer(self, argument: Argument, shapes: Shapes) -> bool:
        """Of as many dimensions as the input, the target holds probabilities."""
        return argument.name == "target" and holds_classes(shapes["target"], shapes["input"])

    def logits(self, shapes: Shapes) -> Shape:
        """The input itself."""
        return shapes["input"]

    def expectation(self, output: Shape) -> Expectation | None:
        """Logits of 0."""
        count = output[class_axis("input", output)]
        return Expectation(0.0, f"ln C for C = {count} classes: all logits are 0")


def holds_classes(target: Shape, logits: Shape) -> bool:
    """Whether a target of this shape holds classes: it lacks the logits' axis of classes."""
    return len(target) != len(logits) or (target == (1,) and logits != (1,))
