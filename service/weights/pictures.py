"""Histograms and heat maps of tensors.

A tensor can have any name, such as `a/histogram`. So `…/tensors/a/histogram` is the file of a tensor of that
name where the spec has one, and else the histogram of `a`. So is `…/tensors/a/histogram.svg`, its picture.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import AsyncGenerator, Mapping
from functools import cache, partial
from importlib.metadata import version

import orjson
from fastapi import APIRouter
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response

from tensorseed.concurrency.cancellation import Cancelled
from tensorseed.errors import (
    CapacityError,
    DeviceError,
    TooLargeError,
    UnknownNameError,
    UnrepresentableError,
    VersionError,
)
from tensorseed.files.elements import ElementSource
from tensorseed.files.virtual_file import VirtualFile
from tensorseed.pictures import Form
from tensorseed.spec.json.arrays import to_json_lists
from tensorseed.spec.resolved import ResolvedTensor
from tensorseed.statistics.heatmap import HeatMap
from tensorseed.statistics.histogram import Histogram

from ..http.concurrency_limit import refusing_preparations
from ..http.disconnect import cancel_on_disconnect
from ..http.errors import BusyError, PreconditionError, QueryError, RangeError, UnknownPathError
from ..http.memory import lease_of
from ..http.negotiation import JSON, accept_of, negotiate
from ..http.pictures import (
    CACHE_CONTROL,
    FORMATS,
    HEADERS,
    PNG,
    SVG,
    form_of_picture,
    picture_format_parameter,
)
from ..http.queries import check_path, query_of
from ..http.responses import Chunk, Representation, file_response
from ..http.routing import PlainRoute, get_and_head
from ..telemetry import span
from .context import WeightsContext
from .parameters import dtype_parameter
from .picture_queries import (
    HeatMapQuery,
    HistogramQuery,
    PictureQuery,
    Prepared,
    heatmap_parameters,
    histogram_parameters,
)
from .picture_schemas import TensorHeatMap, TensorHistogram, picture_answers
from .routes import PROBLEMS, Name, Token, answer_tensor, open_token

_UNAVAILABLE = f"a histogram and a heat map are available as {JSON}, {SVG} or {PNG}: accept one of them"
_DRAWN: Mapping[str, Form] = {SVG: "svg", PNG: "png"}
_KINDS: Mapping[str, type[PictureQuery]] = {kind.name: kind for kind in (HistogramQuery, HeatMapQuery)}
DRAWING_SECONDS = 0.5  # estimated
DRAWING_BYTES = 8 << 20  # of memory: the pixels, and the objects of the figure


class PictureConvertor(StringConvertor):
    """The name of a picture."""

    regex = "|".join(_KINDS)


register_url_convertor("picture", PictureConvertor())

router = APIRouter(prefix="/v1/weights", tags=["weights"], route_class=PlainRoute)


class PictureRepresentation(Representation):
    """The numbers of a picture, or the picture itself."""

    def __init__(
        self,
        context: WeightsContext,
        file: VirtualFile,
        tensor: ResolvedTensor,
        query: PictureQuery,
        prepared: Prepared,
        form: str,
        headers: Mapping[str, str],
    ) -> None:
        self._drawn = _DRAWN.get(form)
        content = {"Content-Type": form, **HEADERS.get(form, {})}
        kept = {"Cache-Control": CACHE_CONTROL} if self._drawn else {}
        super().__init__(_etag(file, tensor, query, form), {**kept, **headers}, content)
        self._worker = context.worker
        self._file = file
        self._tensor = tensor
        self._prepared = prepared
        self._body: bytes | None = None

    async def size(self) -> int:
        """The number of bytes. Only the text has it, so this computes the numbers."""
        return len(await self._text())

    def at_once(self, start: int, stop: int) -> Chunk | None:
        """The bytes [start, stop), once `size` has made the text."""
        return None if self._body is None else memoryview(self._body)[start:stop]

    async def stream(self, start: int, stop: int) -> AsyncGenerator[Chunk, None]:
        """The bytes [start, stop)."""
        yield memoryview(await self._text())[start:stop]

    async def _text(self) -> bytes:
        if self._body is None:
            with span("generate"), refusing_preparations():
                found = await self._worker.read_elements(
                    self._file, self._tensor, self._prepared.elements, self._compute
                )
                if isinstance(found, bytes):
                    self._body = found
                else:  # where the pictures of evaluations are drawn, whose clients take turns
                    drawing = partial(_draw, found, _DRAWN[self.content_headers["Content-Type"]])
                    self._body = await self._worker.run_cancellable(drawing, seconds=DRAWING_SECONDS)
        return self._body

    def _compute(self, source: ElementSource) -> bytes | Histogram | HeatMap:
        found = self._prepared.compute(source)
        return json_text(found) if self._drawn is None else found


def _draw(found: Histogram | HeatMap, form: Form, _cancelled: Cancelled) -> bytes:
    from tensorseed.statistics.plots import draw_heatmap, draw_histogram

    return draw_histogram(found, form) if isinstance(found, Histogram) else draw_heatmap(found, form)


def json_text(found: Histogram | HeatMap) -> bytes:
    """The members as JSON. An infinite end of a support is null, an infinite element a word."""
    members = dict(vars(found))
    if isinstance(found, HeatMap):
        members["values"] = to_json_lists(found.values, found.dtype)
    return orjson.dumps(members, option=orjson.OPT_SERIALIZE_NUMPY)


def _etag(file: VirtualFile, tensor: ResolvedTensor, query: PictureQuery, form: str) -> str:
    """A tag of all that decides the bytes, without computing them."""
    drawn = _drawing_versions() if form in _DRAWN else ()
    decisive = (file.digest, tensor.name, repr(query), form, *_versions(), *drawn)
    return f'"{hashlib.sha256(repr(decisive).encode()).hexdigest()}"'


@cache
def _versions() -> tuple[str, ...]:
    """The versions of what writes the bytes."""
    return tuple(map(version, ("tensorseed", "numpy")))


@cache
def _drawing_versions() -> tuple[str, ...]:
    """What decides the bytes of a picture besides, in which fonts and lines are rounded by the machine."""
    return version("matplotlib"), platform.machine()


_ERRORS = (
    *(UnknownNameError, UnknownPathError, QueryError, TooLargeError, UnrepresentableError, DeviceError),
    *(CapacityError, VersionError, PreconditionError, RangeError, BusyError),
)


@get_and_head(
    router,
    "/{token:token}/tensors/{name:path}/histogram",
    "Histogram",
    responses=picture_answers(TensorHistogram, "The histogram"),
    errors=PROBLEMS.documented(*_ERRORS),
    parameters=[*histogram_parameters(), dtype_parameter(), picture_format_parameter()],
)
async def get_histogram(request: Request, token: Token, name: Name) -> Response:
    """The histogram of a tensor, with its exact density, its exact moments and those of the sample.

    All elements of a tensor are counted, or about a million of a larger one, in runs spread evenly over it.
    A tensor whose own name ends in /histogram keeps this URL for its file.
    """
    check_path(request)
    return await cancel_on_disconnect(request.receive, _get(request, token, name, HistogramQuery))


@get_and_head(
    router,
    "/{token:token}/tensors/{name:path}/heatmap",
    "HeatMap",
    responses=picture_answers(TensorHeatMap, "The heat map"),
    errors=PROBLEMS.documented(*_ERRORS),
    parameters=[*heatmap_parameters(), dtype_parameter(), picture_format_parameter()],
)
async def get_heatmap(request: Request, token: Token, name: Name) -> Response:
    """The elements of a tensor as a matrix: its first rows and columns, or some spread evenly over it.

    The first dimension is that of the rows, all others together are the columns.
    A tensor whose own name ends in /heatmap keeps this URL for its file.
    """
    check_path(request)
    return await cancel_on_disconnect(request.receive, _get(request, token, name, HeatMapQuery))


@router.api_route(
    "/{token:token}/tensors/{name:path}/{picture:picture}.{ending:form}",
    methods=["GET", "HEAD"],
    include_in_schema=False,
)
async def get_picture(request: Request, token: str, name: str, picture: str, ending: str) -> Response:
    """A picture whose path ends in its format."""
    check_path(request)
    return await cancel_on_disconnect(request.receive, _get(request, token, name, _KINDS[picture], ending))


async def _get(
    request: Request, token: str, name: str, kind: type[PictureQuery], ending: str | None = None
) -> Response:
    context = WeightsContext.of(request)
    opened = await open_token(request, token, None)
    own = f"{name}/{kind.name}" + (f".{ending}" if ending else "")
    if await context.worker.run(_has, opened.file, own):
        return await answer_tensor(request, token, own)
    wanted = query_of(request, allowed=(*kind.names, "dtype", "format"))
    form = form_of_picture(ending, wanted)
    query = kind.read(wanted)
    media_type = negotiate(accept_of(request) if form is None else form, [*FORMATS.values()], _UNAVAILABLE)
    opened = await open_token(request, token, wanted.get("dtype"))
    await context.worker.device(opened.file.resolved.device)
    tensor, prepared = await context.worker.run(_prepare, opened.file, name, query)
    lease_of(request).take(prepared.nbytes + (DRAWING_BYTES if media_type in _DRAWN else 0))
    headers = {} if form is not None else {"Vary": "Accept"}
    representation = PictureRepresentation(context, opened.file, tensor, query, prepared, media_type, headers)
    return await file_response(request, representation, context.streams)


def _has(file: VirtualFile, name: str) -> bool:
    try:
        file.entry(name)
    except UnknownNameError:
        return False
    return True


def _prepare(file: VirtualFile, name: str, query: PictureQuery) -> tuple[ResolvedTensor, Prepared]:
    tensor = file.entry(name).tensor
    return tensor, query.prepare(tensor)
