"""Conditional requests: RFC 9110, section 13.

No representation has a modification date. If-Modified-Since and If-Unmodified-Since are ignored, and an
If-Range with a date never matches.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .errors import PreconditionError

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_LIST = re.compile(rf"[ \t,]*(?:{_TAG}[ \t]*(?:,[ \t,]*|$))*")
_FIND = re.compile(_TAG)


def strong_match(left: str, right: str) -> bool:
    """Strong comparison (section 8.8.3.2): equal, and neither of them weak."""
    return left == right and not left.startswith("W/")


def weak_match(left: str, right: str) -> bool:
    """Weak comparison: the opaque parts are equal."""
    return left.removeprefix("W/") == right.removeprefix("W/")


def is_unmodified(method: str, headers: Mapping[str, str], etag: str) -> bool:
    """Evaluate If-Match, then If-None-Match, for a representation whose entity tag is `etag`.

    True calls for 304: a GET or HEAD whose If-None-Match names `etag`.

    Raises:
        PreconditionError: If-Match does not hold, or If-None-Match does not hold for another method.
    """
    if_match = headers.get("if-match")
    if if_match is not None and not _holds(if_match, etag, strong=True):
        raise PreconditionError(f"If-Match does not name this file, whose ETag is {etag}", {"ETag": etag})
    if_none_match = headers.get("if-none-match")
    if if_none_match is None or not _holds(if_none_match, etag, strong=False):
        return False
    if method in {"GET", "HEAD"}:
        return True
    raise PreconditionError(f"If-None-Match names this file, whose ETag is {etag}", {"ETag": etag})


def range_applies(headers: Mapping[str, str], etag: str) -> bool:
    """Whether the Range field applies by If-Range, a strong comparison (section 13.1.5)."""
    if_range = headers.get("if-range")
    return if_range is None or strong_match(if_range.strip(), etag)


def _holds(field: str, etag: str, *, strong: bool) -> bool:
    """Whether the field is `*` or its list names `etag`. A malformed list names nothing."""
    if field.strip() == "*":
        return True
    if not _LIST.fullmatch(field.strip()):
        return False
    match = strong_match if strong else weak_match
    return any(match(tag, etag) for tag in _FIND.findall(field))
