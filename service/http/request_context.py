"""Context of a request: its id, X-Request-ID, its key's name, its problem."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextvars import ContextVar

FIELD = b"x-request-id"
# In an ASGI scope:
KEY_NAME = "tensorseed.key"  # the name of the request's API key
PROBLEM = "tensorseed.problem"  # the name of the kind of problem that was the answer
LIMIT = "tensorseed.limit"  # the limit that the request exceeded
BODY_FAULT = "tensorseed.body_fault"  # the error that ended the request's body
RESEEDED = "tensorseed.reseeded"  # what answers the same query with other seeds, or None
CONTENT_BYTES = "tensorseed.content_bytes"  # the size of the content that a 304 leaves out

_VALID = re.compile(rb"[!-~]{1,128}")

CURRENT: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that the running task answers; empty outside of one."""


def request_id(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The client's id of 1 to 128 visible ASCII characters; else a new one of 32 hexadecimal digits."""
    given = next((value for name, value in headers if name == FIELD), b"")
    return given if _VALID.fullmatch(given) else os.urandom(16).hex().encode()
