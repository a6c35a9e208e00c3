"""Schemas of evaluations: the body, and the answer in each form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from tensorseed.evaluations import PREFIX
from tensorseed.evaluations.report import Comparison, Report
from tensorseed.spec.spec_token import token_of

from ..http.negotiation import JSON, OCTETS
from ..http.openapi import BINARY, TEXT, Responses, header_field, member_schema, model_schemas, request_body
from ..http.pictures import PICTURE_PARTS, PNG, SVG
from .examples import EVALUATION_EXAMPLES, REQUEST

_COMPONENTS = "#/components/schemas/"
TOKEN = token_of(REQUEST, PREFIX)
URL = f"/v1/evaluations/{TOKEN}"
_NUMBER = {
    "title": "EvaluationNumber",
    "description": 'A number, or a word for one that JSON lacks: "NaN", "Infinity" or "-Infinity".',
    "anyOf": [{"type": "number"}, {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]}],
    "examples": [0.98, "NaN"],
}


def evaluation_schemas() -> dict[str, Any]:
    """The components of requests and answers."""
    from tensorseed.evaluations.request import EvaluationRequest  # many models, which no start needs

    return {**model_schemas(EvaluationRequest), **answer_schemas()}


def evaluation_types() -> dict[str, Any]:
    """The types that several members of a request have."""
    from tensorseed.evaluations.containers import AnyContainer, NetworkEntry
    from tensorseed.evaluations.optimizers import AnyOptimizer
    from tensorseed.spec.modules import AnyModule

    return {
        **{name: member_schema(model, member) for name, model, member in _members()},
        "Module": AnyModule,
        "Container": AnyContainer,
        "NetworkEntry": NetworkEntry,
        "Optimizer": AnyOptimizer,
    }


def evaluation_heirs() -> Iterator[type[BaseModel]]:
    """The modules, and the tensors of a request."""
    from tensorseed.evaluations.request import Given, TargetGiven
    from tensorseed.spec.modules import MODULES

    yield from MODULES.values()
    yield from (Given, TargetGiven)


def _members() -> Iterator[tuple[str, type[BaseModel], str]]:
    """Members that several modules or optimizers have, by the name of their component."""
    from tensorseed.evaluations.containers import Container
    from tensorseed.evaluations.optimizers import Adam
    from tensorseed.spec.modules import MODULES
    from tensorseed.spec.modules.base import StatelessModule

    yield "ModuleName", StatelessModule, "name"
    yield "ContainerName", Container, "name"
    yield "InPlace", MODULES["ReLU"], "inplace"
    yield "CeilMode", MODULES["AvgPool1d"], "ceil_mode"
    yield "CountIncludePad", MODULES["AvgPool1d"], "count_include_pad"
    yield "NormType", MODULES["LPPool1d"], "norm_type"
    yield "ScaleFactor2d", MODULES["UpsamplingNearest2d"], "scale_factor"
    yield "UpsampledSize2d", MODULES["UpsamplingNearest2d"], "size"
    yield "DropProbability", MODULES["Dropout"], "p"
    yield "Betas", Adam, "betas"
    yield "OptimizerEps", Adam, "eps"
    yield "LearningRate", Adam, "lr"
    yield "DecoupledWeightDecay", Adam, "decoupled_weight_decay"
    yield "Maximize", Adam, "maximize"
    yield "WeightDecay", Adam, "weight_decay"
    for size in ("1d", "2d", "3d"):
        yield f"AdaptiveSize{size}", MODULES[f"AdaptiveAvgPool{size}"], "output_size"
        yield f"Padding{size}", MODULES[f"CircularPad{size}"], "padding"
        for name, member in (("Kernel", "kernel_size"), ("Stride", "stride"), ("Pad", "padding")):
            yield f"Pool{name}{size}", MODULES[f"AvgPool{size}"], member
        yield f"PoolDilation{size}", MODULES[f"MaxPool{size}"], "dilation"


def answer_schemas() -> dict[str, Any]:
    """The components of the answers: the library's models, with names that begin with Evaluation."""
    found: dict[str, Any] = {"EvaluationNumber": _NUMBER}
    for model in (Report, Comparison):
        schema = model.model_json_schema(mode="serialization")
        parts = {**schema.pop("$defs", {}), model.__name__: schema}
        found |= {_component(name): _answered(part) for name, part in parts.items()}
    for schema in found.values():
        for content in schema.get("properties", {}).values():
            content.setdefault("examples", [_example(content, found)])
            if "description" not in content:  # it is its component's own
                content["description"] = _referred(content, found)["description"]
    return found


def _component(name: str) -> str:
    return name if name.startswith("Evaluation") else f"Evaluation{name}"


def _answered(schema: Any) -> Any:
    """The schema with references to components, in which every number can be one of the three words."""
    if isinstance(schema, list):
        return [_answered(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {key: part if key == "examples" else _answered(part) for key, part in schema.items()}
    if parts.get("additionalProperties") is False:
        del parts["additionalProperties"]  # a later version may add members
    if parts.get("type") == "number":
        del parts["type"]
        parts["$ref"] = f"{_COMPONENTS}EvaluationNumber"
    elif isinstance(parts.get("$ref"), str):
        parts["$ref"] = _COMPONENTS + _component(parts["$ref"].rpartition("/")[2])
    return parts


def _example(schema: dict[str, Any], components: dict[str, Any]) -> Any:
    """An example of a schema that has none, made of those of its parts."""
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return _example(_referred(schema, components), components)
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], components)
    if "items" in schema:
        return [_example(schema["items"], components)]
    return {name: _example(part, components) for name, part in schema.get("properties", {}).items()}


def _referred(schema: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = components[schema["$ref"].rpartition("/")[2]]
    return found


def _json_schema() -> dict[str, Any]:
    return {"anyOf": [{"$ref": f"{_COMPONENTS}Evaluation{name}"} for name in ("Report", "Comparison")]}


def report_answers() -> Responses:
    """The documented 200, 206 and 304 of a report by token."""
    good = {
        "description": "The report, or its picture",
        "content": {JSON: {"schema": _json_schema()}, SVG: TEXT, PNG: BINARY},
    }
    return {200: good, **PICTURE_PARTS}


def evaluation_answers() -> Responses:
    """The documented 200 of an evaluation."""
    text = "The report's URL."
    return {
        200: {
            "headers": {"Content-Location": header_field(text, URL, name="EvaluationContentLocation")},
            "description": "The report; of several variants with `compare`, side by side. As a picture where "
            "Accept prefers that; with `return_weights` the weights after the last step in safetensors "
            "format, of variants as `label.name`, and the report as JSON in the metadata's `report`",
            "content": {
                JSON: {"schema": _json_schema()},
                SVG: TEXT,
                PNG: BINARY,
                OCTETS: BINARY,
            },
        }
    }


def evaluation_body() -> dict[str, Any]:
    """The documented body of an evaluation."""
    schema = {"$ref": f"{_COMPONENTS}EvaluationRequest"}
    return request_body({JSON: {"schema": schema, "examples": EVALUATION_EXAMPLES}})
