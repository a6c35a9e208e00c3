"""Evaluations of an initialisation by a network's signals and training."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from tensorseed.concurrency.cancellation import Cancelled, ComputationCancelledError
from tensorseed.errors import (
    CapacityError,
    DeviceError,
    EvaluationError,
    SpecError,
    TooLargeError,
    UnrepresentableError,
    VersionError,
)
from tensorseed.evaluations import evaluate, read_evaluation
from tensorseed.spec.limits import Limits

from ..http.bodies import read_json
from ..http.context import JobsContext
from ..http.disconnect import cancel_on_disconnect
from ..http.errors import BusyError, MalformedRequestError, MediaTypeError, NotReadyError, QueryError
from ..http.memory import MemoryLease, lease_of
from ..http.negotiation import accept_of
from ..http.problems import COMMON, ProblemKind
from ..http.queries import query_of
from ..http.responses import WHOLE_BYTES
from ..telemetry import DEVICE, Attributes, span
from .representations import Content, check_labels, content_of, form_of
from .schemas import evaluation_answers, evaluation_body

if TYPE_CHECKING:
    from tensorseed.evaluations.evaluation import Evaluation

PROBLEMS = COMMON.extended(
    {EvaluationError: ProblemKind("invalid-evaluation", 422, "The evaluation is not valid")}
)

router = APIRouter(prefix="/v1/evaluations", tags=["evaluations"])

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
    """
    query_of(request, allowed=())
    context = JobsContext.of(request)
    with context.evaluations.admit():
        body = await read_json(request, context.settings.body_bytes)
        return await cancel_on_disconnect(request.receive, _post(request, body))


async def _post(request: Request, body: bytes) -> Response:
    context, lease = JobsContext.of(request), lease_of(request)
    with span("parse"):
        evaluation = await context.worker.run(_read, body, context.limits, lease)
    form = form_of(accept_of(request), weights=evaluation.return_weights)
    if evaluation.return_weights:
        check_labels([variant.label or "" for variant in evaluation.variants])
    with span("evaluate", _attributes(evaluation)):
        content = await context.worker.run_cancellable(
            partial(_compute, evaluation, form), evaluation.device, seconds=evaluation.seconds
        )
    headers = {"Cache-Control": "no-store", "Vary": "Accept", **content.headers}
    if content.size <= WHOLE_BYTES:
        return Response(b"".join(content.pieces), headers=headers, media_type=content.media_type)
    lease.take(content.size)
    headers["Content-Length"] = str(content.size)
    return StreamingResponse(content.stream(), headers=headers, media_type=content.media_type)


def _read(body: bytes, limits: Limits, lease: MemoryLease) -> Evaluation:
    with lease.reserving(keep=True):
        evaluation = read_evaluation(body, limits)
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
