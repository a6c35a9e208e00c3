"""Cross entropy of the output of a linear layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from tensorseed.losses.base import (
    Argument,
    Arguments,
    Index,
    Reduction,
    Shape,
    Shapes,
    Share,
    Tensors,
    reduction_field,
)
from tensorseed.losses.checks import blank, fail, has_shape, rank, shape
from tensorseed.losses.classification import (
    CLASS_WEIGHT,
    Logits,
    holds_classes,
    ignore_field,
    smoothing_field,
)
from tensorseed.losses.parameters import ParametricLoss
from tensorseed.spec.layers.base import Count
from tensorseed.spec.limits import Limits

if TYPE_CHECKING:
    import torch

SAMPLES = "(N, F) or (F): samples of F features"


class LinearCrossEntropyLoss(Logits, ParametricLoss):
    """A linear layer and the cross entropy of its output, in one.

    Without linear_weight the layer is drawn, with F inputs and num_classes · ∏ out_features outputs.
    Its weight and bias are the tensors linear.weight and linear.bias of a spec with a Linear called linear.

    Formula: ℓ = cross_entropy(x · Wᵀ + b, y)
    Source: Wijmans et al.: Cut your losses in large-vocabulary language models, ICLR 2025
    Denominator: of classes the number of targets that are not ignore_index, with weight the sum of their
        classes' weights; of probabilities the number of distributions, with weight too
    Empty: where every target is ignored or has weight 0, or there is none, the mean is 0/0 = NaN
    """

    kind: ClassVar[str] = "linear_cross_entropy"
    module: ClassVar[str] = "LinearCrossEntropyLoss"
    always_ignores: ClassVar[bool] = False
    arguments: ClassVar[Arguments] = (
        Argument("input", SAMPLES),
        Argument(
            "target",
            "(N), () or (N, d₁, …): classes from 0 to C − 1; or (N, C), (C) or (N, C, d₁, …): probabilities",
            "either",
        ),
        Argument("linear_weight", "(C, F) or (C, d₁, …, F)", optional=True),
        Argument("linear_bias", "(C) or (C, d₁, …)", optional=True),
        CLASS_WEIGHT,
    )

    reduction: Reduction = reduction_field()
    ignore_index: Index | None = ignore_field(None)
    label_smoothing: Share = smoothing_field()
    num_classes: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="The number of classes C where the layer is drawn.", examples=[10]
    )
    out_features: tuple[Count, ...] = Field(
        default=(), description="Further dimensions d₁, … where the layer is drawn.", examples=[[2, 3]]
    )
    bias: bool = Field(default=False, description="Whether a drawn layer adds a bias.", examples=[False])

    def is_integer(self, argument: Argument, shapes: Shapes) -> bool:
        """Of as many dimensions as the logits, the target holds probabilities."""
        if argument.name != "target":
            return False
        outputs = (
            len(shapes["linear_weight"]) - 1 if "linear_weight" in shapes else 1 + len(self.out_features)
        )
        return holds_classes(shapes["target"], (0,) * (len(shapes["input"]) - 1 + outputs))

    def logits(self, shapes: Shapes) -> Shape:
        """(C), (N, C) or (N, C, d₁, …)."""
        *samples, _ = shapes["input"]
        return (*samples, *shapes["linear_weight"][:-1])

    def with_parameters(self, tensors: dict[str, torch.Tensor], limits: Limits) -> dict[str, torch.Tensor]:
        """The tensors with the layer's, drawn after everything else has been checked."""
        rank(tensors, "input", 1, 2)
        if "linear_weight" in tensors:
            self._refuse_layer()
            self.validate_tensors(tensors, limits)
            return tensors
        if "linear_bias" in tensors:
            raise fail("linear_bias", "linear_bias needs linear_weight: give both, or bias true to draw it")
        if self.num_classes is None:
            detail = "linear_weight is required, or num_classes"
            raise fail("linear_weight", f"{detail}, with which the layer is drawn from seed and init")
        outputs = (self.num_classes, *self.out_features)
        shapes = {"linear_weight": (*outputs, tensors["input"].shape[-1])}
        if self.bias:
            shapes["linear_bias"] = outputs
        self.check_parameter_count(shapes.values(), limits)
        self.validate_tensors(
            tensors | {name: blank(tensors["input"], sizes) for name, sizes in shapes.items()}, limits
        )
        layer = {
            "name": "linear",
            "type": "Linear",
            "in_features": shapes["linear_weight"][-1],
            "out_features": math.prod(outputs),
            "bias": self.bias,
        }
        found = self.draw_parameters(layer, tensors["input"], limits)
        drawn = {name.replace(".", "_"): tensor for name, tensor in found.items()}
        return tensors | {name: drawn[name].reshape(sizes) for name, sizes in shapes.items()}

    def check(self, tensors: Tensors) -> None:
        """A layer that takes the input, and what cross entropy asks for."""
        rank(tensors, "input", 1, 2)
        outputs, sizes = shape(tensors["linear_weight"]), shape(tensors["input"])
        if len(outputs) < 2 or outputs[-1] != sizes[-1]:
            detail = f"linear_weight has the shape {outputs} and input the shape {sizes}"
            raise fail("linear_weight", f"{detail}: give it (C, {sizes[-1]}) or (C, d₁, …, {sizes[-1]})")
        if len(outputs) > 2 and len(sizes) < 2:
            detail = f"input has the shape {sizes}, and outputs of several dimensions need a batch"
            raise fail("input", f"{detail}: give it (N, {sizes[-1]})")
        has_shape(tensors, "linear_bias", outputs[:-1], f"for linear_weight of the shape {outputs}")
        super().check(tensors)

    def workspace_size(self, tensors: Tensors) -> int:
        """The logits."""
        return math.prod(self.logits({name: shape(tensor) for name, tensor in tensors.items()}))

    def options(self) -> dict[str, object]:
        """Those of torch's function: the others draw the layer."""
        return {name: getattr(self, name) for name in ("reduction", "ignore_index", "label_smoothing")}

    def _refuse_layer(self) -> None:
        for name in ("num_classes", "out_features", "bias", "seed", "generator", "init"):
            if name in self.model_fields_set:
                detail = f"{name} says how to draw the layer, and linear_weight is given"
                raise fail(name, f"{detail}: leave one of them out")
