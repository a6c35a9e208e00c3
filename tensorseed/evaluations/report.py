"""Reports of an evaluation: plain values, with floats that may be NaN."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

MAX_OUTPUT_ELEMENTS = 65_536  # of an output that a report holds in full
MAX_TIME_STEPS = 16_384  # whose gradients a report holds, of all layers and variants together


class _Part(BaseModel):
    """Base of all parts of a report."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class LayerReport(_Part):
    """One layer of the untrained network: its output x, and the gradient g of the loss with respect to it.

    A unit is one place along the feature axis: the last one, or the channels before the spatial dimensions.
    """

    name: str = Field(description="The layer's name.", examples=["fc1"])
    type: str = Field(description="The layer's type.", examples=["Linear"])
    shape: tuple[int, ...] = Field(description="The shape of the output.", examples=[[64, 256]])
    mean: float = Field(description="Mean of x.", examples=[0.01])
    std: float = Field(description="Standard deviation of x, √(mean of (x − mean)²).", examples=[0.98])
    gradient_mean: float | None = Field(
        description="Mean of g; null without a loss, and for integers.", examples=[0.0]
    )
    gradient_std: float | None = Field(
        description="Standard deviation of g, as `std`; null without a loss.", examples=[0.002]
    )
    gradient_norm: float | None = Field(
        description="√Σ g² over the whole output; null without a loss.", examples=[0.11]
    )
    zeros: float = Field(description="Share of the elements of x that are exactly 0.", examples=[0.5])
    dead: float = Field(description="Share of the units that are 0 for the whole batch.", examples=[0.0])
    saturated: float | None = Field(
        description="Share of the elements of x near a bound of its function; null where there is none.",
        examples=[0.02],
    )
    effective_rank: float | None = Field(
        description="e^H of the normalised singular values of x as a matrix (batch, rest), of which a sample "
        "is looked at; null without two samples.",
        examples=[52.3],
    )
    largest_rank: int | None = Field(
        description="The largest that effective_rank could be, min(rows, columns) of that matrix.",
        examples=[64],
    )
    similarity: float | None = Field(
        description="Mean cosine between two samples' outputs; null without two samples that are not 0.",
        examples=[0.31],
    )
    parameter_gradient_norm: float | None = Field(
        description="√Σ of the squared gradients of the layer's parameters; null without either.",
        examples=[0.42],
    )
    hidden_gradient_norms: tuple[float, ...] | None = Field(
        default=None,
        description="Of RNN, LSTM and GRU: √Σ g² for t = 1 to T, g the gradient of the loss with respect to "
        "the hidden state hₜ. g is the whole one: by the output at t and back through all later steps. hₜ is "
        "the layer's output at t, forward, of the last of num_layers. Null without a loss, for other layers, "
        "with dropout between stacked layers while training, and where the time steps of all variants, "
        f"layers and directions are more than {MAX_TIME_STEPS:,}.",
        examples=[[0.02, 0.05, 0.11]],
    )
    hidden_gradient_norms_reverse: tuple[float, ...] | None = Field(
        default=None,
        description="The same of the direction that reads from t = T to 1, for t = 1 to T, back through all "
        "earlier t; null without `bidirectional`, and where hidden_gradient_norms is.",
        examples=[[0.12, 0.04, 0.01]],
    )


class Output(_Part):
    """What the untrained network puts out."""

    shape: tuple[int, ...] = Field(description="Its shape.", examples=[[64, 10]])
    mean: float = Field(description="Its mean.", examples=[0.02])
    std: float = Field(description="Its standard deviation, √(mean of (x − mean)²).", examples=[0.7])
    data: Any = Field(
        description=f"The numbers, nested as the shape; null for more than {MAX_OUTPUT_ELEMENTS:,}.",
        examples=[[[0.5, -0.5]]],
    )


class ExpectedLoss(_Part):
    """The loss of a network that knows nothing of the target yet."""

    value: float = Field(description="The loss, in the units of `loss`.", examples=[2.302585092994046])
    formula: str = Field(description="How it comes about, in words.", examples=["ln C, of C = 10 classes"])


class CalibratedLayer(_Part):
    """One layer that calibration has looked at: its weight times `factor` gives its output the variance 1."""

    name: str = Field(description="The layer's name.", examples=["fc1"])
    factor: float = Field(
        description="The factor of its weight, of four digits; 1 where it stays.", examples=[1.732]
    )
    std_before: float | None = Field(
        description="Standard deviation of its output where the layers before it are calibrated already; "
        "null of a layer that is not measured.",
        examples=[0.5774],
    )
    std_after: float | None = Field(description="The same with the factor.", examples=[1.0001])
    iterations: int = Field(description="How often the weight was rescaled.", examples=[1])
    init: Any = Field(
        description="The init of its weight in the calibrated spec; null of a layer that has several.",
        examples=[{"kind": "normal", "std": 0.0346}],
    )
    remark: str | None = Field(
        default=None,
        description="Why the variance is not 1; null where it is.",
        examples=["zeros has no scale: give the weight another init"],
    )


_EXAMPLE = (  # of an orthogonal Tensor w of shape [4, 2]
    "s1.HAjKAXjrdTRuaDqleyJsYXllcnMiOlt7ImluaXQiOiJvcnRob2dvbmFsIiwibmFtZSI"
    "6InciLCJzaGFwZSI6WzQsMl0sInR5cGUiOiJUZW5zb3IifV0sInNlZWQiOiIwIn0"
)


class Calibration(_Part):
    """The calibrated spec, which needs no data to draw from, and how it came about."""

    method: str = Field(description="The method.", examples=["lsuv"])
    spec: Any = Field(
        description="The spec in canonical form, with the scaled inits.",
        examples=[{"layers": [{"init": {"weight": {"gain": 1.7, "kind": "orthogonal"}}, "name": "fc1"}]}],
    )
    token: str | None = Field(
        description="Names its file in a URL; null where it would be too long for one.",
        examples=[_EXAMPLE],
    )
    url: str | None = Field(
        description="Where GET serves the file; null without a token.",
        examples=[f"/v1/weights/{_EXAMPLE}"],
    )
    etag: str = Field(description="The file's strong entity tag, quotes included.", examples=['"3f0c6b"'])
    layers: tuple[CalibratedLayer, ...] = Field(
        description="The layers with matrices of weights, in the order in which they run."
    )


Level = Literal["warning", "remark"]

CODES = (
    "input_scale",
    "symmetric_neurons",
    "zero_head",
    "vanishing_activations",
    "exploding_activations",
    "vanishing_gradients",
    "exploding_gradients",
    "dead_units",
    "saturation",
    "rank_collapse",
    "probabilities_as_logits",
    "not_log_probabilities",
    "target_scale",
    "unexpected_loss",
    "non_finite",
    "diverging_loss",
    "unused_rule",
)
"""The codes of all warnings, in the order of their page."""


class EvaluationWarning(_Part):
    """Something that will keep the network from learning, and what to change, or a remark."""

    layer: str | None = Field(
        description="The name of the layer where it shows first; null for the whole network.",
        examples=["fc1"],
    )
    code: str = Field(
        description=f"What it is: {', '.join(CODES[:-1])} or {CODES[-1]}.",
        examples=["vanishing_activations"],
    )
    level: Level = Field(
        default="warning",
        description="Whether it is a fault, or a remark on what may well be meant.",
        examples=["warning"],
    )
    detail: str = Field(
        description="One sentence, with what to change.",
        examples=["the signal's deviation falls to 0.003 of the input's: draw weight by kaiming_normal"],
    )


class Report(_Part):
    """One network: what it does before training, and its loss while it is trained."""

    label: str | None = Field(description="The variant's label; null without compare.", examples=["xavier"])
    seed: int = Field(description="The seed of its weights.", examples=[0])
    dtype: str = Field(description="The dtype of its weights, and of the computing.", examples=["float32"])
    device: str = Field(description="The device that computed.", examples=["cpu"])
    output: Output = Field(description="What the untrained network puts out.")
    loss: float | None = Field(description="The loss before the first step; null without.", examples=[2.41])
    expected_loss: ExpectedLoss | None = Field(
        description="The loss of a network that knows nothing; null where there is no such number."
    )
    denominator: float | None = Field(
        description="What the loss's mean divided by, 1 for a sum; null without a loss.", examples=[64.0]
    )
    gradient_norm: float | None = Field(
        description="√Σ of all parameters' squared gradients before the first step; null without a loss.",
        examples=[1.3],
    )
    layers: tuple[LayerReport, ...] = Field(description="Every layer, in order, before the first step.")
    steps: tuple[float, ...] = Field(description="The loss after every step.", examples=[[2.3, 2.2]])
    smoothed: tuple[float, ...] = Field(
        description="The exponentially weighted average of `steps`: sₜ = β·sₜ₋₁ + (1 − β)·lossₜ with s₀ = 0 "
        "and β = smoothing, divided by 1 − βᵗ as Adam does, so that the first is the first loss.",
        examples=[[2.3, 2.247]],
    )
    warnings: tuple[EvaluationWarning, ...] = Field(description="What will keep it from learning.")
    calibration: Calibration | None = Field(
        default=None, description="The calibrated spec, which is evaluated; null without calibrate."
    )
    weights: SkipJsonSchema[dict[str, Any] | None] = Field(default=None, exclude=True, repr=False)
    """The state after the last step, torch tensors by name, with `return_weights`. Not in the JSON."""


class Comparison(_Part):
    """The same evaluation of several variants, in the order of `compare`."""

    reports: tuple[Report, ...] = Field(description="One report for each variant.")
