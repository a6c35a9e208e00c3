"""Norms of another tensor's slices, as weight normalisation stores them."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tensorseed.sampling import distributions
from tensorseed.sampling.distributions import AnyDistribution, Constant, Normal, Uniform
from tensorseed.sampling.distributions.norms import MAX_TERMS
from tensorseed.spec.numbers import Float64
from tensorseed.spec.schemes.base import ArgumentError, Scale, Scheme, Shape
from tensorseed.spec.schemes.fans import Fans

MAX_AXES = 64  # of a tensor


class WeightNorm(Scheme):
    """The norms of the slices of the tensor beside it: what weight normalisation has as the magnitude.

    Formula: w = √(Σ v²), summed over the axes of `of_shape` that have the size 1 here; v of that shape is the
        tensor whose name ends in `of` in the place of the last component, uniform on [a, b) or N(mean, std²)
    Source: Salimans, Kingma: Weight normalization: a simple reparameterization to accelerate training of deep
        neural networks, NIPS 2016; torch.nn.utils.parametrizations.weight_norm
    """

    kind: Literal["weight_norm"]
    of: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^.{}]+$")] = Field(
        default="original1",
        description="The last component of the name of the tensor whose norms these are.",
        examples=["original1"],
    )
    of_shape: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(max_length=MAX_AXES)] = Field(
        description="The shape of that tensor: this one's, with the true size of the axes that are 1 here.",
        examples=[[64, 32, 3]],
    )
    a: Float64 | None = Field(
        default=None, description="The lower bound of that tensor, if it is uniform.", examples=[-0.1]
    )
    b: Float64 | None = Field(
        default=None, description="The upper bound of that tensor, if it is uniform.", examples=[0.1]
    )
    mean: Float64 = Field(
        default=0.0, description="The mean of that tensor, if it is normal.", examples=[0.0]
    )
    std: Scale | None = Field(
        default=None, description="The deviation of that tensor, if it is normal.", examples=[0.02]
    )

    @model_validator(mode="after")
    def _has_one_distribution(self) -> Self:
        uniform = self.a is not None and self.b is not None
        if uniform == (self.std is not None) or (self.a is None) != (self.b is None):
            raise ValueError("give a and b of a uniform tensor, or std of a normal one")
        if self.a is not None and self.b is not None and self.a > self.b:
            raise ValueError("a is greater than b: give the lower bound as a and the upper one as b")
        return self

    def distribution_for(self, shape: Shape, _fans: Fans | None, /) -> AnyDistribution:
        """WeightNorm(base, of, outer, size, inner).

        Raises:
            ArgumentError: the shapes do not fit, or a slice is too large.
        """
        whole = self.of_shape
        kept = [axis for axis, size in enumerate(shape) if size != 1]
        fits = not shape or (len(shape) == len(whole) and all(shape[axis] == whole[axis] for axis in kept))
        if not fits or len(kept) > 1:
            raise ArgumentError(
                ("of_shape",),
                "of_shape is the shape of this tensor, but for the axes of size 1, and all but one axis have "
                "the size 1 here: give both as torch's weight_norm has them",
            )
        axis = kept[0] if kept else 0
        size = whole[axis] if kept else 1
        outer = math.prod(whole[:axis]) if kept else 1
        inner = math.prod(whole[axis + 1 :]) if kept else math.prod(whole)
        if outer * inner > MAX_TERMS:
            detail = f"a norm is of at most {MAX_TERMS:,} elements, and these are of {outer * inner:,}"
            raise ArgumentError(("of_shape",), f"{detail}: give a smaller shape")
        if 0 in shape or 0 in whole:
            return Constant(0.0)
        return distributions.WeightNorm(self._base(), self.of, outer, size, inner)

    def _base(self) -> Uniform | Normal:
        if self.a is not None and self.b is not None:
            return Uniform(self.a, self.b)
        return Normal(self.mean, self.std or 0.0)
