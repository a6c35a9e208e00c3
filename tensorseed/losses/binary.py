"""Binary cross entropies, of one class or of several independent ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from tensorseed.losses.base import (
    Argument,
    Arguments,
    ComposedLoss,
    Expectation,
    Loss,
    NonNegative,
    Reduction,
    Shape,
    Tensors,
    reduction_field,
)
from tensorseed.losses.checks import expands, fail, same_shape, shape, within
from tensorseed.spec.numbers import EXACT

if TYPE_CHECKING:
    import torch

PROBABILITY = Argument("target", "(*), that of input: probabilities")
BALANCED = -1  # the alpha that weighs positives and negatives alike

SCALE = Argument("weight", "any that broadcasts to that of input", optional=True, differentiable=False)


class BCELoss(Loss):
    """The binary cross entropy of probabilities.

    Formula: ℓ = −w · (y · log x + (1 − y) · log(1 − x)), each logarithm at least −100
    Source: Goodfellow, Bengio, Courville: Deep Learning, 2016, section 6.2.2.2
    Denominator: the number of elements, with weight too
    Empty: without elements the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "binary_cross_entropy"
    module: ClassVar[str] = "BCELoss"
    arguments: ClassVar[Arguments] = (Argument("input", "(*), any shape: probabilities"), PROBABILITY, SCALE)

    reduction: Reduction = reduction_field()

    def check(self, tensors: Tensors) -> None:
        """One shape, and probabilities from 0 to 1."""
        same_shape(tensors, "input", "target")
        expands(tensors, "weight", "input")
        remedy = "for logits there is binary_cross_entropy_with_logits"
        within(tensors, "input", 0, 1, f"input must be probabilities, from 0 to 1; {remedy}")
        within(tensors, "target", 0, 1, "target must be probabilities, from 0 to 1")

    def weights_in_words(self, tensors: Tensors) -> str | None:
        """The weights of the elements."""
        return "weight" if "weight" in tensors else None

    def expectation(self, output: Shape) -> Expectation | None:
        """Probabilities of 1/2."""
        return Expectation(0.5, "ln 2: all probabilities are 1/2")


class BCEWithLogitsLoss(Loss):
    """The binary cross entropy of the sigmoid of logits.

    Formula: ℓ = −w · (p · y · log σ(x) + (1 − y) · log(1 − σ(x))), p being pos_weight
    Source: Goodfellow, Bengio, Courville: Deep Learning, 2016, section 6.2.2.2
    Denominator: the number of elements, with weight and pos_weight too
    Empty: without elements the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "binary_cross_entropy_with_logits"
    module: ClassVar[str] = "BCEWithLogitsLoss"
    arguments: ClassVar[Arguments] = (
        Argument("input", "(*), any shape: logits"),
        PROBABILITY,
        SCALE,
        SCALE._replace(name="pos_weight"),
    )

    reduction: Reduction = reduction_field()

    def check(self, tensors: Tensors) -> None:
        """One shape, and target probabilities from 0 to 1."""
        same_shape(tensors, "input", "target")
        expands(tensors, "weight", "input")
        expands(tensors, "pos_weight", "input")
        within(tensors, "target", 0, 1, "target must be probabilities, from 0 to 1")

    def weights_in_words(self, tensors: Tensors) -> str | None:
        """The weights of the elements, and those of their positive parts."""
        positive = "1 + (pos_weight - 1) · target" if "pos_weight" in tensors else None
        if "weight" not in tensors:
            return positive
        return f"weight · ({positive})" if positive else "weight"

    def expectation(self, output: Shape) -> Expectation | None:
        """Outputs of 0."""
        return Expectation(0.0, "ln 2: all logits are 0")


class SigmoidFocalLoss(ComposedLoss):
    """The focal loss of logits: the binary cross entropy, less of what is classified well already.

    Formula: ℓ = a · (1 − q)^gamma · −(y · log σ(x) + (1 − y) · log(1 − σ(x))), q = y · σ(x) + (1 − y) ·
        (1 − σ(x)), a = alpha · y + (1 − alpha) · (1 − y), or 1 where alpha is −1
    Source: torchvision.ops.sigmoid_focal_loss, whose default reduction is none; Lin, Goyal, Girshick, He,
        Dollár: Focal loss for dense object detection, ICCV 2017
    Denominator: the number of elements; detectors take the sum over the number of positives
    Empty: without elements the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "sigmoid_focal_loss"
    arguments: ClassVar[Arguments] = (Argument("input", "(*), any shape: logits"), PROBABILITY)

    alpha: Annotated[float, Field(ge=BALANCED, le=1), EXACT] = Field(
        default=0.25,
        description="The weight of positives, from 0 to 1; that of negatives is 1 − alpha. With −1 both "
        "are 1.",
        examples=[0.25, -1],
    )
    gamma: NonNegative = Field(
        default=2.0, description="How much less the well classified count; with 0 all alike.", examples=[2.0]
    )
    reduction: Reduction = reduction_field()

    def check(self, tensors: Tensors) -> None:
        """One shape, target probabilities from 0 to 1, and an alpha that has a meaning."""
        if self.alpha < 0 and self.alpha != BALANCED:
            raise fail("alpha", "alpha must be from 0 to 1, or -1 for no weights")
        same_shape(tensors, "input", "target")
        within(tensors, "target", 0, 1, "target must be probabilities, from 0 to 1")

    def each(self, tensors: Tensors) -> torch.Tensor:
        """In torchvision's order of operations."""
        import torch

        x, y = tensors["input"], tensors["target"]
        entropy = torch.nn.functional.binary_cross_entropy_with_logits(x, y, reduction="none")
        p = x.sigmoid()
        right = p * y + (1 - p) * (1 - y)
        each = entropy * (1 - right) ** self.gamma
        return each if self.alpha == BALANCED else (self.alpha * y + (1 - self.alpha) * (1 - y)) * each

    def weights_in_words(self, tensors: Tensors) -> str | None:
        """The weights of positives and negatives."""
        return None if self.alpha == BALANCED else "alpha · target + (1 - alpha) · (1 - target)"

    def expectation(self, output: Shape) -> Expectation | None:
        """Outputs of 0."""
        return Expectation(0.0, f"ln 2 / 2^{self.gamma:g}: all logits are 0")


class MultiLabelSoftMarginLoss(Loss):
    """The binary cross entropy of each class with its sigmoid, averaged over the classes.

    Formula: ℓ = −Σ_c w[c] · (y[c] · log σ(x[c]) + (1 − y[c]) · log(1 − σ(x[c]))) / C
    Source: Goodfellow, Bengio, Courville: Deep Learning, 2016, section 6.2.2.2
    Denominator: the number of samples, that is of elements over C
    Empty: without samples, and without classes, the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "multilabel_soft_margin_loss"
    module: ClassVar[str] = "MultiLabelSoftMarginLoss"
    arguments: ClassVar[Arguments] = (
        Argument("input", "(*, C): logits"),
        Argument("target", "(*, C), that of input: probabilities"),
        Argument("weight", "(C), or any that broadcasts to that of input", optional=True),
    )

    reduction: Reduction = reduction_field()

    def check(self, tensors: Tensors) -> None:
        """One shape with at least one dimension, and target probabilities from 0 to 1."""
        if not tensors["input"].ndim:
            raise fail("input", "input has no dimensions: give it (C) or (N, C)")
        same_shape(tensors, "input", "target")
        expands(tensors, "weight", "input")
        within(tensors, "target", 0, 1, "target must be probabilities, from 0 to 1")

    def count(self, tensors: Tensors) -> float:
        """The number of samples."""
        *samples, _ = shape(tensors["input"])
        return float(math.prod(samples))

    def weights_in_words(self, tensors: Tensors) -> str | None:
        """The weights of the classes."""
        return "weight" if "weight" in tensors else None

    def expectation(self, output: Shape) -> Expectation | None:
        """Outputs of 0."""
        return Expectation(0.0, "ln 2: all logits are 0")
