"""Elementwise negative log-likelihoods and Kullback-Leibler divergence."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tensorseed.losses.base import (
    Argument,
    Arguments,
    Expectation,
    Loss,
    NonNegative,
    Reduction,
    Shape,
    Tensors,
    reduction_field,
)
from tensorseed.losses.checks import UNBOUNDED, fail, same_shape, shape, within
from tensorseed.losses.elementwise import INPUT, TARGET, ElementwiseLoss

if TYPE_CHECKING:
    import torch


class KLDivLoss(ElementwiseLoss):
    """The Kullback-Leibler divergence, element by element; the input holds log-probabilities.

    Formula: ℓ = y · (log y − x), or eʸ · (y − x) with log_target
    Source: Kullback, Leibler: On information and sufficiency, Annals of Mathematical Statistics 22, 1951
    Denominator: mean: the number of elements; batchmean: the size of the first dimension, which gives the
        divergence of one distribution
    Empty: without elements the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "kl_div"
    module: ClassVar[str] = "KLDivLoss"

    reduction: Literal["none", "mean", "sum", "batchmean"] = Field(
        default="mean",
        description="none gives every element, sum their sum, mean that over all elements, batchmean that "
        "over the batch alone.",
        examples=["batchmean"],
    )
    log_target: bool = Field(
        default=False, description="Whether the target holds log-probabilities too.", examples=[False]
    )

    def check(self, tensors: Tensors) -> None:
        """One shape, and target probabilities from 0 to 1 unless they are logarithms."""
        super().check(tensors)
        if not self.log_target:
            within(
                tensors,
                "target",
                0,
                1,
                "target must be probabilities, from 0 to 1, unless log_target is true",
            )

    def value(self, tensors: Tensors) -> torch.Tensor:
        """By the kernel itself for the mean, of which the function warns every time."""
        if self.reduction != "mean":
            return super().value(tensors)
        import torch

        return torch.kl_div(tensors["input"], tensors["target"], 1, log_target=self.log_target)

    def count(self, tensors: Tensors) -> float:
        """The number of elements, or with batchmean the batch size, 1 for a tensor without dimensions."""
        sizes = shape(tensors["input"])
        if self.reduction == "batchmean":
            return float(sizes[0]) if sizes else 1.0
        return super().count(tensors)

    def notes(self, tensors: Tensors) -> Iterator[str]:
        """On numbers that are no log-probabilities."""
        yield from above_zero(tensors, "input")
        if self.log_target:
            yield from above_zero(tensors, "target")

    def expectation(self, output: Shape) -> Expectation | None:
        """Log-probabilities of −ln C."""
        count = output[-1]
        return Expectation(
            -math.log(count), f"ln C - H(target) for C = {count}: all log-probabilities are -ln C"
        )


def above_zero(tensors: Tensors, name: str) -> Iterator[str]:
    """A note on an argument of log-probabilities that has positive elements."""
    tensor = tensors[name]
    if tensor.numel() and tensor.max() > 0:
        yield f"{name} has positive elements, which are no log-probabilities: give it log_softmax's output"


class PoissonNLLLoss(ElementwiseLoss):
    """The negative log-likelihood of counts under Poisson distributions with the given means.

    Formula: ℓ = eˣ − y · x, or x − y · log(x + eps) without log_input; with full plus Stirling's
        y · log y − y + log(2πy) / 2 where y > 1
    Source: McCullagh, Nelder: Generalized Linear Models, 1989, chapter 6
    Denominator: the number of elements
    Empty: without elements the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "poisson_nll_loss"
    module: ClassVar[str] = "PoissonNLLLoss"

    log_input: bool = Field(
        default=True, description="Whether the input is the logarithm of the mean.", examples=[True]
    )
    full: bool = Field(
        default=False, description="Whether to add Stirling's approximation of log y!.", examples=[False]
    )
    eps: NonNegative = Field(
        default=1e-8, description="Keeps log(0) away where log_input is false.", examples=[1e-8]
    )
    reduction: Reduction = reduction_field()

    def check(self, tensors: Tensors) -> None:
        """One shape, and means that are not negative."""
        super().check(tensors)
        if not self.log_input:
            what = "input must be a mean of at least 0, unless log_input is true"
            within(tensors, "input", 0, UNBOUNDED, what)

    def notes(self, tensors: Tensors) -> Iterator[str]:
        """On targets that are no counts."""
        target = tensors["target"]
        if target.numel() and target.min() < 0:
            yield "target has negative elements, which are no counts: a Poisson variable is at least 0"

    def expectation(self, output: Shape) -> Expectation | None:
        """Logarithms of rates of 0; None without log_input."""
        if not self.log_input:
            return None
        return Expectation(0.0, "1: all logarithms of rates are 0")


class GaussianNLLLoss(Loss):
    """The negative log-likelihood of numbers under normal distributions with given means and variances.

    Formula: ℓ = (log v + (x − y)² / v) / 2 with v = max(var, eps); with full plus log(2π) / 2
    Source: Nix, Weigend: Estimating the mean and variance of the target probability distribution, ICNN 1994
    Denominator: the number of elements
    Empty: without elements the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "gaussian_nll_loss"
    module: ClassVar[str] = "GaussianNLLLoss"
    arguments: ClassVar[Arguments] = (
        INPUT,
        TARGET,
        Argument("var", "that of input, or without its last dimension, or with one dimension of 1, or ()"),
    )

    full: bool = Field(default=False, description="Whether to add the constant term.", examples=[False])
    eps: NonNegative = Field(
        default=1e-6, description="The smallest variance: smaller ones are replaced by it.", examples=[1e-6]
    )
    reduction: Reduction = reduction_field()

    def check(self, tensors: Tensors) -> None:
        """One shape for input and target, a variance of at least 0 that fits them."""
        same_shape(tensors, "input", "target")
        sizes, given = shape(tensors["input"]), shape(tensors["var"])
        differ = [size for size, whole in zip(given, sizes, strict=False) if size != whole]
        one = len(given) == len(sizes) and differ == [1]
        if given not in (sizes, sizes[:-1], ()) and not one:
            detail = f"var has the shape {given} and input the shape {sizes}: give var that shape"
            raise fail("var", f"{detail}, or leave out its last dimension, or make one dimension 1")
        within(tensors, "var", 0, UNBOUNDED, "var must be a variance of at least 0")

    def value(self, tensors: Tensors) -> torch.Tensor:
        """As torch computes it; one variance for all is spread out, as torch does for a number."""
        var = tensors["var"]
        if var.ndim == 0:
            var = var.expand(tensors["input"].shape)
        return super().value({**tensors, "var": var})

    def expectation(self, output: Shape) -> Expectation | None:
        """None: no output is uninformed."""
        return None
