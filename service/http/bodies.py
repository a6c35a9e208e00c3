"""Request bodies within a limit, and their media types."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

import numpy as np
from starlette.requests import Request

from tensorseed.errors import TooLargeError

from .errors import MalformedRequestError, MediaTypeError
from .memory import lease_of
from .negotiation import JSON, OCTETS

BRACES = "shorten the spec, for example with brace ranges such as h.{0..11}"

UNCOUNTED_BYTES = 1 << 16  # of a body, before it counts for the memory of requests
COPIES = 2  # of a body that grows

_JSON = re.compile(r"[a-z0-9.+_-]+/(?:[a-z0-9.+_-]+\+)?json")
FORM = "application/x-www-form-urlencoded"
_UNSTATED = {"", FORM, "text/plain"}  # of `curl -d`, and of `fetch` with a string, whatever the body
_ESCAPED = re.compile(rb"\s*(?:%0[9AaDd]|%20|\+)*%7[Bb]")  # the { of a JSON text within a form
_FIELD = re.compile(rb"\s*[A-Za-z_]\w*=")
_REMEDIES = (
    (r"multipart/.*", "send the JSON text itself as the body, as curl --data-binary @spec.json does"),
    (r".*\b(?:x-)?ya?ml", "convert the YAML to JSON"),
)


async def read_json(request: Request, limit: int, remedy: str = BRACES) -> bytes:
    """The body, of at most `limit` bytes, not yet parsed.

    Raises:
        MediaTypeError: The body has another type, or an encoding.
        TooLargeError: It is over the limit, by its Content-Length or its bytes; `remedy` ends the message.
        BusyError: The memory for it is in use.
    """
    body_type(request, (JSON,))
    _content_length(request, limit, remedy)
    body = bytes(await _read_chunks(request, limit, remedy))
    if len(body) <= UNCOUNTED_BYTES and media_type_of(request) == FORM and _ESCAPED.match(body):
        body = unquote_to_bytes(body.replace(b"+", b" ").removesuffix(b"="))
    return body


def is_form(request: Request, body: bytes) -> bool:
    """Whether a body that is named a form is one, such as `shape=256,784&init=zeros`, and no JSON."""
    return media_type_of(request) == FORM and _FIELD.match(body) is not None


async def read_octets(request: Request, limit: int, remedy: str) -> memoryview:
    """The body, of at most `limit` bytes, in writable memory of its own.

    With Content-Length, that memory is allocated once and filled in place.

    Raises:
        TooLargeError: The body is over the limit, by its Content-Length or its bytes.
        BusyError: The memory for it is in use.
        MalformedRequestError: The Content-Length is not that of the body.
    """
    length = _content_length(request, limit, remedy)
    if length is None:
        return memoryview(await _read_chunks(request, limit, remedy))
    body = np.empty(length, np.uint8).data  # numpy uses large pages, which fill faster
    done = 0
    lease = lease_of(request)
    async for chunk in request.stream():
        if len(chunk) > length - done:
            raise MalformedRequestError("the body is longer than its Content-Length: send the body's length")
        body[done : done + len(chunk)] = chunk
        done += len(chunk)
        if done > UNCOUNTED_BYTES:
            lease.take(len(chunk))
    if done < length:
        raise MalformedRequestError("the body is shorter than its Content-Length: send the whole body")
    return body


def body_type(request: Request, accepted: Sequence[str]) -> str:
    """The media type of the body, one of the `accepted`: JSON, which is the default, and maybe OCTETS.

    Raises:
        MediaTypeError: The body has another type, or an encoding.
    """
    media_type = media_type_of(request)
    is_json = media_type in _UNSTATED or _JSON.fullmatch(media_type)
    if not is_json and media_type not in accepted:
        what = (
            "the spec as application/json"
            if OCTETS not in accepted
            else f"JSON as {JSON}, a file as {OCTETS}"
        )
        remedy = next((words for pattern, words in _REMEDIES if re.fullmatch(pattern, media_type)), None)
        raise MediaTypeError(
            f"a body of type {media_type[:80]} is not read here: {remedy or f'send {what}'}",
            {"Accept-Post": ", ".join(accepted)},
        )
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in {"", "identity"}:
        raise MediaTypeError(
            f"the content encoding {encoding[:80]} is not read here: send the body without one",
            {"Accept-Encoding": "identity"},
        )
    return JSON if is_json else media_type


def media_type_of(request: Request) -> str:
    """The media type of the body, in lower case and without parameters; "" where none is given."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _content_length(request: Request, limit: int, remedy: str) -> int | None:
    length = request.headers.get("content-length")
    if length is None:
        return None
    if not length.isascii() or not length.isdecimal():
        raise MalformedRequestError("Content-Length is not a number of bytes: send the body's length")
    if len(length.lstrip("0")) > 18 or int(length) > limit:
        raise _too_large(limit, remedy)
    return int(length)


async def _read_chunks(request: Request, limit: int, remedy: str) -> bytearray:
    body = bytearray()
    lease = lease_of(request)
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise _too_large(limit, remedy)
        if len(body) > UNCOUNTED_BYTES:
            lease.take(COPIES * len(chunk))
    return body


def _too_large(limit: int, remedy: str) -> TooLargeError:
    return TooLargeError(f"the body is over the limit of {limit:,} bytes: {remedy}")
