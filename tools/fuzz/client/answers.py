"""Answers of servers: checked values within their bounds, or a refusal."""

from __future__ import annotations

import json
import re
from contextlib import suppress

import httpx

from tensorseed.client.errors import MismatchError
from tensorseed.client.http.answers import (
    MAX_FILE_BYTES,
    MAX_SENTENCE_CHARS,
    AnswerError,
    FileAnswer,
    check_content,
    read_digests,
    read_head,
    read_plan,
    read_problem,
)
from tensorseed.client.http.retries import retry_after

SIZE = 4_096
ETAG = '"0123456789abcdef"'
FILE = FileAnswer(ETAG, SIZE, None)
MAX_CHARS = 10 * (MAX_SENTENCE_CHARS + 2)  # an escape takes up to ten

_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n]*)")


def corpus() -> list[bytes]:
    """The answers of a server, as JSON and as header fields."""
    digest = "0" * 64
    documents = [
        {"token": "s1.abc", "etag": ETAG, "size": SIZE, "tensors": [{"name": "w", "shape": [2, 3]}]},
        {"token": None, "etag": ETAG, "size": SIZE},
        {"algorithm": "sha256", "digest": digest, "size": SIZE, "tensors": {"w": digest}},
        {"detail": "the spec has 2 faults", "errors": [{"pointer": "/seed", "detail": "less"}]},
        {"detail": "no", "errors": [{"parameter": "seed", "detail": "less"}, {"detail": "more"}]},
    ]
    heads = [
        f"etag: {ETAG}\r\ncontent-length: 4096\r\ncontent-location: /v1/weights/s1.abc",
        f"etag: {ETAG}\r\ncontent-range: bytes 10-19/4096\r\ncontent-length: 10",
        "retry-after: 120\r\ncontent-encoding: gzip",
        "retry-after: Sun, 06 Nov 1994 08:49:37 GMT",
    ]
    return [*(json.dumps(document).encode() for document in documents), *(head.encode() for head in heads)]


def check(data: bytes) -> None:
    """The data as every document, and as the fields of every head."""
    with suppress(AnswerError):
        _check_file(read_plan(data))
    with suppress(AnswerError):
        digests = read_digests(data, SIZE)
        assert all(re.fullmatch("[0-9a-f]{64}", one) for one in (digests.digest, *digests.tensors.values()))
    problem = read_problem(data)
    if problem is not None:
        words = [word for fault in problem.faults for word in (fault.pointer, fault.detail)]
        for text in (problem.detail, problem.type or "", *words):
            assert text.isprintable(), "a problem steers the terminal"
            assert len(text) <= MAX_CHARS, "a problem fills the terminal"
    fields = httpx.Headers([(found[1], found[2]) for found in _LINE.finditer(data)])
    with suppress(AnswerError):
        _check_file(read_head(fields))
    for status, wanted in ((200, None), (206, range(10, 20))):
        with suppress(AnswerError, MismatchError):
            check_content(status, fields, FILE, wanted)
            assert fields["etag"] == ETAG, "the content of another file"
            assert wanted is None or fields["content-range"] == "bytes 10-19/4096", "another range"
    seconds = retry_after(fields)
    assert seconds is None or seconds >= 0, "a wait of less than nothing"


def _check_file(found: FileAnswer) -> None:
    assert 0 < found.size <= MAX_FILE_BYTES, "a size out of bounds"
    found.etag.encode("ascii")
    assert found.etag.isprintable(), "an ETag that no field holds"
    if found.token is not None:
        assert re.fullmatch(r"s1\.[A-Za-z0-9_-]+", found.token), "a token that changes its URL"
