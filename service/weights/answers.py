"""Answers of a file in the form that a client wants."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from tensorseed.files.npy import DESCRIPTIONS, fits_npy
from tensorseed.files.virtual_file import VirtualFile

from ..http.negotiation import JSON, NPY, OCTETS, accept_of, negotiate
from ..http.responses import REVALIDATED, file_response
from .context import WeightsContext
from .representations import NAMES, REPRESENTATIONS, fits_json


async def answer(
    request: Request,
    file: VirtualFile,
    location: str | None = None,
    form: str | None = None,
    *,
    changing: bool = False,
) -> Response:
    """The file in the `form` of the query, or in the one that the client prefers.

    It is `changing` if another host may send other bytes.
    """
    context = WeightsContext.of(request)
    await context.worker.device(file.resolved.device)
    headers = {"Vary": "Accept"} if form is None else {}
    if location:
        query = f"?format={NAMES[form]}" if form is not None else ""
        headers["Content-Location"] = f"{location}{query}"
    if changing:
        headers["Cache-Control"] = REVALIDATED
    limit = context.settings.json_elements
    media_type = negotiate(
        accept_of(request) if form is None else form,
        (OCTETS, JSON, NPY) if fits_npy(file) else (OCTETS, JSON),
        f"a file is available as {OCTETS} or {JSON}, and one tensor of {', '.join(DESCRIPTIONS)} as {NPY}: "
        "accept one of them, or name it as format",
        json_fits=lambda: fits_json(file, limit),
        too_large=f"files of over {limit:,} elements are not available as JSON: accept {OCTETS}",
    )
    representation = REPRESENTATIONS[media_type](context.worker, file, headers)
    return await file_response(request, representation, context.streams)
