"""Every example of the OpenAPI document is a request that succeeds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import orjson
import pytest
import torch
from safetensors.torch import save

from service.server.app import create_app
from service.server.openapi import build_document
from service.settings import Settings
from tests.tensorseed.losses.cases import CASES

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
OCTETS = "application/octet-stream"
METHODS = ("get", "post")
COMMITTED = Path(__file__).parents[4] / "openapi" / "openapi.json"  # a document is built in seconds
_LOGITS = torch.tensor([[0.5, -1.0, 2.0, 0.1]])
_PROBABILITIES = torch.tensor([[0.1, 0.2, 0.3, 0.4]])
_LABELS = torch.tensor([[0.0, 0.0, 1.0, 0.0]])
_BODIES = {
    "adaptive_log_softmax_with_loss": {"input": torch.zeros(2, 16), "target": torch.tensor([1, 12])},
    "sigmoid_focal_loss": {"input": _LOGITS, "target": _LABELS},
    "dice_loss": {"input": _PROBABILITIES.view(1, 1, 2, 2), "target": _LABELS.view(1, 1, 2, 2)},
    "tversky_loss": {"input": _PROBABILITIES, "target": _LABELS},
    "self_information": {"input": _PROBABILITIES},
}
"""Tensors of losses that torch.nn.functional lacks."""


class Sent(NamedTuple):
    """A request: values of parameters by place and name, and the body with its type."""

    parameters: dict[tuple[str, str], Any]
    media_type: str | None = None
    body: Any = None


@cache
def document() -> dict[str, Any]:
    """The document, with what stands beside its examples."""
    return build_document(create_app(Settings()), beside=True)


def resolved(part: Any) -> Any:
    """The component that a reference names; anything else is itself."""
    while "$ref" in part:
        found: Any = document()
        for key in part["$ref"].removeprefix("#/").split("/"):
            found = found[key.replace("~1", "/").replace("~0", "~")]
        part = found
    return part


def operations(document: dict[str, Any]) -> list[tuple[str, str]]:
    """The methods and paths of a document."""
    return [
        (method, path) for path, item in document["paths"].items() for method in METHODS if method in item
    ]


OPERATIONS = operations(orjson.loads(COMMITTED.read_bytes()))
NAMES = [f"{method.upper()} {path}" for method, path in OPERATIONS]


def test_the_committed_document_has_every_operation() -> None:
    assert operations(document()) == OPERATIONS


def parameters_of(operation: dict[str, Any]) -> list[dict[str, Any]]:
    return [resolved(parameter) for parameter in operation.get("parameters", [])]


def examples_of(parameter: dict[str, Any]) -> list[Any]:
    """The examples of a parameter: those that a form fills in, then those of its schema."""
    named = [resolved(one)["value"] for one in parameter.get("examples", {}).values()]
    single = [parameter["example"]] if "example" in parameter else []
    return [*named, *single, *shown_by(schema_of(parameter))]


def shown_by(schema: dict[str, Any]) -> list[Any]:
    """The examples of a schema; of one that shows itself, a value."""
    shown = schema.get("enum", [True] if schema.get("type") == "boolean" else [])
    return schema.get("examples", shown[:1])


def schema_of(parameter: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter, with what stands beside a reference."""
    return {**resolved(parameter["schema"]), **parameter["schema"]}


def filled_in(operation: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """What the form of `/docs` holds before anything is typed."""
    found = {}
    for parameter in parameters_of(operation):
        named = [resolved(one)["value"] for one in parameter.get("examples", {}).values()]
        schema = schema_of(parameter)
        for value in [*named, *(place["example"] for place in (parameter, schema) if "example" in place)]:
            found[parameter["in"], parameter["name"]] = value
            break
        else:
            if "default" in schema:
                found[parameter["in"], parameter["name"]] = schema["default"]
    return found


def bodies_of(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The media types of a body, each with one of its examples."""
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        for one in content.get("examples", {}).values():
            yield media_type, resolved(one)


def beside(operation: dict[str, Any], part: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """The values of other parameters that an example needs."""
    places = {parameter["name"]: parameter["in"] for parameter in parameters_of(operation)}
    return {(places[name], name): value for name, value in part.get("x-beside", {}).items()}


def requests(operation: dict[str, Any]) -> Iterator[Sent]:
    """One request for every example, and the one that `/docs` fills in first."""
    first = filled_in(operation)
    bodies = list(bodies_of(operation))
    if not bodies:
        yield Sent(first)
    for media_type, one in bodies:
        yield Sent({**first, **beside(operation, one)}, media_type, one["value"])
    media_type, body = (bodies[0][0], bodies[0][1]["value"]) if bodies else (None, None)
    for parameter in parameters_of(operation):
        for value in examples_of(parameter):
            place = {(parameter["in"], parameter["name"]): value}
            needed = {**first, **beside(operation, parameter), **place}
            if operation["operationId"] != "postLoss":
                yield Sent(needed, media_type, body)
            elif parameter["in"] == "query":
                options = {name for _, name in needed}
                yield Sent(needed, OCTETS, save(tensors_of(needed["path", "kind"], options)))


def tensors_of(kind: str, options: Set[str]) -> dict[str, torch.Tensor]:
    """Tensors that a loss takes with these options."""
    if kind in _BODIES:
        return _BODIES[kind]
    if "num_classes" in options:
        further = (2, 3) if "out_features" in options else ()
        return {"input": torch.zeros(2, 5), "target": torch.zeros(2, *further, dtype=torch.int64)}
    case = next(case for case in CASES if case.name == kind)
    return {name: tensor.contiguous() for name, tensor in case.tensors.items()}


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def send(client: Any, method: str, path: str, sent: Sent) -> httpx.Response:
    """The answer to a request as the form of `/docs` sends it: a slash in a path is escaped."""
    query = {}
    for (place, name), value in sent.parameters.items():
        if place == "path":
            path = path.replace(f"{{{name}}}", quote(text_of(value), safe=""))
        else:
            query[name] = text_of(value)
    arguments: dict[str, Any] = {"params": query}
    if sent.media_type is not None:
        arguments["headers"] = {"Content-Type": sent.media_type}
        if sent.media_type == FORM:
            arguments["data"] = sent.body
        else:
            arguments["content"] = orjson.dumps(sent.body) if sent.media_type == JSON else sent.body
    found: httpx.Response = client.request(method.upper(), path, **arguments)
    return found


def of_another_torch(sent: Sent, answer: httpx.Response) -> bool:
    """Whether an example names a torch that this host lacks, which no document can know."""
    named = {name for _, name in sent.parameters} & {"torch_version", "torch_kernels"}
    return bool(named) and answer.status_code == 409 and "missing-version" in answer.text


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=NAMES)
def test_every_example_succeeds(client: Any, method: str, path: str) -> None:
    faults = []
    for sent in requests(document()["paths"][path][method]):
        answer = send(client, method, path, sent)
        if answer.status_code != 200 and not of_another_torch(sent, answer):
            faults.append(f"{sent}: {answer.status_code} {answer.text[:500]}")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=NAMES)
def test_nothing_lacks_an_example(method: str, path: str) -> None:
    operation = document()["paths"][path][method]
    where = f"{method.upper()} {path}"
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        if media_type != OCTETS:
            remedy = 'give `request_body` its `examples`, {"name": body_example(summary, value)}'
            assert content.get("examples"), f"{where}: no example of a body in {media_type}: {remedy}"
            for name, one in content["examples"].items():
                assert resolved(one).get("summary"), f"{where}: the example {name} needs a summary"
    for parameter in parameters_of(operation):
        name, remedy = parameter["name"], "declare it by `parameter`, whose example a test sends"
        assert examples_of(parameter), f"{where}: no example of the parameter {name}: {remedy}"
        if parameter.get("required"):
            ready = parameter.get("examples") or "example" in parameter
            assert ready, f"{where}: /docs does not fill in {name}: give it `openapi_examples`, or {remedy}"


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=NAMES)
def test_the_form_is_short(method: str, path: str) -> None:
    """`/docs` fills in what is required, and nothing else: values of several optional ones seldom fit."""
    operation = document()["paths"][path][method]
    required = {
        (parameter["in"], parameter["name"])
        for parameter in parameters_of(operation)
        if parameter.get("required")
    }
    assert filled_in(operation).keys() == required, f"{method.upper()} {path}"
