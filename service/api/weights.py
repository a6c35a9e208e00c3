"""Weight files: by spec, by query, by token, by slice; and their plans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from service.api.bodies import read_json
from service.api.errors import (
    MalformedRequestError,
    MediaTypeError,
    PreconditionError,
    QueryError,
    RangeError,
)
from service.api.files import respond
from service.api.negotiation import JSON, OCTETS, preferred
from service.api.parameters import query_parameters, slice_parameter
from service.api.plans import plan_text
from service.api.problems import documented
from service.api.representations import JsonForm, SafetensorsForm, count_elements
from service.api.routes import answers, file_answers, readable, spec_body
from service.api.schemas import Plan
from service.api.state import OpenFile, State, state_of
from service.core.errors import (
    DeviceError,
    SliceError,
    SpecError,
    TooLargeError,
    UnknownNameError,
    UnrepresentableError,
    VersionError,
)
from service.core.limits import Limits
from service.core.resolved import ResolvedSpec
from service.core.safetensors_file import VirtualFile, open_slice
from service.core.spec import parse_query, parse_spec

router = APIRouter(prefix="/v1/weights", tags=["weights"])

Token = Annotated[
    str, Path(description="What a plan or a Content-Location names.", examples=["eyJzZWVkIjo0Mn0"])
]
Name = Annotated[
    str, Path(description="The tensor's name; it may hold slashes and dots.", examples=["fc1.weight"])
]

_FILE = (UnrepresentableError, DeviceError, VersionError, PreconditionError)
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
    opened = await _opened_body(request)
    return await _answer(request, opened.file, _location(request, opened))


@router.post(
    "/plan",
    operation_id="planWeights",
    summary="What the file of a spec would be",
    response_class=Response,
    responses=answers(Plan, "The plan") | documented(*_BODY, VersionError),
    openapi_extra=spec_body(),
)
async def plan_weights(request: Request) -> Response:
    """Token, entity tag, size, and every tensor's bytes, fans and moments, computing no value."""
    opened = await _opened_body(request)
    state = state_of(request)
    text = await state.worker.run(plan_text, opened, _location(request, opened), state.limits)
    return Response(text, media_type=JSON)


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
    opened = await state_of(request).open_spec(_parse_query, _parameters(request))
    return await _answer(request, opened.file, _location(request, opened))


@readable(
    router,
    "/{token}",
    "WeightsByToken",
    responses=file_answers(),
    errors=documented(UnknownNameError, QueryError, TooLargeError, RangeError, *_FILE),
)
async def get_weights_by_token(request: Request, token: Token) -> Response:
    """The file that a token names. The token holds the whole spec: nothing is stored."""
    _parameters(request, allowed=())
    opened = await state_of(request).open_token(token)
    return await _answer(request, opened.file)


@readable(
    router,
    "/{token}/tensors/{name:path}",
    "Tensor",
    responses=file_answers(),
    errors=documented(UnknownNameError, SliceError, QueryError, TooLargeError, RangeError, *_FILE),
    parameters=[slice_parameter()],
)
async def get_tensor(request: Request, token: Token, name: Name) -> Response:
    """A file of one tensor, or of a slice of it, with the values that it has in the whole file."""
    wanted = _parameters(request, allowed=("slice",)).get("slice", "")
    state = state_of(request)
    opened = await state.open_token(token)
    file = await state.worker.run(open_slice, opened.file, name, wanted)
    return await _answer(request, file)


async def _opened_body(request: Request) -> OpenFile:
    """The file of the spec in the body."""
    _parameters(request, allowed=())
    state = state_of(request)
    body = await read_json(request, state.settings.body_bytes)
    return await state.open_spec(parse_spec, body)


async def _answer(request: Request, file: VirtualFile, location: str | None = None) -> Response:
    """The file in the form that the client prefers."""
    state = state_of(request)
    if file.resolved.device != "auto":
        await state.worker.run(state.worker.check_device, file.resolved.device)
    headers = {"Vary": "Accept", **({"Content-Location": location} if location else {})}
    if _form(request, state, file) == JSON:
        return await respond(request, JsonForm(state, file, headers))
    return await respond(request, SafetensorsForm(state, file, headers))


def _form(request: Request, state: State, file: VirtualFile) -> str:
    """The media type to answer with. Raises UnrepresentableError where none is acceptable."""
    accept = ", ".join(request.headers.getlist("accept"))
    form = preferred(accept, [OCTETS, JSON])
    limit = state.settings.json_elements
    if form == JSON and count_elements(file) > limit:
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


def _parameters(request: Request, allowed: tuple[str, ...] | None = None) -> dict[str, str]:
    """The query parameters, each given once. Raises QueryError for others than `allowed`."""
    pairs = request.query_params.multi_items()
    parameters = dict(pairs)
    for name in parameters:
        if allowed is not None and name not in allowed:
            valid = f"valid is {', '.join(allowed)}" if allowed else "this path has none"
            raise QueryError.at(name, f"unknown query parameter {name[:80]}: {valid}")
    if len(parameters) < len(pairs):
        twice = next(name for name in parameters if sum(name == other for other, _ in pairs) > 1)
        raise QueryError.at(twice, f"the query parameter {twice[:80]} is given more than once: give it once")
    return parameters
