"""The worker and the state of a service that is traced: the plain ones, with spans around what they do.

The plain ones know nothing of spans, and a service without traces uses these classes not at all.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any, ParamSpec, TypeVar

from opentelemetry.trace import Tracer

from tensorseed.concurrency.cancellation import Cancelled
from tensorseed.files.materialised import Materialised
from tensorseed.files.virtual_file import VirtualFile
from tensorseed.sampling.executors.base import Executor
from tensorseed.spec.limits import Limits
from tensorseed.spec.resolved import ResolvedSpec

from ..http.state import OpenFile, State
from ..settings import Settings
from ..worker.metrics_hooks import NO_METRICS, WorkerMetrics
from ..worker.worker import Worker
from .spans import COMPLETE, step

P = ParamSpec("P")
T = TypeVar("T")
Attributes = dict[str, str | int | float | bool | tuple[str, ...]]

MANY = 4_096  # tensors: the schemes of a file of more are not told, since looking takes as long as computing
ROOT = "tensorseed"


@dataclass(frozen=True, slots=True)
class Step:
    """How a function that the worker runs shows in a trace: its span's name, and what is told of it.

    `asked` makes attributes of its arguments, `found` of its result.
    """

    name: str
    asked: Callable[..., Attributes] | None = None
    found: Callable[[Any], Attributes] | None = None


def of_spec(resolved: ResolvedSpec) -> Attributes:
    """What a trace tells of a spec."""
    return {f"{ROOT}.generator": resolved.generator, f"{ROOT}.tensors": len(resolved.tensors)}


def of_file(opened: OpenFile | VirtualFile) -> Attributes:
    """What a trace tells of a file."""
    file = opened.file if isinstance(opened, OpenFile) else opened
    return {**of_spec(file.resolved), f"{ROOT}.file_bytes": file.size}


def of_range(file: VirtualFile, start: int, stop: int) -> Attributes:
    """What a trace tells of the bytes [start, stop) of a file: its spec, and their schemes and dtypes."""
    about = {**of_spec(file.resolved), f"{ROOT}.device": file.resolved.device}
    if len(file.resolved.tensors) > MANY:
        return about
    tensors = [entry.tensor for entry in file.entries_within(start, stop)]
    schemes = tuple(sorted({tensor.scheme.kind for tensor in tensors}))
    dtypes = tuple(sorted({tensor.dtype.name for tensor in tensors}))
    return {**about, f"{ROOT}.schemes": schemes, f"{ROOT}.dtypes": dtypes}


def of_json(file: VirtualFile, _source: object) -> Attributes:
    """What a trace tells of a file's JSON form."""
    return of_range(file, 0, file.size)


def of_evaluation(evaluation: Any, _form: str) -> Attributes:
    """What a trace tells of an evaluation."""
    return {
        f"{ROOT}.variants": len(evaluation.variants),
        f"{ROOT}.nodes": len(evaluation.nodes),
        f"{ROOT}.steps": evaluation.steps,
    }


def of_loss(_state: State, name: str, body: memoryview, *_: object) -> Attributes:
    """What a trace tells of a loss. Its name has been checked: it is one of the losses there are."""
    return {f"{ROOT}.loss": name, f"{ROOT}.request_bytes": len(body)}


STEPS: Mapping[str, Step] = {
    "service.http.state._open_spec": Step("parse", found=of_file),
    "service.http.state._open_token": Step("parse", found=of_file),
    "tensorseed.files.virtual_file.open_slice": Step("slice", found=of_file),
    "service.weights.plans.plan_text": Step("plan"),
    "service.weights.representations.json_text": Step("generate", asked=of_json),
    "tensorseed.evaluations.read_evaluation": Step("parse"),
    "service.evaluations.routes._compute": Step("evaluate", asked=of_evaluation),
    "service.losses.routes._answer": Step("loss", asked=of_loss),
    "tensorseed.checkpoints.repository.Repository.snapshot": Step("snapshot"),
    "service.worker.worker._prepare": Step("prepare"),
}
"""The functions that have a span, by module and name. The others are part of their request's."""


def step_of(function: Callable[..., Any]) -> tuple[Step | None, Attributes]:
    """The step that a function is, if it is one, and what its bound arguments tell."""
    bare, args = (function.func, function.args) if isinstance(function, partial) else (function, ())
    module, name = getattr(bare, "__module__", ""), getattr(bare, "__qualname__", "")
    found = STEPS.get(f"{module}.{name}")
    return found, found.asked(*args) if found and found.asked and args else {}


class TracedWorker(Worker):
    """A worker whose work shows in traces."""

    def __init__(self, tracer: Tracer, *args: Any, **kwargs: Any) -> None:
        self._tracer = tracer
        super().__init__(*args, **kwargs)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See `Worker`. The span holds the wait for a thread too."""
        known, about = step_of(partial(function, *args))
        if known is None:
            return await super().run(function, *args, **kwargs)
        with step(self._tracer, known.name, about) as span:
            result = await super().run(function, *args, **kwargs)
            if known.found is not None and span.is_recording():
                span.set_attributes(known.found(result))
            return result

    async def run_cancellable(self, job: Callable[[Cancelled], T], device: str = "auto") -> T:
        """See `Worker`. The span holds the wait for a thread too."""
        known, about = step_of(job)
        if known is None:
            return await super().run_cancellable(job, device)
        with step(self._tracer, known.name, {**about, f"{ROOT}.device": device}):
            return await super().run_cancellable(job, device)

    def at_once(self, file: VirtualFile, start: int, stop: int) -> memoryview | None:
        """See `Worker`."""
        began = time.time_ns()
        body = super().at_once(file, start, stop)
        if body is not None:
            span = self._tracer.start_span("generate", start_time=began)
            if span.is_recording():
                span.set_attributes({**of_range(file, start, stop), f"{ROOT}.bytes": len(body)})
            span.end()
        return body

    async def stream(self, file: VirtualFile, start: int, stop: int) -> AsyncGenerator[memoryview, None]:
        """See `Worker`. The span ends with the last byte, or when the reader leaves.

        It is not the current one meanwhile, since the reader runs in between.
        """
        span = self._tracer.start_span("generate")
        if span.is_recording():
            span.set_attributes(of_range(file, start, stop))
        nbytes = 0
        try:
            async with aclosing(super().stream(file, start, stop)) as chunks:
                async for chunk in chunks:
                    nbytes += len(chunk)
                    yield chunk
        finally:
            span.set_attribute(f"{ROOT}.bytes", nbytes)
            span.set_attribute(COMPLETE, nbytes == stop - start)
            span.end()

    async def source(self, file: VirtualFile) -> Executor | Materialised:
        """See `Worker`."""
        if file.resolved.generator != "torch":
            return await super().source(file)
        with step(self._tracer, "materialise", of_file(file)):
            return await super().source(file)


class TracedState(State):
    """A state whose worker is traced, and so is what it does without the worker."""

    def __init__(self, tracer: Tracer, settings: Settings, metrics: WorkerMetrics = NO_METRICS) -> None:
        self._tracer = tracer
        super().__init__(settings, metrics, partial(TracedWorker, tracer))

    def open_query(
        self,
        parse: Callable[[Mapping[str, str], Limits], ResolvedSpec],
        raw: bytes,
        parameters: Mapping[str, str],
    ) -> OpenFile | None:
        """See `State`. A query that is remembered is not parsed, so it has no span."""

        def traced(parameters: Mapping[str, str], limits: Limits) -> ResolvedSpec:
            with step(self._tracer, "parse") as span:
                resolved = parse(parameters, limits)
                span.set_attributes(of_spec(resolved))
                return resolved

        return super().open_query(traced, raw, parameters)
