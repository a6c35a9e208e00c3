"""Spans of the work, by the OpenTelemetry API: a no-op without a tracer.

    POST /v1/weights                 SERVER, of the request: service.server.request_telemetry
    ├── parse                        a spec, a query, a token or an evaluation
    ├── slice, plan, snapshot        of a file, a spec, a repository
    ├── materialise, prepare         all that precedes the first byte
    ├── generate                     the bytes of an answer, while they are sent
    └── evaluate, loss               of a network, of tensors

Attributes of the service begin with `tensorseed.`. Those of requests follow OpenTelemetry's conventions.
No span holds a key, a token, a query, a name from a client, a body or the message of an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar, copy_context
from functools import partial
from types import TracebackType
from typing import ParamSpec, TypeVar

from opentelemetry.trace import INVALID_SPAN, Span, StatusCode, Tracer

from tensorseed.files.virtual_file import VirtualFile
from tensorseed.spec.resolved import ResolvedSpec

P = ParamSpec("P")
T = TypeVar("T")
Attributes = dict[str, str | int | float | bool | tuple[str, ...]]

MAX_TENSORS = 4_096  # of a file whose schemes and dtypes are collected: more take as long as computing

ERROR_TYPE = "error.type"
BYTES = "tensorseed.bytes"
COMPLETE = "tensorseed.complete"
DEVICE = "tensorseed.device"

TRACER: ContextVar[Tracer | None] = ContextVar("tracer", default=None)
"""The tracer of the application that answers the current request; None without traces.

Not the process's global one, so that applications of one process are traced apart.
"""

_NO_SPAN = nullcontext(INVALID_SPAN)


class ThreadPool(ThreadPoolExecutor):
    """A pool that runs each function in the context of its caller, with its span and its request id."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """See `ThreadPoolExecutor`."""
        return super().submit(partial(copy_context().run, fn, *args, **kwargs))


def span(name: str, attributes: Mapping[str, object] | None = None) -> AbstractContextManager[Span]:
    """A span around a block, and the current one within it."""
    tracer = TRACER.get()
    return _NO_SPAN if tracer is None else _span(tracer, name, attributes)


@contextmanager
def _span(tracer: Tracer, name: str, attributes: Mapping[str, object] | None) -> Iterator[Span]:
    with (
        tracer.start_as_current_span(
            name, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as current,
        recording_error(current),
    ):
        yield current


@contextmanager
def recording_error(current: Span) -> Iterator[None]:
    """A block whose exception marks the span: by its type, never by its message, which may quote a client."""
    try:
        yield
    except BaseException as error:
        current.set_attribute(ERROR_TYPE, type(error).__qualname__)
        if isinstance(error, Exception):
            current.set_status(StatusCode.ERROR)
        raise


class Generation:
    """The span `generate` of a file's bytes [start, stop). `nbytes` counts what has been generated.

    It is not the current span, since a stream's reader runs between the chunks.
    """

    def __init__(self, file: VirtualFile, start: int, stop: int) -> None:
        self.nbytes = 0
        self._wanted = stop - start
        tracer = TRACER.get()
        self._span = INVALID_SPAN if tracer is None else tracer.start_span("generate")
        if self._span.is_recording():
            self._span.set_attributes(range_attributes(file, start, stop))

    def __enter__(self) -> Generation:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._span.set_attribute(BYTES, self.nbytes)
        self._span.set_attribute(COMPLETE, self.nbytes == self._wanted)
        self._span.end()


def spec_attributes(resolved: ResolvedSpec) -> Attributes:
    """The generator of a spec and its number of tensors."""
    return {"tensorseed.generator": resolved.generator, "tensorseed.tensors": len(resolved.tensors)}


def file_attributes(file: VirtualFile) -> Attributes:
    """Those of a file's spec, and its size."""
    return {**spec_attributes(file.resolved), "tensorseed.file_bytes": file.size}


def range_attributes(file: VirtualFile, start: int, stop: int) -> Attributes:
    """Those of a file's spec, and the schemes and dtypes of its bytes [start, stop)."""
    found = {**spec_attributes(file.resolved), DEVICE: file.resolved.device}
    if len(file.resolved.tensors) > MAX_TENSORS:
        return found
    tensors = [entry.tensor for entry in file.entries_within(start, stop)]
    return {
        **found,
        "tensorseed.schemes": tuple(sorted({tensor.scheme.kind for tensor in tensors})),
        "tensorseed.dtypes": tuple(sorted({tensor.dtype.name for tensor in tensors})),
    }
