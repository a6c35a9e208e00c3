"""Weight files by spec, query, token and slice, and their plans."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path
from starlette.convertors import StringConvertor, register_url_convertor
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
from tensorseed.files.virtual_file import open_slice
from tensorseed.spec.limits import Limits
from tensorseed.spec.query import names_torch
from tensorseed.spec.resolved import ResolvedSpec
from tensorseed.spec.spec import in_dtype, parse_query, parse_spec
from tensorseed.spec.spellings.names import dtype_name

from ..http.bodies import is_form, read_json
from ..http.disconnect import cancel_on_disconnect
from ..http.errors import (
    BusyError,
    MalformedRequestError,
    MediaTypeError,
    PreconditionError,
    QueryError,
    RangeError,
    UnknownPathError,
)
from ..http.memory import lease_of
from ..http.negotiation import form_in_query
from ..http.openapi import json_answer
from ..http.paths import root_path
from ..http.problems import COMMON, ProblemKind
from ..http.queries import MAX_QUERY_BYTES, check_path, query_of, read_parameters
from ..http.routing import PlainRoute, get_and_head
from ..http.texts import text_response
from ..telemetry import file_attributes, span
from .answers import answer
from .context import OpenFile, WeightsContext
from .parameters import dtype_parameter, format_parameter, slice_parameter
from .plans import plan_pieces
from .representations import FORMATS
from .schemas import TOKEN, Plan, file_answers, spec_body
from .seeds import offer_seeds


class TokenConvertor(StringConvertor):
    """One segment of a path that is not the `plan` of `/v1/weights/plan`."""

    regex = "(?!plan(?:/|$))[^/]+"


register_url_convertor("token", TokenConvertor())

PROBLEMS = COMMON.extended(
    {SliceError: ProblemKind("invalid-slice", 422, "The slice does not fit the tensor", parameter="slice")}
)

router = APIRouter(prefix="/v1/weights", tags=["weights"], route_class=PlainRoute)

Token = Annotated[
    str,
    Path(
        description="The token of a plan or a Content-Location.",
        openapi_examples={"tensor": {"summary": "A Xavier-initialised 256×784 layer", "value": TOKEN}},
    ),
]
Name = Annotated[
    str,
    Path(
        description="The tensor's name; it may hold slashes and dots.",
        openapi_examples={"weight": {"summary": "The tensor of the example's token", "value": "weight"}},
    ),
]

_FILE = (UnrepresentableError, DeviceError, CapacityError, VersionError, PreconditionError, BusyError)
_BODY = (SpecError, QueryError, TooLargeError, MediaTypeError, MalformedRequestError)


@router.post(
    "",
    operation_id="postWeights",
    summary="The file of a spec",
    response_class=Response,
    responses=file_answers(ranges=False) | PROBLEMS.documented(*_BODY, *_FILE),
    openapi_extra=spec_body(),
)
async def post_weights(request: Request) -> Response:
    """The safetensors file of the spec in the body.

    Content-Location is the file's own URL, where GET serves the same bytes and their ranges. It is absent
    where the token is too long for a URL.
    """
    return await cancel_on_disconnect(request.receive, _post(request, await _body(request)))


@router.post(
    "/plan",
    operation_id="planWeights",
    summary="The plan of a spec's file",
    response_class=Response,
    responses=json_answer(Plan, "The plan") | PROBLEMS.documented(*_BODY, VersionError),
    openapi_extra=spec_body(),
)
async def plan_weights(request: Request) -> Response:
    """Token, entity tag, size, and every tensor's bytes, fans and moments, without its values.

    A spec for a device that this host lacks can be planned: a warning of code `device` says so.
    """
    return await cancel_on_disconnect(request.receive, _plan(request, await _body(request)))


@get_and_head(
    router,
    "",
    "WeightsByQuery",
    responses=file_answers(),
    errors=PROBLEMS.documented(QueryError, TooLargeError, RangeError, *_FILE),
    parameters=[format_parameter()],
)
async def get_weights(request: Request) -> Response:
    """The file of one tensor, given by query parameters.

    The scheme's own parameters are query parameters too. Content-Location is the file's URL by token.
    """
    parameters = query_of(request)
    form = form_in_query(parameters, FORMATS)
    opened = WeightsContext.of(request).files.by_query(
        _parse_query, request.scope["query_string"], parameters
    )
    if opened is not None:
        response = await _answer_query(request, opened, parameters, form)
        offer_seeds(request, opened, response)
        return response
    return await cancel_on_disconnect(request.receive, _get(request, parameters, form))


@get_and_head(
    router,
    "/{token:token}",
    "WeightsByToken",
    responses=file_answers(),
    errors=PROBLEMS.documented(UnknownNameError, QueryError, TooLargeError, RangeError, *_FILE),
    parameters=[dtype_parameter(), format_parameter()],
)
async def get_weights_by_token(request: Request, token: Token) -> Response:
    """The file that a token names. The token holds the whole spec: nothing is stored.

    With `dtype` it is the file of the same spec in that dtype, whose URL is the Content-Location.
    """
    wanted = query_of(request, allowed=("dtype", "format"))
    form = form_in_query(wanted, FORMATS)
    return await cancel_on_disconnect(
        request.receive, _get_by_token(request, token, wanted.get("dtype"), form)
    )


@get_and_head(
    router,
    "/{token:token}/tensors/{name:path}",
    "Tensor",
    responses=file_answers(),
    errors=PROBLEMS.documented(
        UnknownNameError, UnknownPathError, SliceError, QueryError, TooLargeError, RangeError, *_FILE
    ),
    parameters=[slice_parameter(), dtype_parameter(), format_parameter()],
)
async def get_tensor(request: Request, token: Token, name: Name) -> Response:
    """A file of one tensor, or of a slice of it, with the values that it has in the whole file."""
    check_path(request)
    return await cancel_on_disconnect(request.receive, answer_tensor(request, token, name))


async def _body(request: Request) -> bytes:
    """The body of a request that has nothing in its query."""
    query_of(request, allowed=())
    return await read_json(request, WeightsContext.of(request).settings.body_bytes)


async def _open(request: Request, body: bytes) -> OpenFile:
    """The file of a body: of a spec in JSON, or of one tensor by a form of the query's parameters."""
    files, lease = WeightsContext.of(request).files, lease_of(request)
    if len(body) <= MAX_QUERY_BYTES and is_form(request, body):
        return await files.by_spec(_parse_query, read_parameters(body.strip()), lease)
    return await files.by_spec(parse_spec, body, lease)


async def _post(request: Request, body: bytes) -> Response:
    opened = await _open(request, body)
    changing = opened.file.resolved.torch is not None  # a spec need not name the torch that draws
    return await answer(request, opened.file, _location(request, opened), changing=changing)


async def _plan(request: Request, body: bytes) -> Response:
    context = WeightsContext.of(request)
    opened = await _open(request, body)
    missing = await _missing_device(context, opened.file.resolved.device)
    location = _location(request, opened)
    with span("plan"):
        pieces = plan_pieces(opened, location, context.limits, missing)
        return await text_response(pieces, context.worker.run, lease_of(request))


async def _missing_device(context: WeightsContext, device: str) -> str | None:
    """The fault of a device that is absent or has failed; None for one that computes."""
    try:
        await context.worker.device(device)
    except DeviceError as error:
        return str(error)
    return None


async def _get(request: Request, parameters: Mapping[str, str], form: str | None) -> Response:
    opened = await WeightsContext.of(request).files.by_spec(_parse_query, parameters, lease_of(request))
    return await _answer_query(request, opened, parameters, form)


async def _answer_query(
    request: Request, opened: OpenFile, parameters: Mapping[str, str], form: str | None
) -> Response:
    """The file of a query, whose bytes may change with the host unless it names the torch that draws."""
    torch = opened.file.resolved.torch
    changing = torch is not None and not names_torch(parameters, torch)
    return await answer(request, opened.file, _location(request, opened), form, changing=changing)


async def _get_by_token(request: Request, token: str, dtype: str | None, form: str | None) -> Response:
    opened = await open_token(request, token, dtype)
    location = None if dtype is None else _location(request, opened)
    return await answer(request, opened.file, location, form)


async def open_token(request: Request, token: str, dtype: str | None) -> OpenFile:
    """The file of a token, in another dtype where one is given."""
    files, lease = WeightsContext.of(request).files, lease_of(request)
    opened = await files.by_token(token, lease)
    if dtype is None:
        return opened
    return await files.by_spec(partial(_in_dtype, dtype), opened.file.resolved, lease)


def _in_dtype(dtype: str, resolved: ResolvedSpec, limits: Limits) -> ResolvedSpec:
    """The spec in another dtype; its faults name the parameter."""
    try:
        return in_dtype(resolved, dtype_name(dtype), limits)
    except SpecError as error:
        raise QueryError(error.faults) from None


async def answer_tensor(request: Request, token: str, name: str) -> Response:
    """The file of a tensor, or of the slice in the query."""
    wanted = query_of(request, allowed=("slice", "dtype", "format"))
    form, context = form_in_query(wanted, FORMATS), WeightsContext.of(request)
    opened = await open_token(request, token, wanted.get("dtype"))
    with span("slice") as slicing:
        file = await context.worker.run(open_slice, opened.file, name, wanted.get("slice", ""))
        slicing.set_attributes(file_attributes(file))
    return await answer(request, file, form=form)


def _location(request: Request, opened: OpenFile) -> str | None:
    """The URL of a file, relative to the host."""
    if opened.token is None:
        return None
    return f"{quote(root_path(request.scope))}{router.prefix}/{opened.token}"


def _parse_query(parameters: Mapping[str, str], limits: Limits) -> ResolvedSpec:
    """The spec of query parameters; its faults name parameters."""
    try:
        return parse_query(parameters, limits)
    except SpecError as error:
        raise QueryError(error.faults) from None
