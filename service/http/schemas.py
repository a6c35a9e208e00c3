"""Base of documented answers, and schemas that domains share."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


def _growing(schema: dict[str, Any]) -> None:
    """Let clients ignore members that a later version adds."""
    schema.pop("additionalProperties", None)


class Described(BaseModel):
    """Base of the models that document answers. The answers are written from dictionaries.

    Here they have no other members; in the document they may.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra=_growing, defer_build=True)


class ProblemFault(Described):
    """One fault of a request: `pointer` for a body, `parameter` for a query."""

    pointer: str | None = Field(
        None,
        description="JSON Pointer (RFC 6901) into the body as it was sent.",
        examples=["/layers/0/shape/1"],
    )
    parameter: str | None = Field(None, description="Name of the query parameter.", examples=["shape"])
    detail: str = Field(description="The fault, and a valid value.", examples=["a dimension is 0 or more"])


class Problem(Described):
    """An error as RFC 9457 writes it. The detail names the remedy."""

    type: str = Field(
        description="A stable name of this kind of problem.", examples=["urn:tensorseed:problem:invalid-spec"]
    )
    title: str = Field(description="The kind of problem in a few words.", examples=["The spec is not valid"])
    status: int = Field(description="The HTTP status.", examples=[422])
    detail: str = Field(description="The first fault and its remedy.", examples=["a dimension is 0 or more"])
    errors: list[ProblemFault] | None = Field(
        None,
        description="The faults, where a spec, a query or a slice is not valid; at most 100 are listed.",
        examples=[[{"pointer": "/layers/0/shape/1", "detail": "a dimension is 0 or more"}]],
    )


class CatalogParameter(Described):
    """One parameter of a scheme or a layer type."""

    name: str = Field(description="Its name.", examples=["gain"])
    type: str = Field(description="Its JSON type, in words.", examples=["number"])
    required: bool = Field(description="Whether it must be given.", examples=[False])
    default: Any = Field(None, description="Its value if left out.", examples=[1.0])
    minimum: float | None = Field(
        None, description="The least value, of every number in a list as well.", examples=[0.0]
    )
    greater_than: float | None = Field(None, description="A bound that the value is above.", examples=[0.0])
    maximum: float | None = Field(None, description="The greatest value.", examples=[1.0])
    choices: list[str | float | bool] | None = Field(
        None, description="The valid values; the valid strings.", examples=[["fan_in", "fan_out"]]
    )
    parameters: list[CatalogParameter] | None = Field(
        None,
        description="Where it is an object: its parameters.",
        examples=[[{"name": "d_model", "type": "integer", "required": True, "description": "The size."}]],
    )
    options: list[CatalogOption] | None = Field(
        None,
        description="Where it is an object with a `type`: the types, each with its parameters.",
        examples=[[{"type": "LayerNorm", "parameters": []}]],
    )
    description: str = Field(description="Its meaning.", examples=["Factor on the standard deviation."])


class CatalogOption(Described):
    """One of several kinds of object that a parameter takes."""

    type: str = Field(description="The object's `type`.", examples=["LayerNorm"])
    parameters: list[CatalogParameter] = Field(
        description="Its other parameters.",
        examples=[[{"name": "eps", "type": "number", "required": False, "description": "Added."}]],
    )
