"""Reading a request's body within a limit, and refusing early what has another form."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from starlette.requests import Request

from tensorseed.errors import TooLargeError

from .errors import MalformedRequestError, MediaTypeError
from .negotiation import JSON, OCTETS

BRACES = "shorten the spec, for example with brace ranges such as h.{0..11}"

_JSON = re.compile(r"[a-z0-9.+_-]+/(?:[a-z0-9.+_-]+\+)?json")
_UNSTATED = {"", "application/x-www-form-urlencoded"}  # `curl -d` says the latter whatever it sends


async def read_json(request: Request, limit: int, remedy: str = BRACES) -> bytes:
    """The body, of at most `limit` bytes, not yet parsed.

    Raises MediaTypeError for another media type or an encoding, TooLargeError, with the `remedy`, over the
    limit: at once where Content-Length tells, else as soon as the bytes do.
    """
    body_form(request, (JSON,))
    _declared(request, limit, remedy)
    return bytes(await _grown(request, limit, remedy))


async def read_octets(request: Request, limit: int, remedy: str) -> memoryview:
    """The body, of at most `limit` bytes, in memory of its own that can be written.

    With Content-Length that memory is taken once and filled in place, which is all that it costs. Raises
    TooLargeError, with the `remedy`, over the limit: at once where Content-Length tells, else as soon as the
    bytes do; MalformedRequestError for a Content-Length that is not the body's.
    """
    length = _declared(request, limit, remedy)
    if length is None:
        return memoryview(await _grown(request, limit, remedy))
    body = np.empty(length, np.uint8).data  # numpy asks for large pages, which fill faster
    done = 0
    async for chunk in request.stream():
        if len(chunk) > length - done:
            raise MalformedRequestError("the body is longer than its Content-Length: send the body's length")
        body[done : done + len(chunk)] = chunk
        done += len(chunk)
    if done < length:
        raise MalformedRequestError("the body is shorter than its Content-Length: send the whole body")
    return body


def body_form(request: Request, forms: Sequence[str]) -> str:
    """Which of the `forms`, JSON and maybe OCTETS, the body has; JSON where the client does not say.

    Raises MediaTypeError for another one, and for an encoding.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = media_type in _UNSTATED or _JSON.fullmatch(media_type)
    if not is_json and media_type not in forms:
        what = (
            "the spec as application/json" if OCTETS not in forms else f"JSON as {JSON}, a file as {OCTETS}"
        )
        raise MediaTypeError(
            f"a body of type {media_type[:80]} is not read here: send {what}",
            {"Accept-Post": ", ".join(forms)},
        )
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in {"", "identity"}:
        raise MediaTypeError(
            f"the content encoding {encoding[:80]} is not read here: send the body without one",
            {"Accept-Encoding": "identity"},
        )
    return JSON if is_json else media_type


def _declared(request: Request, limit: int, remedy: str) -> int | None:
    """What Content-Length says; None without one."""
    length = request.headers.get("content-length")
    if length is None:
        return None
    if not length.isascii() or not length.isdecimal():
        raise MalformedRequestError("Content-Length is not a number of bytes: send the body's length")
    if len(length.lstrip("0")) > 18 or int(length) > limit:
        raise _too_large(limit, remedy)
    return int(length)


async def _grown(request: Request, limit: int, remedy: str) -> bytearray:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise _too_large(limit, remedy)
    return body


def _too_large(limit: int, remedy: str) -> TooLargeError:
    return TooLargeError(f"the body is over the limit of {limit:,} bytes: {remedy}")
