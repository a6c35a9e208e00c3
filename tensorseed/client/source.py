"""What a command is asked to fetch: a spec, a token, or the URL of a file."""

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
class Target:
    """One of: the bytes of a spec, a token, or the path of a file at the server `base`."""

    spec: bytes | None = None
    token: str | None = None
    path: str | None = None
    base: str | None = None


def read_target(text: str) -> Target:
    """What the argument of `fetch` means; `-` is a spec on standard input, and what looks like a
    token is one.

    Raises ValueError for a URL that is not one of a file, DiskError for a spec that cannot be read.
    """
    if text == "-":
        return Target(spec=sys.stdin.buffer.read())
    if text.startswith(("http://", "https://")):
        match = _URL.fullmatch(text)
        if match is None or not _is_url(text):
            raise ValueError("the URL of a file holds /v1/weights/ and a token: take it from a plan")
        return Target(path=match[2], base=match[1])
    if _TOKEN.fullmatch(text):
        return Target(token=text)
    try:
        return Target(spec=Path(text).read_bytes())
    except OSError as error:
        raise unreadable(Path(text), error) from None


def is_base(url: str) -> bool:
    """Whether `url` can stand before `/v1`."""
    return _BASE.fullmatch(url) is not None and _is_url(url)


def _is_url(url: str) -> bool:
    """Whether it can be asked for: its host is one, its port is one, and it is not too long."""
    try:
        found = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return bool(found.host) and (found.port or 0) <= 65_535
