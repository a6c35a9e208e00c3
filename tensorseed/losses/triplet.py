"""Triplet losses of an anchor, a positive and a negative."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from tensorseed.losses.base import (
    Argument,
    Arguments,
    Expectation,
    Loss,
    NonNegative,
    Positive,
    Reduction,
    Shape,
    Tensors,
    reduction_field,
)
from tensorseed.losses.checks import fail, same_shape, shape
from tensorseed.spec.numbers import EXACT

if TYPE_CHECKING:
    import torch

TRIPLET: Arguments = (
    Argument("anchor", "(N, D), (D) or (*, D)"),
    Argument("positive", "that of anchor"),
    Argument("negative", "that of anchor"),
)


def _infinite(value: Any) -> Any:
    return math.inf if value == "Infinity" else value


Order = Annotated[
    float,
    Field(ge=0, allow_inf_nan=True),
    BeforeValidator(_infinite),
    EXACT,
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "enum": ["Infinity"]}]}),
]

Distance = Literal["pairwise_distance", "cosine_distance", "squared_euclidean", "manhattan", "chebyshev"]


class Triplet(Loss):
    """Base of the two: tensors of one shape, and as many losses as it has vectors."""

    arguments: ClassVar[Arguments] = TRIPLET

    def check(self, tensors: Tensors) -> None:
        """One shape: torch would broadcast."""
        same_shape(tensors, "anchor", "positive", "negative")

    def count(self, tensors: Tensors) -> float:
        """The number of triplets."""
        return float(math.prod(shape(tensors["anchor"])[:-1]))

    def expectation(self, output: Shape) -> Expectation | None:
        """None: no output is uninformed."""
        return None


def swap_field() -> bool:
    """The option that both have."""
    field: bool = Field(
        default=False,
        description="Whether the distance from positive to negative counts where it is the smaller one.",
        examples=[False],
    )
    return field


class TripletMarginLoss(Triplet):
    """The triplet loss with the distance of a p-norm over the last dimension.

    Formula: ℓ = max(0, d(a, p) − d(a, n) + margin) with d(u, v) = ‖u − v + eps‖ₚ
    Source: Balntas et al.: Learning local feature descriptors with triplets, BMVC 2016
    Denominator: the number of triplets
    Empty: without triplets the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "triplet_margin_loss"
    module: ClassVar[str] = "TripletMarginLoss"

    margin: Positive = Field(default=1.0, description="The required margin.", examples=[1.0])
    p: Order = Field(default=2.0, description="The order of the norm; Infinity is one.", examples=[2.0])
    eps: NonNegative = Field(default=1e-6, description="Keeps the norm from zero.", examples=[1e-6])
    swap: bool = swap_field()
    reduction: Reduction = reduction_field()

    def check(self, tensors: Tensors) -> None:
        """One shape, and for p = Infinity vectors that have a largest element."""
        super().check(tensors)
        check_largest(tensors, wanted=math.isinf(self.p), remedy="choose a finite p")


class TripletMarginWithDistanceLoss(Triplet):
    """The triplet loss with a distance of choice, over the last dimension.

    Formula: ℓ = max(0, d(a, p) − d(a, n) + margin); d(u, v) is pairwise_distance ‖u − v + 10⁻⁶‖₂,
        cosine_distance 1 − cos(u, v), squared_euclidean Σ(u − v)², manhattan Σ|u − v|, chebyshev max|u − v|
    Source: Schroff, Kalenichenko, Philbin: FaceNet, CVPR 2015
    Denominator: the number of triplets
    Empty: without triplets the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "triplet_margin_with_distance_loss"
    module: ClassVar[str] = "TripletMarginWithDistanceLoss"

    distance_function: Distance = Field(
        default="pairwise_distance", description="The distance.", examples=["cosine_distance"]
    )
    margin: Positive = Field(default=1.0, description="The required margin.", examples=[1.0])
    swap: bool = swap_field()
    reduction: Reduction = reduction_field()

    def check(self, tensors: Tensors) -> None:
        """One shape, with a last dimension, and for chebyshev vectors that have a largest element."""
        super().check(tensors)
        if not tensors["anchor"].ndim:
            raise fail("anchor", "anchor has no dimensions: give it (D) or (N, D)")
        wanted = self.distance_function == "chebyshev"
        check_largest(tensors, wanted=wanted, remedy="choose another distance_function")

    def options(self) -> dict[str, object]:
        """The options, with the function that the distance's name stands for."""
        return {**super().options(), "distance_function": distance(self.distance_function)}


def check_largest(tensors: Tensors, *, wanted: bool, remedy: str) -> None:
    """If it is wanted, a vector has a largest element: an empty one has not."""
    sizes = shape(tensors["anchor"])
    if wanted and sizes[-1:] == (0,):
        raise fail("anchor", f"anchor has the shape {sizes}, whose vectors are empty: {remedy}")


def distance(name: Distance) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """The distance of pairs of vectors (*, D) to (*)."""
    import torch

    functions: dict[Distance, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
        "pairwise_distance": torch.nn.functional.pairwise_distance,
        "cosine_distance": lambda u, v: 1 - torch.nn.functional.cosine_similarity(u, v, dim=-1),
        "squared_euclidean": lambda u, v: (u - v).square().sum(-1),
        "manhattan": lambda u, v: (u - v).abs().sum(-1),
        "chebyshev": lambda u, v: (u - v).abs().amax(-1),
    }
    return functions[name]
