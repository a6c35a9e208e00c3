"""Spellings of /metrics and bodies too large, which nginx keeps away."""

from __future__ import annotations

import contextlib
import http.client
import json
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
