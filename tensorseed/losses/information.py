"""Information measures, in bits, nats or decimal digits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tensorseed.losses.base import (
    Argument,
    Arguments,
    ComposedLoss,
    Expectation,
    Reduction,
    Shape,
    Tensors,
    reduction_field,
)
from tensorseed.losses.checks import fail, first, same_shape, shape, within

if TYPE_CHECKING:
    import torch

Base = Literal[2, 10, "e"]

COARSE = 0.01  # how far the sum of a distribution may be from 1 in float16 and bfloat16
FINE = 0.001  # and in wider dtypes


def base_field() -> Base:
    """The option that all have."""
    field: Base = Field(
        default="e",
        description="The base of the logarithm: 2 for bits, e for nats, 10 for digits.",
        examples=[2],
    )
    return field


class Measure(ComposedLoss):
    """Base of the measures, which have one number for each event or distribution."""

    base: Base
    reduction: Reduction

    def in_base(self, nats: torch.Tensor) -> torch.Tensor:
        """Nats in the units of the base."""
        return nats if self.base == "e" else nats / math.log(self.base)

    def expectation(self, output: Shape) -> Expectation | None:
        """None: no output is uninformed."""
        return None


class SelfInformation(Measure):
    """The self-information of an event by its probability.

    Formula: I(p) = −log p, with log 0 = −∞
    Source: Shannon: A mathematical theory of communication, 1948
    Denominator: the number of elements
    Empty: without elements the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "self_information"
    arguments: ClassVar[Arguments] = (Argument("input", "(*), any shape: probabilities"),)

    base: Base = base_field()
    reduction: Reduction = reduction_field()

    def check(self, tensors: Tensors) -> None:
        """Probabilities from 0 to 1."""
        within(tensors, "input", 0, 1, "input must be probabilities, from 0 to 1")

    def each(self, tensors: Tensors) -> torch.Tensor:
        """By the logarithm of the base itself."""
        p = tensors["input"]
        log = {"e": p.log, 2: p.log2, 10: p.log10}[self.base]
        return 0 - log()  # not -log(), which has a sign where p is 1


class Entropy(Measure):
    """The entropy of a distribution, the mean self-information of its events, along the last dimension.

    Formula: H(p) = −Σ_c p[c] · log p[c], with 0 · log 0 = 0
    Source: Shannon: A mathematical theory of communication, 1948
    Denominator: the number of distributions
    Empty: without distributions the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "entropy"
    arguments: ClassVar[Arguments] = (Argument("input", "(C) or (*, C): distributions over C outcomes"),)

    base: Base = base_field()
    reduction: Reduction = reduction_field()

    def check(self, tensors: Tensors) -> None:
        """Distributions."""
        distributions(tensors, "input")

    def each(self, tensors: Tensors) -> torch.Tensor:
        """By torch.special.entr."""
        import torch

        return self.in_base(torch.special.entr(tensors["input"]).sum(-1))

    def count(self, tensors: Tensors) -> float:
        """The number of distributions."""
        return float(math.prod(shape(tensors["input"])[:-1]))


class CrossEntropyOfDistributions(Measure):
    """The cross entropy of two distributions: the mean self-information by the input of the target's events.

    It is the target's entropy plus the Kullback-Leibler divergence of the two, along the last dimension.

    Formula: H(p, q) = −Σ_c p[c] · log q[c], with 0 · log 0 = 0, p the target and q the input
    Source: Goodfellow, Bengio, Courville: Deep Learning, 2016, section 3.13
    Denominator: the number of pairs of distributions
    Empty: without distributions the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "cross_entropy_of_distributions"
    arguments: ClassVar[Arguments] = (
        Argument("input", "(C) or (*, C): the distributions q that are believed"),
        Argument("target", "that of input: the distributions p that are true"),
    )

    base: Base = base_field()
    reduction: Reduction = reduction_field()

    def check(self, tensors: Tensors) -> None:
        """Distributions of one shape."""
        same_shape(tensors, "input", "target")
        distributions(tensors, "input")
        distributions(tensors, "target")

    def each(self, tensors: Tensors) -> torch.Tensor:
        """By torch.xlogy."""
        import torch

        return self.in_base(-torch.xlogy(tensors["target"], tensors["input"]).sum(-1))

    def count(self, tensors: Tensors) -> float:
        """The number of pairs."""
        return float(math.prod(shape(tensors["input"])[:-1]))


def distributions(tensors: Tensors, name: str) -> None:
    """Probabilities that sum to 1 along the last dimension, as nearly as the dtype lets them."""
    tensor = tensors[name]
    sizes = shape(tensor)
    if not sizes or not sizes[-1]:
        raise fail(name, f"{name} has the shape {sizes} and no outcomes: give it (C) or (*, C)")
    within(tensors, name, 0, 1, f"{name} must be probabilities, from 0 to 1")
    allowed = COARSE if tensor.element_size() < 4 else FINE
    sums = tensor.detach().double().sum(-1)
    bad = (sums - 1).abs() > allowed
    if bad.any():
        where = first(bad)
        total = sums[where].item()
        detail = f"each distribution of {name} must sum to 1 within {allowed:g}: this one sums to {total:.6g}"
        raise fail("/".join(map(str, (name, *where))), detail)
