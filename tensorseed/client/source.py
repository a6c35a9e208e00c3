"""Source of a file to fetch: a spec, a token, or a URL."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx

from tensorseed.client.part_file import unreadable

_TOKEN = re.compile(r"s1\.[A-Za-z0-9_-]+")
_URL = re.compile(r"(https?://[^\s?#]*?)(/v1/weights[/?][^\s#]+)")
_BASE = re.compile(r"https?://[^\s?#]+")


@dataclass(frozen=True, slots=True)
class Source:
    """One of: the JSON text of a spec, a token, or the path of a file at the server `base`."""

    spec: bytes | None = None
    token: str | None = None
    path: str | None = None
    base: str | None = None


def read_source(text: str) -> Source:
    """Interpret the argument of `fetch`; `-` is a spec on standard input.

    Raises:
        ValueError: it is a URL, and not of a file.
        DiskError: the spec cannot be read.
    """
    if text == "-":
        return Source(spec=sys.stdin.buffer.read())
    if text.startswith(("http://", "https://")):
        match = _URL.fullmatch(text)
        if match is None or not _is_url(text):
            raise ValueError("the URL of a file holds /v1/weights/ and a token: take it from a plan")
        return Source(path=match[2], base=match[1])
    if _TOKEN.fullmatch(text):
        return Source(token=text)
    try:
        return Source(spec=Path(text).read_bytes())
    except OSError as error:
        raise unreadable(Path(text), error) from None


def is_base_url(url: str) -> bool:
    """Return whether `url` can stand before `/v1`."""
    return _BASE.fullmatch(url) is not None and _is_url(url)


def _is_url(url: str) -> bool:
    """Return whether httpx accepts it: it is not too long, and has a host and a valid port."""
    try:
        found = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return bool(found.host) and (found.port or 0) <= 65_535
