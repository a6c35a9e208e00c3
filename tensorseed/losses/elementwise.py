"""Elementwise regression losses."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tensorseed.losses.base import (
    Argument,
    Arguments,
    ComposedLoss,
    Expectation,
    Loss,
    NonNegative,
    Positive,
    Reduction,
    Shape,
    Share,
    Tensors,
    reduction_field,
)
from tensorseed.losses.checks import same_shape

if TYPE_CHECKING:
    import torch

INPUT = Argument("input", "(*), any shape")
TARGET = Argument("target", "(*), that of input")
WEIGHT = Argument("weight", "(*), that of input", optional=True)


class ElementwiseLoss(Loss):
    """Base of the losses of tensors that all have one shape."""

    arguments: ClassVar[Arguments] = (INPUT, TARGET)

    def check(self, tensors: Tensors) -> None:
        """Every tensor has the shape of the input: torch would broadcast, and only warn."""
        same_shape(tensors, "input", *(argument.name for argument in self.arguments[1:]))


class Weighted(ElementwiseLoss):
    """Base of those whose mean is a weighted one."""

    arguments: ClassVar[Arguments] = (INPUT, TARGET, WEIGHT)

    def count(self, tensors: Tensors) -> float:
        """The number of elements, or the sum of the weights as torch sums them."""
        return float(tensors["weight"].sum()) if "weight" in tensors else super().count(tensors)


class L1Loss(Weighted):
    """The mean absolute error.

    Formula: ℓ = w · |x − y|
    Source: Hastie, Tibshirani, Friedman: The Elements of Statistical Learning, 2009, section 10.6
    Denominator: the number of elements, or the sum of weight where it is given
    Empty: without elements, or with weights that are all 0, the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "l1_loss"
    module: ClassVar[str] = "L1Loss"

    reduction: Reduction = reduction_field()

    def expectation(self, output: Shape) -> Expectation | None:
        """Outputs of 0."""
        return Expectation(0.0, "mean of |target|: all outputs are 0")


class MSELoss(Weighted):
    """The mean squared error.

    Formula: ℓ = w · (x − y)²
    Source: Hastie, Tibshirani, Friedman: The Elements of Statistical Learning, 2009, section 10.6
    Denominator: the number of elements, or the sum of weight where it is given
    Empty: without elements, or with weights that are all 0, the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "mse_loss"
    module: ClassVar[str] = "MSELoss"

    reduction: Reduction = reduction_field()

    def expectation(self, output: Shape) -> Expectation | None:
        """Outputs of 0."""
        return Expectation(0.0, "mean of target²: all outputs are 0")


class SmoothL1Loss(ElementwiseLoss):
    """The squared error near zero, the absolute one far away, joined smoothly.

    Formula: ℓ = (x − y)² / (2 · beta) if |x − y| < beta, else |x − y| − beta / 2
    Source: Girshick: Fast R-CNN, ICCV 2015
    Denominator: the number of elements
    Empty: without elements the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "smooth_l1_loss"
    module: ClassVar[str] = "SmoothL1Loss"

    reduction: Reduction = reduction_field()
    beta: NonNegative = Field(
        default=1.0, description="Where the square ends; with 0 this is l1_loss.", examples=[1.0]
    )

    def expectation(self, output: Shape) -> Expectation | None:
        """Outputs of 0."""
        return Expectation(0.0, "the loss of outputs that are all 0")


class HuberLoss(ElementwiseLoss):
    """The squared error near zero, a straight line far away: smooth_l1_loss times delta.

    Formula: ℓ = w · (x − y)² / 2 if |x − y| < delta, else w · delta · (|x − y| − delta / 2)
    Source: Huber: Robust estimation of a location parameter, Annals of Mathematical Statistics 35, 1964
    Denominator: the number of elements, with weight too
    Empty: without elements the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "huber_loss"
    module: ClassVar[str] = "HuberLoss"
    arguments: ClassVar[Arguments] = (INPUT, TARGET, WEIGHT)

    reduction: Reduction = reduction_field()
    delta: Positive = Field(default=1.0, description="Where the square ends.", examples=[1.0])

    def expectation(self, output: Shape) -> Expectation | None:
        """Outputs of 0."""
        return Expectation(0.0, "the loss of outputs that are all 0")


class QuantileLoss(ComposedLoss, Weighted):
    """The quantile or pinball loss, whose smallest mean is at the alpha-quantile of the target.

    Formula: ℓ = w · (alpha · max(0, y − x) + (1 − alpha) · max(0, x − y))
    Source: sklearn.metrics.mean_pinball_loss, whose sample_weight weight is; Koenker, Bassett: Regression
        quantiles, Econometrica 46, 1978
    Denominator: the number of elements, or the sum of weight where it is given
    Empty: without elements, or with weights that are all 0, the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "quantile_loss"

    alpha: Share = Field(
        default=0.5,
        description="The quantile, from 0 to 1; with 0.5 this is half of l1_loss.",
        examples=[0.9],
    )
    reduction: Reduction = reduction_field()

    def each(self, tensors: Tensors) -> torch.Tensor:
        """One branch for each sign; at y = x the gradient is that of y > x."""
        difference = tensors["target"] - tensors["input"]
        above = difference >= 0
        each = self.alpha * difference.where(above, 0) - (1 - self.alpha) * difference.where(~above, 0)
        return tensors["weight"] * each if "weight" in tensors else each

    def value(self, tensors: Tensors) -> torch.Tensor:
        """The weighted mean divides by the sum of the weights, as that of l1_loss."""
        if self.reduction == "mean" and "weight" in tensors:
            return self.each(tensors).sum() / tensors["weight"].sum()
        return super().value(tensors)

    def expectation(self, output: Shape) -> Expectation | None:
        """Outputs of 0."""
        return Expectation(0.0, "the loss of outputs that are all 0")


class LogCoshLoss(ComposedLoss, ElementwiseLoss):
    """The logarithm of the hyperbolic cosine: half of the square near zero, the absolute error far away.

    Formula: ℓ = log cosh(x − y), which is |x − y| − log 2 far away; its slope is tanh(x − y)
    Source: keras.losses.LogCosh, whose reduction none is the mean over the last dimension
    Denominator: the number of elements
    Empty: without elements the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "log_cosh_loss"

    reduction: Reduction = reduction_field()

    def each(self, tensors: Tensors) -> torch.Tensor:
        """By |d| + log(1 + (exp(−2|d|) − 1) / 2), which neither overflows nor cancels near 0."""
        import torch

        size = (tensors["input"] - tensors["target"]).abs()
        return size + torch.log1p(torch.expm1(-2 * size) / 2)

    def expectation(self, output: Shape) -> Expectation | None:
        """Outputs of 0."""
        return Expectation(0.0, "the loss of outputs that are all 0")
