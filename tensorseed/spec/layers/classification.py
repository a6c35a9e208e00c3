"""Losses that own the weights of the layer before them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Context, Decimal, Overflow
from typing import Annotated, Literal

from pydantic import Field

from tensorseed.spec.layers.base import Count, Layer, Positive, Probability, Slot, prefix_slots
from tensorseed.spec.layers.linear import Linear
from tensorseed.spec.numbers import EXACT
from tensorseed.spec.schemes import ArgumentError

_LOSS = "it is a loss and takes a target; name the loss beside the layers"

# Powers of a float as a decimal, correctly rounded on every machine, which a machine's pow is not.
_POWERS = Context(prec=60, traps=[Overflow])


def _linear(part: str, inputs: int, outputs: int, *, bias: bool) -> Iterator[Slot]:
    layer = Linear(name=part, type="Linear", in_features=inputs, out_features=outputs, bias=bias)
    return prefix_slots(part, layer.slots(), "Linear")


class AdaptiveLogSoftmaxWithLoss(Layer):
    """Softmax over many classes, sorted by frequency, and its loss.

    The head holds the frequent classes, each tail a cluster of rarer ones, projected to fewer numbers.

    Formula: log p(y) = log softmax(head x)[y], or log softmax(head x)[tail i] + log softmax(tail_i x)[y]
    Source: Grave et al.: Efficient softmax approximation for GPUs, ICML 2017
    """

    exclusion = _LOSS

    type: Literal["AdaptiveLogSoftmaxWithLoss"]
    in_features: Count = Field(description="Size of each input sample.", examples=[1024])
    n_classes: Annotated[int, Field(ge=2)] = Field(description="Number of classes.", examples=[200000])
    cutoffs: tuple[Positive, ...] = Field(
        description="The first class of each tail, increasing, below n_classes.", examples=[[10000, 50000]]
    )
    div_value: Annotated[float, Field(gt=0), EXACT] = Field(
        default=4.0, description="By how much each tail is narrower than the one before.", examples=[4.0]
    )
    head_bias: bool = Field(default=False, description="Whether the head adds a bias.", examples=[False])

    def slots(self) -> Iterator[Slot]:
        """The head; and by tail its projection and its classes.

        head.weight (cutoffs[0] + len(cutoffs), in_features): kaiming_uniform(a=√5)
        head.bias (cutoffs[0] + len(cutoffs)) if head_bias: uniform(±1/√in_features)
        tail.{i}.0.weight (in_features // div_value ** (i + 1), in_features) if i < len(cutoffs):
            kaiming_uniform(a=√5)
        tail.{i}.1.weight ((*cutoffs, n_classes)[i + 1] - cutoffs[i], in_features // div_value ** (i + 1))
            if i < len(cutoffs): kaiming_uniform(a=√5)
        """
        self._check()
        ends = (*self.cutoffs, self.n_classes)
        tails = len(self.cutoffs)
        yield from _linear("head", self.in_features, ends[0] + tails, bias=self.head_bias)
        for tail in range(tails):
            size = self._size(tail)
            yield from _linear(f"tail.{tail}.0", self.in_features, size, bias=False)
            yield from _linear(f"tail.{tail}.1", size, ends[tail + 1] - ends[tail], bias=False)

    def _check(self) -> None:
        if not self.cutoffs:
            raise ArgumentError(
                ("cutoffs",), "cutoffs needs at least one class: give where the first tail begins"
            )
        for place in range(1, len(self.cutoffs)):
            if self.cutoffs[place] <= self.cutoffs[place - 1]:
                raise ArgumentError(
                    ("cutoffs", place), "cutoffs must increase: sort them, and give each once"
                )
        if self.cutoffs[-1] >= self.n_classes:
            raise ArgumentError(
                ("cutoffs", len(self.cutoffs) - 1),
                f"cutoffs must be below n_classes: give classes up to {self.n_classes - 1}",
            )

    def _size(self, tail: int) -> int:
        """⌊in / div_valueⁱ⁺¹⌋, in float64 as torch computes it."""
        try:
            divisor = float(_POWERS.power(Decimal(self.div_value), tail + 1))
            size = self.in_features // divisor
        except (Overflow, OverflowError, ZeroDivisionError):
            divisor = size = math.inf
        if math.isinf(divisor) or size >= 1 << 63:
            raise ArgumentError(
                ("div_value",), f"the size of tail {tail} overflows: choose a div_value nearer to 1"
            )
        return int(size)


class LinearCrossEntropyLoss(Layer):
    """A linear layer and the cross entropy of its output, in one.

    Formula: loss = cross_entropy(x Wᵀ + b, target)
    Source: torch.nn.LinearCrossEntropyLoss
    """

    exclusion = _LOSS

    type: Literal["LinearCrossEntropyLoss"]
    in_features: Count = Field(description="Size of each input sample.", examples=[768])
    num_classes: Count = Field(description="Number of classes.", examples=[50257])
    out_features: tuple[Count, ...] = Field(
        default=(), description="Further dimensions of the output, behind the classes.", examples=[[2, 3]]
    )
    bias: bool = Field(default=False, description="Whether the layer adds a bias.", examples=[False])
    reduction: Literal["none", "mean", "sum"] = Field(
        default="mean", description="What becomes of the losses of a batch.", examples=["sum"]
    )
    ignore_index: int | None = Field(default=None, description="A class that is left out.", examples=[-100])
    label_smoothing: Probability = Field(
        default=0.0, description="Share of the target that all classes share.", examples=[0.1]
    )

    def slots(self) -> Iterator[Slot]:
        """Those of the linear layer.

        linear.weight (num_classes * prod(out_features), in_features): kaiming_uniform(a=√5)
        linear.bias (num_classes * prod(out_features)) if bias: uniform(±1/√in_features)
        """
        outputs = math.prod(self.out_features, start=self.num_classes)
        yield from _linear("linear", self.in_features, outputs, bias=self.bias)
