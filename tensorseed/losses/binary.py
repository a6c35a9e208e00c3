"""Binary cross entropies, of one class or of several independent ones."""

from __future__ import annotations

import math
from typing import ClassVar

from tensorseed.losses.base import (
    Argument,
    Arguments,
    Expectation,
    Loss,
    Reduction,
    Shape,
    Tensors,
    reduction_field,
)
from tensorseed.losses.checks import expands, fail, same_shape, shape, within

PROBABILITY = Argument("target", "(*), that of input: probabilities")
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
