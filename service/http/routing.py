"""Declaring routes: a GET and its HEAD in one line, each documented, with unique operation ids."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response

from . import examples
from .negotiation import JSON, OCTETS
from .problems import documented
from .schemas import JsonFile


class TokenConvertor(StringConvertor):
    """One segment of a path that is not the `plan` of `/v1/weights/plan`."""

    regex = "(?!plan(?:/|$))[^/]+"


register_url_convertor("token", TokenConvertor())


class PlainRoute(APIRoute):
    """A route whose function takes the request and the path's parameters, all of them text.

    FastAPI documents it like any other, and has no dependencies to solve for each request.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request."""
        endpoint = self.endpoint

        async def answer(request: Request) -> Response:
            found: Response = await endpoint(request, **request.path_params)
            return found

        return answer


Endpoint = TypeVar("Endpoint", bound=Callable[..., Coroutine[Any, Any, Response]])
Responses = dict[int | str, dict[str, Any]]


def answers(model: type[BaseModel], description: str) -> Responses:
    """The documented 200 of a route whose answer is JSON."""
    return {200: {"description": description, "content": {JSON: {"schema": reference(model)}}}}


def many(model: type[BaseModel], description: str) -> Responses:
    """The documented 200 of a route whose answer is a JSON list."""
    schema = {"type": "array", "items": reference(model)}
    return {200: {"description": description, "content": {JSON: {"schema": schema}}}}


def reference(model: type[BaseModel]) -> dict[str, str]:
    """Where the OpenAPI document holds the schema of `model`."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def readable(
    router: APIRouter,
    path: str,
    noun: str,
    *,
    model: type[BaseModel] | None = None,
    responses: Responses | None = None,
    errors: Responses | None = None,
    parameters: list[dict[str, Any]] | None = None,
) -> Callable[[Endpoint], Endpoint]:
    """Register a function for GET and HEAD of `path`, as operations `get<noun>` and `head<noun>`.

    `model` or `responses` document what it answers, `errors` what can go wrong, `parameters` what the
    function reads from the query by itself.
    """

    def register(endpoint: Endpoint) -> Endpoint:
        summary, _, rest = (endpoint.__doc__ or "").strip().partition("\n")
        good = responses or (answers(model, summary) if model else {})
        for method, title in (("GET", summary), ("HEAD", f"The header fields alone. {summary}")):
            found = good if method == "GET" else _of_head(good)
            router.add_api_route(
                path,
                endpoint,
                methods=[method],
                operation_id=f"{method.lower()}{noun}",
                summary=title.rstrip("."),
                description=f"{summary}\n{rest}".strip(),
                response_class=Response,
                responses={**found, **_of_method(method, errors or documented())},
                openapi_extra={"parameters": parameters} if parameters else None,
            )
        return endpoint

    return register


def _of_head(answers: Responses) -> Responses:
    """What HEAD answers where GET answers so: no content, and no ranges."""
    return {
        status: {key: value for key, value in answer.items() if key != "content"}
        for status, answer in answers.items()
        if status != 206
    }


def _of_method(method: str, errors: Responses) -> Responses:
    """The errors of a method: HEAD ignores Range, so it never finds one that cannot be served, and streams
    nothing.
    """
    return {status: error for status, error in errors.items() if method == "GET" or status not in (416, 429)}


_FIELDS: dict[str, tuple[str, str]] = {
    "ETag": ("A strong entity tag: equal bytes have equal tags.", examples.ETAG),
    "Cache-Control": ("The file never changes.", "public, max-age=31536000, immutable"),
    "Vary": ("The form depends on Accept.", "Accept"),
    "Content-Location": (
        "The file's URL by token, where it is not the one asked for.",
        examples.URL,
    ),
    "Accept-Ranges": ("Byte ranges are served.", "bytes"),
    "Content-Length": ("The exact number of bytes.", str(examples.SIZE)),
    "Content-Disposition": ("A name to save the file by.", 'attachment; filename="weight.safetensors"'),
    "Content-Range": ("Which bytes these are, of how many.", f"bytes 0-1023/{examples.SIZE}"),
}
_ALWAYS = ("ETag", "Cache-Control", "Vary", "Content-Location")
_CONTENT = ("Accept-Ranges", "Content-Length", "Content-Disposition")


def file_answers(*, ranges: bool = True) -> Responses:
    """The documented 200, 206 and 304 of a route that serves files; 200 alone for one without `ranges`."""
    octets = {OCTETS: {"schema": {"type": "string", "format": "binary"}}}
    found: Responses = {
        200: {
            "description": "The file, in safetensors format; a small one as JSON where Accept prefers that",
            "headers": _documented_fields(*_ALWAYS, *_CONTENT),
            "content": {**octets, JSON: {"schema": reference(JsonFile)}},
        }
    }
    if ranges:
        found[206] = {
            "description": "The bytes that Range asked for; several ranges as multipart/byteranges",
            "headers": _documented_fields(*_ALWAYS, *_CONTENT, "Content-Range"),
            "content": {**octets, "multipart/byteranges": {"schema": {"type": "string"}}},
        }
        found[304] = {
            "description": "The client has the file already: If-None-Match names it",
            "headers": _documented_fields(*_ALWAYS),
        }
    return found


def spec_body() -> dict[str, Any]:
    """The documented body of a route that reads a spec by itself."""
    return {
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": {"$ref": "#/components/schemas/Spec"}}},
        }
    }


def _documented_fields(*names: str) -> dict[str, Any]:
    return {
        name: {"description": _FIELDS[name][0], "schema": {"type": "string"}, "example": _FIELDS[name][1]}
        for name in names
    }
