"""Weight files: by spec, by query, by token, by slice; and their plans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from tensorseed.errors import (
    CapacityError,
    DeviceError,
    SliceError,
    SpecError,
    TooLargeError,
    UnknownNameError,
    UnrepresentableError,
    VersionError,
)
from tensorseed.files.virtual_file import VirtualFile, open_slice
from tensorseed.spec.limits import Limits
from tensorseed.spec.resolved import ResolvedSpec
from tensorseed.spec.spec import parse_query, parse_spec

from ..http.bodies import read_json
from ..http.disconnect import while_present
from ..http.errors import (
    BusyError,
    MalformedRequestError,
    MediaTypeError,
    PreconditionError,
    QueryError,
    RangeError,
    UnknownPathError,
)
from ..http.examples import TOKEN
from ..http.negotiation import JSON, OCTETS, preferred
from ..http.parameters import query_parameters, slice_parameter
from ..http.problems import documented
from ..http.queries import check_path, query_of
from ..http.responses import REVALIDATED, respond
from ..http.routing import PlainRoute, answers, file_answers, readable, spec_body
from ..http.schemas import Plan
from ..telemetry import file_attributes, span
from .context import WeightsContext, context_of
from .open_files import OpenFile
from .plans import plan_text
from .representations import JsonForm, SafetensorsForm, fits_json

router = APIRouter(prefix="/v1/weights", tags=["weights"], route_class=PlainRoute)

Token = Annotated[str, Path(description="What a plan or a Content-Location names.", examples=[TOKEN])]
Name = Annotated[
    str, Path(description="The tensor's name; it may hold slashes and dots.", examples=["fc1.weight"])
]

_FILE = (UnrepresentableError, DeviceError, CapacityError, VersionError, PreconditionError, BusyError)
_BODY = (SpecError, QueryError, TooLargeError, MediaTypeError, MalformedRequestError)


@router.post(
    "",
    operation_id="postWeights",
    summary="The file of a spec",
    response_class=Response,
    responses=file_answers(ranges=False) | documented(*_BODY, *_FILE),
    openapi_extra=spec_body(),
)
async def post_weights(request: Request) -> Response:
    """The safetensors file of the spec in the body.

    Content-Location is the file's own URL, where GET serves the same bytes, in ranges too. A spec whose token
    is too long for a URL has none.
    """
    return await while_present(request, _post(request, await _body(request)))


@router.post(
    "/plan",
    operation_id="planWeights",
    summary="What the file of a spec would be",
    response_class=Response,
    responses=answers(Plan, "The plan") | documented(*_BODY, VersionError),
    openapi_extra=spec_body(),
)
async def plan_weights(request: Request) -> Response:
    """Token, entity tag, size, and every tensor's bytes, fans and moments, computing no value.

    A spec for a device that this host lacks can be planned too: a warning of code `device` says so.
    """
    return await while_present(request, _plan(request, await _body(request)))


@readable(
    router,
    "",
    "WeightsByQuery",
    responses=file_answers(),
    errors=documented(QueryError, TooLargeError, RangeError, *_FILE),
    parameters=query_parameters(),
)
async def get_weights(request: Request) -> Response:
    """The file of one tensor, given by query parameters.

    The scheme's own parameters are query parameters too. Content-Location is the file's URL by token.
    """
    parameters = query_of(request)
    opened = context_of(request).files.by_query(_parse_query, request.scope["query_string"], parameters)
    if opened is not None:
        return await _answer(request, opened.file, _location(request, opened))
    return await while_present(request, _get(request, parameters))


@readable(
    router,
    "/{token:token}",
    "WeightsByToken",
    responses=file_answers(),
    errors=documented(UnknownNameError, QueryError, TooLargeError, RangeError, *_FILE),
)
async def get_weights_by_token(request: Request, token: Token) -> Response:
    """The file that a token names. The token holds the whole spec: nothing is stored."""
    query_of(request, allowed=())
    return await while_present(request, _get_by_token(request, token))


@readable(
    router,
    "/{token:token}/tensors/{name:path}",
    "Tensor",
    responses=file_answers(),
    errors=documented(
        UnknownNameError, UnknownPathError, SliceError, QueryError, TooLargeError, RangeError, *_FILE
    ),
    parameters=[slice_parameter()],
)
async def get_tensor(request: Request, token: Token, name: Name) -> Response:
    """A file of one tensor, or of a slice of it, with the values that it has in the whole file."""
    check_path(request)
    wanted = query_of(request, allowed=("slice",)).get("slice", "")
    return await while_present(request, _get_tensor(request, token, name, wanted))


async def _body(request: Request) -> bytes:
    """The body of a request that has nothing in its query."""
    query_of(request, allowed=())
    return await read_json(request, context_of(request).settings.body_bytes)


async def _post(request: Request, body: bytes) -> Response:
    opened = await context_of(request).files.by_spec(parse_spec, body)
    return await _answer(request, opened.file, _location(request, opened))


async def _plan(request: Request, body: bytes) -> Response:
    context = context_of(request)
    opened = await context.files.by_spec(parse_spec, body)
    missing = await context.missing_device(opened.file.resolved.device)
    location = _location(request, opened)
    with span("plan"):
        text = await context.worker.run(plan_text, opened, location, context.limits, missing)
    return Response(text, media_type=JSON)


async def _get(request: Request, parameters: Mapping[str, str]) -> Response:
    opened = await context_of(request).files.by_spec(_parse_query, parameters)
    return await _answer(request, opened.file, _location(request, opened))


async def _get_by_token(request: Request, token: str) -> Response:
    opened = await context_of(request).files.by_token(token)
    return await _answer(request, opened.file)


async def _get_tensor(request: Request, token: str, name: str, wanted: str) -> Response:
    context = context_of(request)
    opened = await context.files.by_token(token)
    with span("slice") as slicing:
        file = await context.worker.run(open_slice, opened.file, name, wanted)
        slicing.set_attributes(file_attributes(file))
    return await _answer(request, file)


async def _answer(request: Request, file: VirtualFile, location: str | None = None) -> Response:
    """The file in the form that the client prefers."""
    context = context_of(request)
    missing = await context.missing_device(file.resolved.device)
    if missing is not None:
        raise DeviceError(missing)
    headers = {"Vary": "Accept", **({"Content-Location": location} if location else {})}
    if location and file.resolved.torch is not None and "torch_version" not in request.query_params:
        headers["Cache-Control"] = REVALIDATED  # another version of torch answers this URL with other bytes
    if _form(request, context, file) == JSON:
        return await respond(request, JsonForm(context, file, headers))
    return await respond(request, SafetensorsForm(context, file, headers))


def _form(request: Request, context: WeightsContext, file: VirtualFile) -> str:
    """The media type to answer with. Raises UnrepresentableError where none is acceptable."""
    accept = ", ".join(request.headers.getlist("accept"))
    form = preferred(accept, [OCTETS, JSON])
    limit = context.settings.json_elements
    if form == JSON and not fits_json(file, limit):
        form = preferred(accept, [OCTETS])
        if form is None:
            raise UnrepresentableError(
                f"files of over {limit:,} elements are not available as JSON: accept {OCTETS}"
            )
    if form is None:
        raise UnrepresentableError(f"a file is available as {OCTETS} or {JSON}: accept one of them")
    return form


def _location(request: Request, opened: OpenFile) -> str | None:
    """The URL of a file, relative to the host."""
    if opened.token is None:
        return None
    return f"{request.scope.get('root_path', '')}{router.prefix}/{opened.token}"


def _parse_query(parameters: Mapping[str, str], limits: Limits) -> ResolvedSpec:
    """The spec of query parameters; its faults name parameters."""
    try:
        return parse_query(parameters, limits)
    except SpecError as error:
        raise QueryError(error.faults) from None
