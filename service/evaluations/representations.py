"""Forms of an evaluation's answer: report, picture, or trained weights."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

import orjson

from tensorseed.errors import EvaluationError
from tensorseed.evaluations.plots import draw
from tensorseed.evaluations.report import Comparison, Report
from tensorseed.spec.json.values import spell_nonfinite

from ..http.negotiation import JSON, OCTETS, negotiate
from ..http.pictures import CACHE_CONTROL, HEADERS, PNG, SVG
from ..http.responses import Chunk, Representation

if TYPE_CHECKING:
    import torch

    from tensorseed.evaluations.evaluation import Evaluation

REPORTED = (JSON, SVG, PNG)  # the first by default
FILENAME = "evaluation.safetensors"

_HEADERS: Mapping[str, Mapping[str, str]] = {
    **HEADERS,
    OCTETS: {"Content-Disposition": f'attachment; filename="{FILENAME}"'},
}
_PIECE = 1 << 20  # bytes sent at a time


@dataclass(frozen=True, slots=True)
class Content:
    """An answer's bytes, in pieces, and their media type."""

    media_type: str
    pieces: Sequence[bytes | memoryview]
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The number of bytes."""
        return sum(map(len, self.pieces))

    async def stream(self) -> AsyncIterator[bytes | memoryview]:
        """The bytes, a piece at a time."""
        for piece in self.pieces:
            for start in range(0, len(piece), _PIECE):
                yield piece[start : start + _PIECE]


class EvaluationRepresentation(Representation):
    """A report in a form, computed when its size is wanted."""

    def __init__(
        self,
        token: str,
        evaluation: Evaluation,
        form: str,
        headers: Mapping[str, str],
        compute: Callable[[], Awaitable[Content]],
    ) -> None:
        """Blocks: the tag names the device of `evaluation`. `headers` are those that a 304 repeats."""
        content = {"Content-Type": form, **_HEADERS.get(form, {})}
        super().__init__(
            tag_of(token, evaluation, form), {"Cache-Control": CACHE_CONTROL, **headers}, content
        )
        self._compute = compute
        self._body: bytes | None = None

    async def size(self) -> int:
        """The number of bytes. Only the report has it, so this computes the evaluation."""
        if self._body is None:
            content = await self._compute()
            self._body = b"".join(content.pieces)
        return len(self._body)

    def at_once(self, start: int, stop: int) -> Chunk | None:
        """The bytes [start, stop), once `size` has made them."""
        return None if self._body is None else memoryview(self._body)[start:stop]

    async def stream(self, start: int, stop: int) -> AsyncGenerator[Chunk, None]:
        """The bytes [start, stop)."""
        await self.size()
        yield memoryview(self._body or b"")[start:stop]


def tag_of(token: str, evaluation: Evaluation, form: str) -> str:
    """A tag of all that decides the bytes, without computing them."""
    import torch

    threads = 1 if evaluation.uses_one_thread else torch.get_num_threads()
    drawn = () if form == JSON else (version("matplotlib"),)
    named = (token, form, threads, *_computer(evaluation.device), *drawn)
    return f'"{hashlib.sha256(repr(named).encode()).hexdigest()}"'


@cache
def _computer(device: str) -> tuple[str, ...]:
    """What decides the bits of torch's arithmetic, and the text of a report: versions and the machine."""
    import torch

    names = [torch.cuda.get_device_name(device)] if device.startswith("cuda") else []
    versions = map(version, ("tensorseed", "torch", "numpy"))
    return (*versions, platform.machine(), torch.__config__.show(), *names)


def form_of(accept: str, *, weights: bool) -> str:
    """The media type to answer with: a file for `weights`, else a form of the report.

    Raises:
        UnrepresentableError: Accept names no available form.
    """
    if weights:
        return negotiate(
            accept,
            [OCTETS],
            f"with return_weights the answer is a file of {OCTETS}, which holds the report too: accept that, "
            f"or leave return_weights out for {JSON}, {SVG} or {PNG}",
        )
    return negotiate(
        accept,
        REPORTED,
        f"an evaluation is available as {JSON}, {SVG} or {PNG}: accept one of them, or set return_weights "
        f"for the weights as {OCTETS}",
    )


def check_labels(labels: Sequence[str]) -> None:
    """Check that no tensors of two variants have one name in their file.

    Raises:
        EvaluationError: A label allows it.
    """
    known = set(labels)
    for index, label in enumerate(labels):
        ends = (end for end, char in enumerate(label) if char == "." and label[:end] in known)
        for end in ends:
            alike = f"tensors of {label[:end]} and {label} could have one name"
            raise EvaluationError.at(f"/compare/{index}", f"{alike}: give one of them a label without a dot")


def content_of(answer: Report | Comparison, form: str) -> Content:
    """The answer in a form. Blocks: a picture takes about a second."""
    return Content(form, _WRITERS[form](answer), _HEADERS.get(form, {}))


def report_text(answer: Report | Comparison) -> bytes:
    """The report as JSON; of several variants `{"reports": […]}`."""
    return b"".join(_json(answer))


def _json(answer: Report | Comparison) -> Sequence[bytes]:
    """The text in pieces, each of which holds the interpreter for a moment."""
    texts = (orjson.dumps(spell_nonfinite(report.model_dump())) for report in _reports(answer))
    if isinstance(answer, Report):
        return [*texts]
    first, *rest = texts
    return [b'{"reports":[', first, *(b"," + text for text in rest), b"]}"]


def _svg(answer: Report | Comparison) -> Sequence[bytes]:
    return [draw(_reports(answer), "svg")]


def _png(answer: Report | Comparison) -> Sequence[bytes]:
    return [draw(_reports(answer), "png")]


def _weights(answer: Report | Comparison) -> Sequence[memoryview]:
    """A safetensors file of the weights, the report in its metadata; variants by label and name."""
    from tensorseed.files.header import write_tensors

    tensors: dict[str, torch.Tensor] = {}
    for report in _reports(answer):
        prefix = "" if report.label is None else f"{report.label}."
        tensors |= {f"{prefix}{name}": tensor for name, tensor in (report.weights or {}).items()}
    return write_tensors(tensors, {"format": "pt", "report": report_text(answer).decode()})


_WRITERS: Mapping[str, Callable[[Report | Comparison], Sequence[bytes | memoryview]]] = {
    JSON: _json,
    SVG: _svg,
    PNG: _png,
    OCTETS: _weights,
}


def _reports(answer: Report | Comparison) -> tuple[Report, ...]:
    return answer.reports if isinstance(answer, Comparison) else (answer,)
