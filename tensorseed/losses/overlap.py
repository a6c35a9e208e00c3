"""Overlap losses of segmentation: Dice and Tversky."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from tensorseed.losses.base import (
    Argument,
    Arguments,
    ComposedLoss,
    Expectation,
    NonNegative,
    Reduction,
    Shape,
    Tensors,
    reduction_field,
)
from tensorseed.losses.checks import fail, same_shape, shape, within
from tensorseed.spec.limits import MAX_AXES

if TYPE_CHECKING:
    import torch

Axes = Annotated[tuple[int, ...], Field(max_length=MAX_AXES)]


class OverlapLoss(ComposedLoss):
    """Base of both: 1 − overlap, of probabilities.

    Denominator: the number of overlaps: of elements along the axes that axis leaves
    Empty: without overlaps the mean is 0/0 = NaN
    """

    arguments: ClassVar[Arguments] = (
        Argument("input", "(*), any shape: probabilities"),
        Argument("target", "(*), that of input: probabilities, or masks of 0 and 1"),
    )

    axis: int | Axes | None = Field(
        default=None,
        description="The axes that are summed over, one or a list: null for all, or [2, 3] for an overlap of "
        "each sample and class of (N, C, H, W).",
        examples=[None, [2, 3], -1],
    )
    smooth: NonNegative = Field(
        default=0.0,
        description="Added above and below the fraction, so that two empty masks overlap wholly.",
        examples=[1.0],
    )
    eps: NonNegative = Field(
        default=1e-7, description="Added below the fraction, against 0/0.", examples=[1e-7, 0.0]
    )
    reduction: Reduction = reduction_field()

    def check(self, tensors: Tensors) -> None:
        """One shape, axes that it has, and probabilities from 0 to 1."""
        same_shape(tensors, "input", "target")
        dims = tensors["input"].ndim
        for axis in self._given_axes():
            if not -dims <= axis < dims:
                known = f"the axes {-dims} to {dims - 1}" if dims else "no axes"
                detail = f"axis has {axis} and input the shape {shape(tensors['input'])} with {known}"
                raise fail("axis", f"{detail}: name axes of it, or leave axis out for all")
        axes = self._axes(dims)
        if len(set(axes)) < len(axes):
            raise fail("axis", f"axis names an axis twice, {list(self._given_axes())}: name each once")
        remedy = "apply a sigmoid, or a softmax over the classes, to logits"
        within(tensors, "input", 0, 1, f"input must be probabilities, from 0 to 1: {remedy}")
        within(tensors, "target", 0, 1, "target must be probabilities, from 0 to 1")

    def _given_axes(self) -> tuple[int, ...]:
        if self.axis is None:
            return ()
        return (self.axis,) if isinstance(self.axis, int) else self.axis

    def _axes(self, dims: int) -> tuple[int, ...]:
        """The axes that are summed over, from the start."""
        return tuple(range(dims)) if self.axis is None else tuple(axis % dims for axis in self._given_axes())

    def total(self, x: torch.Tensor) -> torch.Tensor:
        """The sum over the axes."""
        axes = self._axes(x.ndim)
        return x.sum(axes) if axes else x

    def count(self, tensors: Tensors) -> float:
        """The number of overlaps."""
        sizes = shape(tensors["input"])
        axes = self._axes(len(sizes))
        return float(math.prod(size for axis, size in enumerate(sizes) if axis not in axes))

    def notes(self, tensors: Tensors) -> Iterator[str]:
        """On masks without an element of the class, whose loss is 1 however right the input is."""
        target = tensors["target"]
        if self.smooth == 0 and target.numel() and bool((self.total(target) == 0).any()):
            yield "a target is 0 throughout, so its overlap is 0 whatever the input: give smooth, such as 1"

    def expectation(self, output: Shape) -> Expectation | None:
        """Probabilities of 1/2."""
        return Expectation(0.5, "the loss of probabilities that are all 1/2")

    def expectation_of_distributions(self, count: int) -> Expectation | None:
        """Probabilities of 1/C."""
        return Expectation(1 / count, f"the loss of probabilities that are all 1/C for C = {count} classes")


class DiceLoss(OverlapLoss):
    """The Dice loss of probabilities: 1 less the overlap of input and target over their mean size.

    Formula: ℓ = 1 − (2 · Σ x · y + smooth) / (Σ x + Σ y + smooth + eps), the sums over axis
    Source: keras.losses.Dice, which has no smooth; MONAI's DiceLoss is smooth 1e-5, eps 0 and axis
        [2, …]; Milletari, Navab, Ahmadi: V-Net, 3DV 2016
    """

    kind: ClassVar[str] = "dice_loss"

    def each(self, tensors: Tensors) -> torch.Tensor:
        """One loss for each overlap."""
        x, y = tensors["input"], tensors["target"]
        both = 2 * self.total(x * y)
        return 1 - (both + self.smooth) / (self.total(x) + self.total(y) + self.smooth + self.eps)


class TverskyLoss(OverlapLoss):
    """The Tversky loss of probabilities, which weighs false positives and false negatives apart.

    Formula: ℓ = 1 − (t + smooth) / (t + alpha · Σ x · (1 − y) + beta · Σ (1 − x) · y + smooth + eps),
        t = Σ x · y, the sums over axis
    Source: Salehi, Erdogmus, Gholipour: Tversky loss function for image segmentation using 3D fully
        convolutional deep networks, MLMI 2017; monai.losses.TverskyLoss is smooth 1e-5, eps 0 and axis
        [2, …]; keras.losses.Tversky multiplies the false negatives by its alpha
    """

    kind: ClassVar[str] = "tversky_loss"

    alpha: NonNegative = Field(
        default=0.5, description="The weight of false positives, of the input's alone.", examples=[0.3]
    )
    beta: NonNegative = Field(
        default=0.5,
        description="The weight of false negatives, of the target's alone; with 0.5 twice this is dice_loss.",
        examples=[0.7],
    )

    def each(self, tensors: Tensors) -> torch.Tensor:
        """One loss for each overlap."""
        x, y = tensors["input"], tensors["target"]
        both = self.total(x * y)
        false = self.alpha * self.total(x * (1 - y)) + self.beta * self.total((1 - x) * y)
        return 1 - (both + self.smooth) / (both + false + self.smooth + self.eps)
