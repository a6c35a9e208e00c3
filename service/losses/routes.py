"""Losses of tensors that are sent as JSON or as safetensors files.

The losses are imported by the first request for one: the service starts without torch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from tensorseed.concurrency.cancellation import Cancelled
from tensorseed.errors import (
    CapacityError,
    DeviceError,
    Fault,
    LossError,
    TooLargeError,
    UnknownNameError,
    UnrepresentableError,
)

from ..http.bodies import body_type, read_json, read_octets
from ..http.context import JobsContext
from ..http.disconnect import cancel_on_disconnect
from ..http.errors import BusyError, MalformedRequestError, MediaTypeError, QueryError
from ..http.memory import MemoryLease, lease_of
from ..http.negotiation import JSON, OCTETS, accept_of, negotiate
from ..http.openapi import json_list_answer
from ..http.problems import COMMON, ProblemKind
from ..http.queries import query_of
from ..http.routing import get_and_head
from ..telemetry import span
from .evaluation import loss_response
from .schemas import CatalogLoss, loss_answers, loss_body

PROBLEMS = COMMON.extended({LossError: ProblemKind("invalid-loss", 422, "The loss cannot be evaluated")})

router = APIRouter(prefix="/v1/losses", tags=["losses"])

Kind = Annotated[
    str,
    Path(
        description="torch.nn.functional's name of the loss.",
        openapi_examples={"cross_entropy": {"summary": "The loss of classes", "value": "cross_entropy"}},
    ),
]

_BODY = (LossError, QueryError, TooLargeError, MediaTypeError, MalformedRequestError)
_WORK = (UnrepresentableError, DeviceError, CapacityError, BusyError)
_IN_THE_BODY = f"with JSON the options are in the body: put it there, or send a safetensors file as {OCTETS}"
_SEND_A_FILE = f"send the tensors as a safetensors file, as {OCTETS}"
_SEND_PARTS = "evaluate the batch in parts, with reduction sum, and add them up"


@get_and_head(
    router,
    "",
    "Losses",
    responses=json_list_answer(CatalogLoss, "The losses"),
    errors=PROBLEMS.documented(QueryError, TooLargeError),
)
async def losses(request: Request) -> Response:
    """The losses: formula, tensors, options, and the denominator of the reduction `mean`."""
    query_of(request, allowed=())
    return await cancel_on_disconnect(request.receive, _catalog(request, None))


@get_and_head(
    router,
    "/{kind}",
    "Loss",
    model=CatalogLoss,
    errors=PROBLEMS.documented(UnknownNameError, QueryError, TooLargeError),
)
async def loss(request: Request, kind: Kind) -> Response:
    """One loss: formula, tensors, options, and the denominator of the reduction `mean`."""
    query_of(request, allowed=())
    return await cancel_on_disconnect(request.receive, _catalog(request, kind))


@router.post(
    "/{kind}",
    operation_id="postLoss",
    summary="The value of a loss, and gradients",
    response_class=Response,
    responses=loss_answers() | PROBLEMS.documented(UnknownNameError, *_BODY, *_WORK),
    openapi_extra=loss_body(),
)
async def post_loss(request: Request, kind: Kind) -> Response:
    """The loss of the tensors in the body, computed by torch, with its denominator and gradients.

    The body is JSON that holds tensors, as nested lists, and options by name. Or it is a safetensors file
    whose tensors are named by argument, with the options in the query. Gradients are those of the loss, of
    its sum where nothing is reduced. An answer of many numbers comes as a safetensors file, of tensors `loss`
    and `gradients.input`, with the denominator in its metadata.
    """
    context = JobsContext.of(request)
    accept = accept_of(request)
    negotiate(accept, (JSON, OCTETS), f"a loss is available as {JSON} or {OCTETS}: accept one of them")
    seconds = await asyncio.to_thread(_seconds_of, kind)  # before the body is read
    with context.losses.admit():
        body, parameters = await _read(request, context)
        lease = lease_of(request)
        work = _evaluate(context, kind, body, parameters, accept, lease, seconds(len(body)))
        return await cancel_on_disconnect(request.receive, work)


async def _read(request: Request, context: JobsContext) -> tuple[memoryview, Mapping[str, str] | None]:
    """The body, and the query's parameters where the tensors are a file."""
    parameters = query_of(request)
    if body_type(request, (JSON, OCTETS)) == OCTETS:
        body = await read_octets(request, context.limits.loss_bytes, _SEND_PARTS)
        lease_of(request).take(len(body))  # for gradients and intermediates
        return body, parameters
    if parameters:
        raise QueryError([Fault(name, _IN_THE_BODY) for name in parameters])
    return memoryview(await read_json(request, context.settings.body_bytes, _SEND_A_FILE)), None


async def _evaluate(
    context: JobsContext,
    kind: str,
    body: memoryview,
    parameters: Mapping[str, str] | None,
    accept: str,
    lease: MemoryLease,
    seconds: float,
) -> Response:
    with span("loss", {"tensorseed.loss": kind, "tensorseed.request_bytes": len(body)}):
        job = partial(_answer, context, kind, body, parameters, accept, lease)
        worker = context.worker
        found = await worker.run_cancellable(job, pool=worker.pools.losses, seconds=seconds)
    return loss_response(found, lease)


async def _catalog(request: Request, kind: str | None) -> Response:
    text = await JobsContext.of(request).worker.run(_catalog_text, kind)
    return Response(text, media_type=JSON)


def _seconds_of(kind: str) -> Callable[[int], float]:
    from tensorseed.losses.request import loss_class

    return loss_class(kind).seconds


def _catalog_text(kind: str | None) -> bytes:
    from .evaluation import catalog_text

    return catalog_text(kind)


def _answer(
    context: JobsContext,
    kind: str,
    body: memoryview,
    parameters: Mapping[str, str] | None,
    accept: str,
    lease: MemoryLease,
    _cancelled: Cancelled,
) -> bytes | list[memoryview]:
    from .evaluation import LossMessage, answer

    with lease.reserving(keep=True):
        return answer(LossMessage(kind, body, parameters, accept), context)
