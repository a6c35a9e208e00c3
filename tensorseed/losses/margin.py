"""Margin losses of scores, of pairs of vectors and of classes."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from tensorseed.errors import TooLargeError
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
from tensorseed.losses.checks import (
    classes,
    expands,
    fail,
    has_shape,
    not_empty,
    rank,
    same_shape,
    shape,
    signs,
)
from tensorseed.losses.classification import CLASS_WEIGHT
from tensorseed.losses.elementwise import INPUT
from tensorseed.spec.numbers import Float64

SIGNS = Argument("target", "(*), that of input: each 1 or -1", differentiable=False)
MAX_PAIRS = 1 << 33  # of classes compared by one multilabel_margin_loss: some ten seconds
PAIR_SECONDS = 1e-9  # estimated, of one comparison and its gradient
MIN_CLASS_BYTES = 4  # of a score and a class in JSON


def margin_field(default: float) -> float:
    """The option that these losses share."""
    field: float = Field(default=default, description="The required margin.", examples=[default])
    return field


class SoftMarginLoss(Loss):
    """The logistic loss: a smooth margin between a score's side of zero and its target's.

    Formula: ℓ = log(1 + exp(−y · x))
    Source: Friedman, Hastie, Tibshirani: Additive logistic regression, Annals of Statistics 28, 2000
    Denominator: the number of elements
    Empty: without elements the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "soft_margin_loss"
    module: ClassVar[str] = "SoftMarginLoss"
    arguments: ClassVar[Arguments] = (INPUT, SIGNS)

    reduction: Reduction = reduction_field()

    def check(self, tensors: Tensors) -> None:
        """One shape, and targets of 1 or -1."""
        same_shape(tensors, "input", "target")
        signs(tensors, "target")

    def expectation(self, output: Shape) -> Expectation | None:
        """Outputs of 0."""
        return Expectation(0.0, "ln 2: all outputs are 0")


class HingeEmbeddingLoss(Loss):
    """Distances: those of similar pairs are the loss, those of dissimilar ones count below the margin.

    Formula: ℓ = x if y = 1, max(0, margin − x) if y = −1
    Source: compare Hadsell, Chopra, LeCun: Dimensionality reduction by learning an invariant mapping,
        CVPR 2006
    Denominator: the number of elements
    Empty: without elements the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "hinge_embedding_loss"
    module: ClassVar[str] = "HingeEmbeddingLoss"
    arguments: ClassVar[Arguments] = (INPUT, SIGNS._replace(numbers="either"))

    margin: Float64 = margin_field(1.0)
    reduction: Reduction = reduction_field()

    def check(self, tensors: Tensors) -> None:
        """One shape, and targets of 1 or -1."""
        same_shape(tensors, "input", "target")
        signs(tensors, "target")

    def expectation(self, output: Shape) -> Expectation | None:
        """Outputs of 0."""
        return Expectation(0.0, "the loss of outputs that are all 0")


class MarginRankingLoss(Loss):
    """Two scores: the first must be larger by the margin if the target is 1, the second if it is -1.

    Formula: ℓ = max(0, −y · (x₁ − x₂) + margin)
    Source: Herbrich, Graepel, Obermayer: Large margin rank boundaries for ordinal regression, 2000
    Denominator: the number of elements
    Empty: without elements the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "margin_ranking_loss"
    module: ClassVar[str] = "MarginRankingLoss"
    arguments: ClassVar[Arguments] = (
        Argument("input1", "(*), any shape"),
        Argument("input2", "(*), that of input1"),
        Argument("target", "(*), that of input1, or with ones where it repeats: each 1 or -1", "either"),
    )

    margin: Float64 = margin_field(0.0)
    reduction: Reduction = reduction_field()

    def check(self, tensors: Tensors) -> None:
        """One shape, and targets of 1 or -1 that repeat at most."""
        same_shape(tensors, "input1", "input2")
        rank(tensors, "target", tensors["input1"].ndim)
        expands(tensors, "target", "input1")
        signs(tensors, "target")

    def count(self, tensors: Tensors) -> float:
        """The number of pairs."""
        return float(tensors["input1"].numel())

    def expectation(self, output: Shape) -> Expectation | None:
        """None: no output is uninformed."""
        return None


class CosineEmbeddingLoss(Loss):
    """Two vectors: similar pairs must have one direction, dissimilar ones a cosine below the margin.

    Formula: ℓ = 1 − cos(x₁, x₂) if y = 1, max(0, cos(x₁, x₂) − margin) if y = −1
    Source: torch.nn.CosineEmbeddingLoss
    Denominator: the number of pairs of vectors
    Empty: without pairs the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "cosine_embedding_loss"
    module: ClassVar[str] = "CosineEmbeddingLoss"
    arguments: ClassVar[Arguments] = (
        Argument("input1", "(N, D) or (D)"),
        Argument("input2", "that of input1"),
        Argument("target", "(N) or (): each 1 or -1", "either", differentiable=False),
    )

    margin: Float64 = margin_field(0.0)
    reduction: Reduction = reduction_field()

    def check(self, tensors: Tensors) -> None:
        """Vectors of one shape, and a target of 1 or -1 for each pair."""
        rank(tensors, "input1", 1, 2)
        same_shape(tensors, "input1", "input2")
        sizes = shape(tensors["input1"])
        has_shape(tensors, "target", sizes[:-1], f"for vectors of the shape {sizes}")
        signs(tensors, "target")

    def count(self, tensors: Tensors) -> float:
        """The number of pairs."""
        return float(tensors["target"].numel())

    def expectation(self, output: Shape) -> Expectation | None:
        """None: no output is uninformed."""
        return None


class MultiMarginLoss(Loss):
    """The hinge loss of many classes: the target's score must exceed every other by the margin.

    Formula: ℓ = Σ_{c ≠ y} max(0, w[y] · (margin − x[y] + x[c]))ᵖ / C, for p = 2 with w[y] outside the square
    Source: Weston, Watkins: Support vector machines for multi-class pattern recognition, ESANN 1999
    Denominator: the number of samples, with weight too
    Empty: without samples nothing but reduction none is answered: torch's kernel leaves the sum unset
    """

    kind: ClassVar[str] = "multi_margin_loss"
    module: ClassVar[str] = "MultiMarginLoss"
    takes_class_indices: ClassVar[bool] = True
    arguments: ClassVar[Arguments] = (
        Argument("input", "(N, C) or (C): scores"),
        Argument("target", "(N) or (): classes from 0 to C − 1", "integer"),
        CLASS_WEIGHT,
    )

    p: Literal[1, 2] = Field(default=1, description="The power of each violation.", examples=[1])
    margin: Float64 = margin_field(1.0)
    reduction: Reduction = reduction_field()

    def check(self, tensors: Tensors) -> None:
        """Shapes that fit, and classes that exist."""
        sizes = check_scores(tensors, self.reduction)
        has_shape(tensors, "weight", sizes[-1:], f"for {sizes[-1]} classes")
        if sizes[:-1] or shape(tensors["target"]) != (1,):
            has_shape(tensors, "target", sizes[:-1], f"for scores of the shape {sizes}")
        classes(tensors, "target", sizes[-1])

    def count(self, tensors: Tensors) -> float:
        """The number of samples."""
        return float(tensors["target"].numel())

    def expectation(self, output: Shape) -> Expectation | None:
        """Outputs of 0."""
        return Expectation(0.0, "margin^p (C - 1) / C: all outputs are 0")


class MultiLabelMarginLoss(Loss):
    """The hinge loss of several true classes: each one's score must exceed every other by 1.

    Formula: ℓ = Σ_{j true} Σ_{c not true} max(0, 1 − (x[j] − x[c])) / C
    Source: Elisseeff, Weston: A kernel method for multi-labelled classification, NIPS 2001
    Denominator: the number of samples
    Empty: without samples nothing but reduction none is answered: torch's kernel leaves the sum unset
    """

    kind: ClassVar[str] = "multilabel_margin_loss"
    module: ClassVar[str] = "MultiLabelMarginLoss"
    arguments: ClassVar[Arguments] = (
        Argument("input", "(N, C) or (C): scores"),
        Argument(
            "target", "that of input: the true classes, then -1, then anything from -1 to C − 1", "integer"
        ),
    )

    reduction: Reduction = reduction_field()

    @classmethod
    def seconds(cls, nbytes: int) -> float:
        """An estimate for one sample, half of whose classes are true: each is compared with the others."""
        pairs = min((nbytes // MIN_CLASS_BYTES // 2) ** 2, MAX_PAIRS)
        return super().seconds(nbytes) + pairs * PAIR_SECONDS

    def check(self, tensors: Tensors) -> None:
        """One shape, classes that exist, and no more comparisons than can be made in a while."""
        sizes = check_scores(tensors, self.reduction)
        same_shape(tensors, "input", "target")
        classes(tensors, "target", sizes[-1], -1)
        pairs = int((tensors["target"] >= 0).sum()) * sizes[-1]
        if pairs > MAX_PAIRS:
            detail = f"target asks for {pairs:,} comparisons of classes, the limit is {MAX_PAIRS:,}"
            raise TooLargeError(f"{detail}: send fewer samples at a time")

    def count(self, tensors: Tensors) -> float:
        """The number of samples."""
        return float(tensors["input"].shape[0]) if tensors["input"].ndim > 1 else 1.0

    def expectation(self, output: Shape) -> Expectation | None:
        """Outputs of 0."""
        return Expectation(0.0, "the loss of outputs that are all 0")


def check_scores(tensors: Tensors, reduction: Reduction) -> tuple[int, ...]:
    """The shape of the input, which has classes, and samples if they are to be reduced."""
    rank(tensors, "input", 1, 2)
    sizes = shape(tensors["input"])
    if not sizes[-1]:
        raise fail("input", f"input has the shape {sizes} and no classes: give it (C) or (N, C)")
    if reduction != "none":
        not_empty(tensors, "input", "torch reduces no empty batch here, send samples or say none")
    return sizes
