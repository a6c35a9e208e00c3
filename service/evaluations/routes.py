"""Evaluations of an initialisation, by the body of a request and by token."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, TypeVar
from urllib.parse import quote

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from tensorseed.concurrency.cancellation import Cancelled, ComputationCancelledError
from tensorseed.errors import (
    CapacityError,
    DeviceError,
    EvaluationError,
    SpecError,
    TooLargeError,
    UnknownNameError,
    UnrepresentableError,
    VersionError,
)
from tensorseed.evaluations import decode_evaluation, encode_evaluation, evaluate, read_evaluation
from tensorseed.spec.limits import Limits

from ..http.bodies import read_json
from ..http.context import JobsContext
from ..http.disconnect import cancel_on_disconnect
from ..http.errors import (
    BusyError,
    MalformedRequestError,
    MediaTypeError,
    NotReadyError,
    PreconditionError,
    QueryError,
    RangeError,
)
from ..http.memory import MemoryLease, lease_of
from ..http.negotiation import accept_of
from ..http.paths import root_path
from ..http.pictures import form_of_picture, picture_format_parameter, split_ending
from ..http.problems import COMMON, ProblemKind
from ..http.queries import query_of
from ..http.responses import WHOLE_BYTES, file_response
from ..http.routing import PlainRoute, get_and_head
from ..telemetry import DEVICE, Attributes, span
from .representations import Content, EvaluationRepresentation, check_labels, content_of, form_of
from .schemas import TOKEN, evaluation_answers, evaluation_body, report_answers

if TYPE_CHECKING:
    from tensorseed.evaluations.evaluation import Evaluation

PROBLEMS = COMMON.extended(
    {EvaluationError: ProblemKind("invalid-evaluation", 422, "The evaluation is not valid")}
)

T = TypeVar("T")

router = APIRouter(prefix="/v1/evaluations", tags=["evaluations"], route_class=PlainRoute)

Token = Annotated[
    str,
    Path(
        description="The token of a Content-Location.",
        openapi_examples={"layer": {"summary": "The signals of a ReLU", "value": TOKEN}},
    ),
]

_BODY = (EvaluationError, SpecError, QueryError, TooLargeError, MediaTypeError, MalformedRequestError)
_WORK = (UnrepresentableError, DeviceError, VersionError, BusyError, NotReadyError, CapacityError)


@router.post(
    "",
    operation_id="postEvaluations",
    summary="The effects of an initialisation on a network",
    response_class=Response,
    responses=evaluation_answers() | PROBLEMS.documented(*_BODY, *_WORK),
    openapi_extra=evaluation_body(),
)
async def post_evaluations(request: Request) -> Response:
    """Draw the weights, run the network forward and backward, train it for some steps, and report.

    The report has signals, gradients, warnings, and the loss beside that of an uninformed network. With
    `compare` it has several inits or seeds side by side. It comes as JSON or as a picture (SVG or PNG). With
    `return_weights` it is the metadata of a safetensors file of the weights after the last step. Nothing is
    computed before the whole evaluation is known to be valid, and computing stops when the client leaves.
    Content-Location is the report's own URL, absent where it would be too long, and with `return_weights`.
    """
    query_of(request, allowed=())
    context = JobsContext.of(request)
    with context.evaluations.admit():
        body = await read_json(request, context.settings.body_bytes)
        return await cancel_on_disconnect(request.receive, _post(request, body))


@get_and_head(
    router,
    "/{token}",
    "Evaluation",
    responses=report_answers(),
    errors=PROBLEMS.documented(
        EvaluationError, QueryError, UnknownNameError, TooLargeError, PreconditionError, RangeError, *_WORK
    ),
    parameters=[picture_format_parameter()],
)
async def get_evaluation(request: Request, token: Token) -> Response:
    """The report of the evaluation that a token names.

    The token holds the whole request: nothing is stored, and each answer is computed anew. Its entity tag
    names the request, the form, and what computes: the versions and the machine.
    """
    wanted = query_of(request, allowed=("format",))
    token, ending = split_ending(token)
    form = form_of_picture(ending, wanted)
    context = JobsContext.of(request)
    with context.evaluations.admit():
        return await cancel_on_disconnect(request.receive, _get(request, token, form))


async def _get(request: Request, token: str, form: str | None) -> Response:
    context, lease = JobsContext.of(request), lease_of(request)
    with span("parse"):
        evaluation = await context.worker.run(_read, decode_evaluation, token, context.limits, lease)
    media_type = form_of(accept_of(request) if form is None else form, weights=False)
    headers = {"Vary": "Accept"} if form is None else {}
    work = partial(_evaluate, context, evaluation, media_type)
    tagged = await context.worker.run(EvaluationRepresentation, token, evaluation, media_type, headers, work)
    return await file_response(request, tagged, context.streams)


async def _evaluate(context: JobsContext, evaluation: Evaluation, form: str) -> Content:
    with span("evaluate", _attributes(evaluation)):
        return await context.worker.run_cancellable(
            partial(_compute, evaluation, form), evaluation.device, seconds=evaluation.seconds
        )


async def _post(request: Request, body: bytes) -> Response:
    context, lease = JobsContext.of(request), lease_of(request)
    with span("parse"):
        evaluation = await context.worker.run(_read, read_evaluation, body, context.limits, lease)
    form = form_of(accept_of(request), weights=evaluation.return_weights)
    if evaluation.return_weights:
        check_labels([variant.label or "" for variant in evaluation.variants])
    content = await _evaluate(context, evaluation, form)
    headers = {"Cache-Control": "no-store", "Vary": "Accept", **content.headers}
    if (token := encode_evaluation(evaluation)) is not None:
        headers["Content-Location"] = f"{quote(root_path(request.scope))}{router.prefix}/{token}"
    if content.size <= WHOLE_BYTES:
        return Response(b"".join(content.pieces), headers=headers, media_type=content.media_type)
    lease.take(content.size)
    headers["Content-Length"] = str(content.size)
    return StreamingResponse(content.stream(), headers=headers, media_type=content.media_type)


def _read(
    read: Callable[[T, Limits], Evaluation], source: T, limits: Limits, lease: MemoryLease
) -> Evaluation:
    """The evaluation that `read` makes of a body or a token."""
    with lease.reserving(keep=True):
        evaluation = read(source, limits)
        _ = evaluation.seconds  # cached here, so that the event loop does not compute it
        return evaluation


def _attributes(evaluation: Evaluation) -> Attributes:
    return {
        "tensorseed.variants": len(evaluation.variants),
        "tensorseed.nodes": len(evaluation.nodes),
        "tensorseed.steps": evaluation.steps,
        DEVICE: evaluation.device,
    }


def _compute(evaluation: Evaluation, form: str, cancelled: Cancelled) -> Content:
    """The answer.

    Raises:
        NotReadyError: The service stops before the answer is complete.
    """
    try:
        return content_of(evaluate(evaluation, cancelled), form)
    except ComputationCancelledError:
        raise NotReadyError("the service is stopping: ask again shortly", {"Retry-After": "1"}) from None
