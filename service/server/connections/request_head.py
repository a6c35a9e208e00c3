"""Request heads (RFC 9112): target, Host, transfer codings, Upgrade."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address

from ...http.errors import MalformedRequestError, UnimplementedError

Fields = list[tuple[bytes, bytes]]

MAX_PORT = (1 << 16) - 1

_FRAMING = frozenset((b"host", b"transfer-encoding"))
_REGISTERED_NAME = rb"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+"
_AUTHORITY = re.compile(rb"(?:\[([^\[\]]+)\]|" + _REGISTERED_NAME + rb")(?::([0-9]*))?")
_FUTURE_ADDRESS = re.compile(rb"[vV][0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+")
_ABSOLUTE_FORM = re.compile(rb"(?i:https?)://([^/?]*)(.*)")


def checked_target(method: bytes, target: bytes, version: str, fields: Fields) -> bytes:
    """The target in origin form, of a head whose framing and Host are valid.

    The authority of an absolute form replaces Host in `fields` (RFC 9112, 3.2.2).

    Raises:
        MalformedRequestError: The head is not valid, or contradicts itself.
        UnimplementedError: The method or a transfer coding is not implemented.
    """
    if method == b"CONNECT":
        raise UnimplementedError("this service opens no tunnels: send another method than CONNECT")
    if version not in {"1.0", "1.1"}:
        raise MalformedRequestError(f"HTTP/{version} is not spoken here: send HTTP/1.1")
    framing = [field for field in fields if field[0] in _FRAMING]
    hosts = [value for name, value in framing if name == b"host"]
    _check_host(hosts, version)
    if len(framing) > len(hosts):
        _check_codings([value for name, value in framing if name != b"host"], version)
    if b"#" in target:
        raise MalformedRequestError("the request's target has a fragment: send it without #")
    if target.startswith(b"/") or (target == b"*" and method == b"OPTIONS"):
        return target
    absolute = _ABSOLUTE_FORM.fullmatch(target)
    if absolute is None or not is_authority(absolute[1]):
        raise MalformedRequestError("the target is neither a path nor a URL with a host: send a path")
    fields[:] = [(b"host", absolute[1]), *(field for field in fields if field[0] != b"host")]
    return absolute[2] if absolute[2].startswith(b"/") else b"/" + absolute[2]


@lru_cache(64)
def is_authority(value: bytes) -> bool:
    """Whether a value is a host, perhaps with a port, and no user (RFC 3986, 3.2)."""
    match = _AUTHORITY.fullmatch(value)
    if match is None:
        return False
    address, port = match.groups()
    return (address is None or _is_address(address)) and (not port or _is_port(port))


def without_upgrade(method: bytes, target: bytes, version: str, fields: Fields) -> bytes:
    """The bytes of a head as if it had no Upgrade, which a server may ignore (RFC 9110, 7.8)."""
    lines = (b"%s: %s\r\n" % field for field in fields if field[0] != b"upgrade")
    return b"".join((b"%s %s HTTP/%s\r\n" % (method, target, version.encode()), *lines, b"\r\n"))


def _check_host(hosts: list[bytes], version: str) -> None:
    if not hosts and version == "1.1":
        raise MalformedRequestError("the request has no Host: send one, such as Host: example.org")
    if len(hosts) > 1:
        raise MalformedRequestError("the request has several Host fields: send one")
    if hosts and not is_authority(hosts[0]):
        raise MalformedRequestError("Host is not a host, perhaps with a port: send Host: example.org")


def _check_codings(values: list[bytes], version: str) -> None:
    """Refuse all but one `chunked`: with others, two parsers may see two ends of the body."""
    if version == "1.0":
        raise MalformedRequestError("HTTP/1.0 has no Transfer-Encoding: send Content-Length")
    codings = [coding.strip(b" \t").lower() for value in values for coding in value.split(b",")]
    if b"" in codings:
        raise MalformedRequestError("Transfer-Encoding has an empty element: send chunked")
    if codings[-1] != b"chunked" or b"chunked" in codings[:-1]:
        raise MalformedRequestError("Transfer-Encoding does not end with its only chunked: send chunked")
    if len(codings) > 1:
        raise UnimplementedError("of the transfer codings, only chunked is implemented: send chunked alone")


def _is_address(text: bytes) -> bool:
    """Whether a text in brackets is an IPv6 address without a zone, or one of a future version."""
    if _FUTURE_ADDRESS.fullmatch(text):
        return True
    try:
        return b"%" not in text and bool(IPv6Address(text.decode("ascii")).packed)
    except ValueError:
        return False


def _is_port(digits: bytes) -> bool:
    return len(digits.lstrip(b"0")) <= 5 and int(digits) <= MAX_PORT
