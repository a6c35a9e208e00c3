"""Answers of nginx itself: to /metrics, large bodies, bad requests."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from typing import Literal

from tools.soak.replicas import Answer

METRICS = ("/metrics", "/metrics/", "/metrics//", "//metrics", "/metrics%2F", "/%2Fmetrics", "/%6Detrics?a=1")
"""Paths that the server answers with its metrics."""

MAX_BODY_BYTES = 257 << 20

Sent = Literal["at once", "in pieces"]
LARGE: tuple[Sent, ...] = ("at once", "in pieces")


def assert_closed(answer: Answer) -> None:
    """Check that an answer is a 404 in the server's form."""
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert json.loads(answer.body)["type"] == "urn:tensorseed:problem:unknown-path"


ALONE = {
    b"GET / HTTP/1.1\r\n\r\n": 400,
    b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n": 405,
    b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"x" * 70_000): 414,
    b"GET / HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n" % (b"x" * 70_000): 431,
    b"GET /.problem/500 HTTP/1.1\r\nHost: x\r\n\r\n": 404,
    b"GET /.problem/retry/x HTTP/1.1\r\nHost: x\r\n\r\n": 404,
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n": 501,
    b"GET / HTTP/2.0\r\nHost: x\r\n\r\n": 505,
    b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n": 400,
    b"GET /v1/weights HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n": 400,
    b"POST /v1/weights HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n": 400,
    b"POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n": 400,
    b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n": 413,
    b"POST /.problem/404 HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n": 413,
    b"POST /.problem/400 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n": 400,
}
"""Requests that no server sees, and the statuses of their answers."""


def assert_refused(connection: socket.socket, request: bytes, status: int) -> None:
    """Check that a request is refused in the server's form."""
    with connection:
        connection.sendall(request)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert_problem(Answer(answer.status, answer.headers, answer.read()), status)


def assert_problem(answer: Answer, status: int) -> None:
    """Check that an answer is a problem of this status; of no server, with when to ask again."""
    problem = json.loads(answer.body)
    assert (answer.status, problem["status"]) == (status, status)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert len(answer.headers["X-Request-ID"]) in (6, 32)  # the client's, or one that was drawn
    assert answer.headers["Retry-After"] == ("1" if status in (502, 504) else None)


def assert_too_large(connection: http.client.HTTPConnection, path: str, how: Sent) -> None:
    """Check that a body over the limit is refused by its length, or by that of its first piece."""
    with contextlib.closing(connection):
        connection.putrequest("POST", path)
        connection.putheader("Content-Type", "application/json")
        if how == "at once":
            connection.putheader("Content-Length", str(MAX_BODY_BYTES + 1))
            connection.endheaders()
        else:
            connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders(b"%x\r\n{" % (MAX_BODY_BYTES + 1))
        with connection.getresponse() as answer:
            problem = json.loads(answer.read())
    assert (answer.status, problem["status"]) == (413, 413)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["type"] == "urn:tensorseed:problem:too-large"
