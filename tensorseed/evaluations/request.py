"""Models of an evaluation request. This module does not import torch."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from tensorseed.evaluations.containers import NetworkEntry
from tensorseed.evaluations.optimizers import AnyOptimizer, Beta
from tensorseed.sampling.dtypes import DTypeName
from tensorseed.spec.layers.base import Positive
from tensorseed.spec.numbers import EXACT, Seed
from tensorseed.spec.rules import Rule
from tensorseed.spec.schemes import Init
from tensorseed.spec.spec import Spec

Sizes = tuple[Annotated[int, Field(ge=0)], ...]

Method = Literal["lsuv"]
METHODS: tuple[Method, ...] = get_args(Method)
"""The methods of calibration."""

_DATA = 'The numbers, as nested lists; NaN and the infinities are the strings "NaN", "Infinity", "-Infinity".'
_SHAPE = "Its shape, the samples first."
_CLASSES = "Integers from 0 to classes − 1, drawn with equal probability."


class Given(BaseModel):
    """A tensor of an evaluation: its numbers, or a shape and what to draw.

    It is drawn by `philox` with the evaluation's seed, whatever the generator of the weights: the tensor that
    /v1/weights gives for a bare Tensor called `input`, or `target`. Classes are ⌊u⌋ of the float64 tensor u
    of that name with `{"kind": "uniform", "a": 0, "b": classes}`. No layer's tensor can have these names,
    which hold no dot.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    data: Any = Field(default=None, description=_DATA, examples=[[[0.5, -1.0], [1.5, "NaN"]]])
    shape: Sizes | None = Field(default=None, description=_SHAPE, examples=[[64, 784]])
    init: Init | None = Field(default=None, description="What fills the shape.", examples=["normal"])
    classes: Positive | None = Field(default=None, description=_CLASSES, examples=[10])


class TargetGiven(Given):
    """The target of an evaluation: a tensor, and the axis of the output that holds the classes."""

    class_axis: int | None = Field(
        default=None,
        description="The axis of the output that holds the classes, of a loss of classes. If left out, the "
        "axis of the last softmax or of the last layer's features: the last one after a Linear, the channels "
        "after a convolution.",
        examples=[-1, 1],
    )


class LossChoice(BaseModel):
    """A loss by its kind, with its options, those of /v1/losses/{kind}."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, defer_build=True)

    kind: str = Field(
        description="A loss of torch.nn.functional that takes an input and a target.",
        examples=["cross_entropy"],
    )


class CalibrationGiven(BaseModel):
    """Scales of the weights that give each layer's output the variance 1 for the input of the evaluation.

    Source: Mishkin and Matas: All you need is a good init, ICLR 2016
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    method: Method = Field(
        description="Layer-sequential unit variance: each weight, in order, is divided by the deviation of "
        "its layer's output.",
        examples=["lsuv"],
    )
    init: Init = Field(
        default="orthogonal",
        description="What weights begin as that have no init of their own, but for those of embeddings.",
        examples=["orthogonal"],
    )
    tolerance: Annotated[float, Field(ge=0.002, le=1.0), EXACT] = Field(
        default=0.01,
        description="How far from 1 the variance of an output may be; 0.1 in the paper.",
        examples=[0.1],
    )
    max_iterations: Annotated[int, Field(ge=1, le=64)] = Field(
        default=10, description="How often one weight is rescaled at most.", examples=[10]
    )


class Variant(BaseModel):
    """What a variant has instead of what the evaluation says."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    label: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="What to call it; what it overrides, such as SGD lr=0.1, if left out. Each label once.",
        examples=["xavier"],
    )
    seed: Seed | None = Field(
        default=None, description="Another seed of the weights; input and target stay.", examples=[7]
    )
    generator: Literal["philox", "torch"] | None = Field(
        default=None, description="Another generator of the weights.", examples=["torch"]
    )
    dtype: DTypeName | None = Field(default=None, description="Another dtype.", examples=["float64"])
    optimizer: str | AnyOptimizer | None = Field(
        default=None, description="Another optimizer.", examples=["Adam"]
    )
    rules: tuple[Rule, ...] = Field(
        default=(),
        description="Other rules, in the place of those of the evaluation.",
        examples=[[{"match": "**.bias", "init": "zeros"}]],
    )
    init: dict[str, Init] | Init = Field(
        default_factory=dict,
        description="Inits by parameter name. Each replaces the init of that parameter in every layer "
        "that has it; that of weight only where it has two or more dimensions, so that norms keep theirs. "
        "An init alone replaces that of every matrix of weights, as in a layer.",
        examples=[{"weight": "xavier_uniform", "bias": "zeros"}, "xavier_uniform"],
    )


class EvaluationRequest(Spec):
    """A network with its input, and optionally a target, a loss, an optimizer and variants to compare.

    `seed`, `generator`, `dtype`, `device` and the layers with parameters mean what they mean in a spec: the
    weights are those of /v1/weights. Layers run in order. Consecutive ones whose names begin alike up to the
    end of their first brace range, such as blocks.{0..3}.fc and blocks.{0..3}.act, repeat as one block.
    """

    layers: tuple[NetworkEntry, ...] = Field(  # type: ignore[assignment]
        description="The network: layers that map one tensor to one, modules without parameters, and layers "
        "that hold layers.",
        examples=[
            [
                {"name": "fc1", "type": "Linear", "in_features": 784, "out_features": 256},
                {"type": "ReLU"},
                {"name": "fc2", "type": "Linear", "in_features": 256, "out_features": 10},
            ]
        ],
    )
    input: Given = Field(
        description="What the first layer takes.", examples=[{"shape": [64, 784], "init": "normal"}]
    )
    target: TargetGiven | None = Field(
        default=None,
        description="What the loss compares the output with; a shape left out follows from the output.",
        examples=[{"classes": 10}],
    )
    loss: str | LossChoice | None = Field(
        default=None,
        description="A loss by name, or an object with kind and options; none computes forward only.",
        examples=["cross_entropy", {"kind": "cross_entropy", "label_smoothing": 0.1}],
    )
    optimizer: str | AnyOptimizer | None = Field(
        default=None,
        description="An optimizer of torch.optim by name, or an object with kind and arguments.",
        examples=[{"kind": "SGD", "lr": 0.1, "momentum": 0.9}],
    )
    steps: Annotated[int, Field(ge=0)] = Field(
        default=0, description="Optimizer steps, each on the whole input.", examples=[100]
    )
    smoothing: Beta = Field(
        default=0.9, description="β of the exponentially weighted average of the losses.", examples=[0.9]
    )
    training: bool = Field(
        default=True,
        description="Whether dropout drops and batch norms use the batch, as in training.",
        examples=[True],
    )
    return_weights: bool = Field(
        default=False, description="Whether to answer the weights after the last step.", examples=[True]
    )
    calibrate: Method | CalibrationGiven | None = Field(
        default=None,
        description="Scale the weights before the evaluation, and answer the scaled spec: a method by name, "
        "or an object of its method and settings.",
        examples=["lsuv", {"method": "lsuv", "tolerance": 0.1}],
    )
    compare: tuple[Variant | Init | AnyOptimizer, ...] = Field(
        default=(),
        description="Variants of the network, each evaluated on the same input and target. An init or an "
        "optimizer alone, and the name of a dtype, stands for a variant with it.",
        examples=[["zeros", "xavier_normal", {"kind": "normal", "std": 0.01}, {"seed": 7}]],
    )
