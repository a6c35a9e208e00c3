"""Reading a request's body within a limit, and refusing early what is not JSON."""

from __future__ import annotations

import re

from starlette.requests import Request

from service.api.errors import MalformedRequestError, MediaTypeError
from service.core.errors import TooLargeError

_JSON = re.compile(r"[a-z0-9.+_-]+/(?:[a-z0-9.+_-]+\+)?json")
_UNSTATED = {"", "application/x-www-form-urlencoded"}  # `curl -d` says the latter whatever it sends


async def read_json(request: Request, limit: int) -> bytes:
    """The body, of at most `limit` bytes, not yet parsed.

    Raises MediaTypeError for another media type or an encoding, TooLargeError over the limit: at once where
    Content-Length tells, else as soon as the bytes do.
    """
    _check_media(request)
    length = request.headers.get("content-length", "0")
    if not length.isascii() or not length.isdecimal():
        raise MalformedRequestError("Content-Length is not a number of bytes: send the body's length")
    if len(length.lstrip("0")) > 18 or int(length) > limit:
        raise _too_large(limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


def _check_media(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _UNSTATED and not _JSON.fullmatch(media_type):
        raise MediaTypeError(
            f"a body of type {media_type[:80]} is not read here: send the spec as application/json",
            {"Accept-Post": "application/json"},
        )
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in {"", "identity"}:
        raise MediaTypeError(
            f"the content encoding {encoding[:80]} is not read here: send the body without one",
            {"Accept-Encoding": "identity"},
        )


def _too_large(limit: int) -> TooLargeError:
    remedy = "shorten the spec, for example with brace ranges such as h.{0..11}"
    return TooLargeError(f"the body is over the limit of {limit:,} bytes: {remedy}")
