"""Checks of a client's arguments: URLs of servers, keys, numbers."""

from __future__ import annotations

import operator
import os
import re
from collections.abc import Callable
from typing import Any

import httpx

from tensorseed.client import KEY_VARIABLE
from tensorseed.client.errors import RefusedError
from tensorseed.client.http.answers import one_line

EXAMPLE = "give a URL such as http://127.0.0.1:8000"
KEY_RULE = "a key has no spaces and only ASCII characters, 1,024 at most: copy it whole"

_BASE = re.compile(r"(?i:https?)://[^\s?#]+")
_KEY = re.compile(r"[!-~]{1,1024}")
_INTERFACE = re.compile(r"((?i:https?)://[^/]+)/v1/?")


def is_url(url: str) -> bool:
    """Return whether httpx accepts it: it is not too long, and has a host and a valid port."""
    try:
        found = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return bool(found.host) and (found.port or 0) <= 65_535


def server_fault(url: object) -> str | None:
    """What to do about a URL that cannot stand before `/v1`; None for one that can."""
    if not isinstance(url, str) or _BASE.fullmatch(url) is None or not is_url(url):
        return EXAMPLE
    interface = _INTERFACE.fullmatch(url)
    return interface and f"give what stands before /v1, {one_line(without_userinfo(interface[1]))}"


def key_fault(key: object) -> str | None:
    """What is wrong with a key that no field of HTTP can hold; None for one that it can."""
    if not isinstance(key, str):
        return f"a key is a text, and not {type(key).__name__}"
    if not key:
        return "the key is empty: give it whole, or none"
    return None if _KEY.fullmatch(key) else KEY_RULE


def checked_urls(urls: tuple[str, ...]) -> list[str]:
    """The URLs of servers without the slash that ends them.

    Raises:
        RefusedError: one cannot be that of a server, or there is none.
    """
    if not urls:
        raise RefusedError(EXAMPLE)
    for url in urls:
        if fault := server_fault(url):
            shown = repr(without_userinfo(url) if isinstance(url, str) else url)
            raise RefusedError(f"{one_line(shown)} names no server: {fault}")
    return [url.rstrip("/") for url in urls]


def checked_key(key: str | None) -> str | None:
    """The key, by default that of the environment.

    Raises:
        RefusedError: no field of HTTP can hold it.
    """
    given, source = (os.environ.get(KEY_VARIABLE), f"{KEY_VARIABLE}: ") if key is None else (key, "")
    if given is not None and (fault := key_fault(given)):
        raise RefusedError(f"{source}{fault}")
    return given


def checked_count(name: str, value: int) -> int:
    """A number of connections or attempts.

    Raises:
        RefusedError: it is no integer, or less than 1.
    """
    try:
        count = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        count = 0
    if count < 1:
        raise RefusedError(f"{name} is {one_line(repr(value))}: it must be an integer of at least 1")
    return count


def checked_function(name: str, value: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the number of attempts.

    Raises:
        RefusedError: it cannot be called.
    """
    if not callable(value):
        raise RefusedError(f"{name} is a function of the number of attempts, and not {type(value).__name__}")
    return value


def without_userinfo(url: str) -> str:
    """The URL with an ellipsis in the place of what stands before the host: a user, a password, a key.

    >>> without_userinfo("http://ann:se@cret@host:8000/p@q")
    'http://…@host:8000/p@q'
    """
    return re.sub(r"(?<=//)[^/?#]*@", "…@", url, count=1)
