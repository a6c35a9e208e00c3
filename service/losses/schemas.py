"""Schemas of losses: requests, answers and the catalogue's entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ..http.negotiation import JSON, OCTETS
from ..http.openapi import (
    BINARY,
    Parameter,
    Responses,
    body_example,
    header_field,
    meanings_of,
    parameter,
    query_example,
    query_schema,
    reference,
    request_body,
)
from ..http.schemas import CatalogParameter, Described

_EXAMPLE: Any = {"input": [[1.0, 2.0, 0.5]], "target": [1], "label_smoothing": 0.1, "gradients": ["input"]}
_TRIPLET = {"anchor": [[1.0, 0.0]], "positive": [[0.9, 0.1]], "negative": [[-1.0, 0.5]], "margin": 0.5}
LOSS_EXAMPLES = {
    "cross_entropy": body_example(
        "Cross-entropy of one sample, with its gradient", _EXAMPLE, beside={"kind": "cross_entropy"}
    ),
    "mse_loss": body_example(
        "The squared errors, unreduced",
        {"input": [0.5, 2.0], "target": [1.0, 1.5], "reduction": "none"},
        beside={"kind": "mse_loss"},
    ),
    "kl_div": body_example(
        "The Kullback-Leibler divergence from logarithms, in float64",
        {"input": [[-0.7, -0.7]], "target": [[0.4, 0.6]], "reduction": "batchmean", "dtype": "float64"},
        beside={"kind": "kl_div"},
    ),
    "triplet": body_example("The margin of a triplet", _TRIPLET, beside={"kind": "triplet_margin_loss"}),
}
_OF_DRAWN_LAYERS = {"out_features", "bias"}
"""Options of linear_cross_entropy that say how to draw its layer, whose classes are then counted."""

_ANSWER = [[0.19796323776245117, -0.3050557076931, 0.10709239542484283]]


class CatalogArgument(Described):
    """One tensor that a loss takes."""

    name: str = Field(description="Its name.", examples=["input"])
    numbers: str = Field(description="`floating`, `integer` (int64), or `either`.", examples=["floating"])
    optional: bool = Field(description="Whether it can be left out.", examples=[False])
    differentiable: bool = Field(
        description="Whether there is a gradient for it where it is floating.", examples=[True]
    )
    shape: str = Field(description="Its shape, in words.", examples=["(N, C) or (C)"])


class CatalogLoss(Described):
    """One loss."""

    kind: str = Field(description="Its name in the URL.", examples=["cross_entropy"])
    summary: str = Field(description="What it is.", examples=["The mean squared error."])
    formula: str = Field(description="The loss before it is reduced.", examples=["ℓ = (x − y)²"])
    source: str = Field(description="Where it comes from.", examples=["torch.nn.MSELoss"])
    torch: str | None = Field(
        description="torch's function; null for one that torch lacks.",
        examples=["torch.nn.functional.mse_loss"],
    )
    module: str | None = Field(
        description="torch's class that holds its options; null without one.", examples=["torch.nn.MSELoss"]
    )
    arguments: list[CatalogArgument] = Field(
        description="The tensors.",
        examples=[
            [
                {
                    "name": "input",
                    "numbers": "floating",
                    "optional": False,
                    "differentiable": True,
                    "shape": "(*)",
                }
            ]
        ],
    )
    parameters: list[CatalogParameter] = Field(
        description="The options.",
        examples=[[{"name": "beta", "type": "number", "default": 1.0, "description": "Its end."}]],
    )
    denominator: str = Field(
        description="The divisor of the sum in the reduction `mean`.", examples=["the number of elements"]
    )
    empty: str = Field(
        description="The result where the denominator is 0.",
        examples=["without elements the mean is 0/0 = NaN"],
    )


class LossRequest(BaseModel):
    """The tensors and the options of a loss, by name; `GET /v1/losses/{kind}` lists both.

    Tensors are nested lists of numbers and of the strings "NaN", "Infinity" and "-Infinity".
    """

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [_EXAMPLE]}, defer_build=True)

    reduction: str = Field(
        "mean",
        description="none gives every loss, sum their sum, mean that sum over the denominator.",
        examples=["mean"],
    )
    gradients: list[str] = Field(
        [],
        description="The tensors whose gradient is wanted: of the loss, or with reduction none of its sum.",
        examples=[["input"]],
    )
    dtype: str = Field(
        "float32",
        description="The dtype that floating tensors are computed in: float64, float32, float16 or bfloat16.",
        examples=["float64"],
    )
    device: str = Field("auto", description="The device: auto, cpu, cuda or cuda:N.", examples=["cpu"])


class LossAnswer(Described):
    """A loss. Numbers are the exact values of torch's, or "NaN", "Infinity" and "-Infinity"."""

    loss: Any = Field(
        description="The loss: a number, or nested lists where nothing is reduced.", examples=[0.6472]
    )
    denominator: float | str | None = Field(
        description="The divisor of the sum; null where nothing is reduced.", examples=[1.0]
    )
    reduction: str = Field(description="The reduction.", examples=["mean"])
    dtype: str = Field(description="The dtype that it was computed in.", examples=["float32"])
    device: str = Field(description="The device that computed it.", examples=["cpu"])
    gradients: dict[str, Any] = Field(
        description="The requested gradients, by tensor, each of its tensor's shape.",
        examples=[{"input": _ANSWER}],
    )
    notes: list[str] = Field(
        description="Results that torch computes silently and that are hardly meant, a sentence each.",
        examples=[["the denominator is 0: without elements the mean is 0/0 = NaN"]],
    )
    outputs: dict[str, Any] | None = Field(
        None,
        description="Further results of the loss, by name; absent without any.",
        examples=[{"output": [-0.1, -2.3]}],
    )


def loss_answers() -> Responses:
    """The documented 200 of a loss."""
    return {
        200: {
            "description": "The loss: as JSON, or as a safetensors file of `loss` and `gradients.input`",
            "headers": {"Vary": header_field("The form depends on Accept.", "Accept")},
            "content": {JSON: {"schema": reference(LossAnswer)}, OCTETS: BINARY},
        }
    }


def loss_body() -> dict[str, Any]:
    """The documented body, in both forms."""
    return request_body({JSON: {"schema": reference(LossRequest), "examples": LOSS_EXAMPLES}, OCTETS: BINARY})


def complete_losses(paths: dict[str, Any]) -> None:
    """Add the names of the losses to the path items, and the parameters of their queries."""
    from tensorseed.losses import LOSSES  # imports torch

    path = paths["/v1/losses/{kind}"]
    path["post"]["parameters"] += _parameters()
    for operation in path.values():
        operation["parameters"][0]["schema"]["enum"] = list(LOSSES)


def _parameters() -> list[Parameter]:
    """The parameters of every request, then every option that some loss has."""
    from tensorseed.losses import LOSSES

    from .queries import COMMON, option_schemas

    meanings: dict[str, dict[str, Mapping[str, Any]]] = {}
    for loss, schemas in [("", COMMON), *((name, option_schemas(loss)) for name, loss in LOSSES.items())]:
        for name, schema in schemas.items():
            meanings.setdefault(name, {})[loss] = schema
    return [_parameter(name, found) for name, found in meanings.items()]


def _parameter(name: str, schemas: Mapping[str, Mapping[str, Any]]) -> Parameter:
    """A parameter by loss. Its example is that of the first loss which has it."""
    meanings: dict[str, list[str]] = {}
    for loss, schema in schemas.items():
        meanings.setdefault(schema["description"], []).append(loss)
    meaning = meanings_of(meanings) if len(meanings) > 1 else next(iter(meanings))
    first, schema = next(iter(schemas.items()))
    return parameter(
        "query",
        name,
        meaning,
        _example(schema),
        beside=_needed(first, name) if first else None,
        **query_schema(schemas.values()),
    )


def _needed(kind: str, name: str) -> dict[str, Any]:
    """The kind of a loss, and the options that the example of another one needs."""
    from tensorseed.losses import LOSSES

    schema = LOSSES[kind].model_json_schema()
    others = [*schema.get("required", ()), *(["num_classes"] if name in _OF_DRAWN_LAYERS else [])]
    options = {other: schema["properties"][other] for other in others if other != name}
    return {"kind": kind, **{other: _example(found) for other, found in options.items()}}


def _example(schema: Mapping[str, Any]) -> Any:
    """The first example of an option as a query has it: a list of plain values with commas."""
    value = next(value for value in schema["examples"] if value is not None)
    return ",".join(map(str, value)) if isinstance(value, list) else query_example(value)
