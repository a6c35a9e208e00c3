"""Context of a request: its id, X-Request-ID, and its key's name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextvars import ContextVar

FIELD = b"x-request-id"
KEY_NAME = "tensorseed.key"  # in an ASGI scope: the name of the request's API key
BODY_FAULT = "tensorseed.body_fault"  # in an ASGI scope: the error that ended the request's body

_VALID = re.compile(rb"[!-~]{1,128}")

CURRENT: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that the running task answers; empty outside of one."""


def request_id(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The client's id of 1 to 128 visible ASCII characters; else a new one of 32 hexadecimal digits."""
    given = next((value for name, value in headers if name == FIELD), b"")
    return given if _VALID.fullmatch(given) else os.urandom(16).hex().encode()
