"""Heads that are refused and heads that are not (RFC 9112, RFC 3986)."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from service.http.errors import MalformedRequestError, UnimplementedError
from service.server.connections.request_head import checked_target, is_authority, without_upgrade
from tests.waiting import PATIENCE
from tools.fuzz.raw import LAST, serving, told

HOSTS = [
    *(b"x", b"example.org", b"EXAMPLE.org", b"example.org.", b"a_b-c~d", b"x:80", b"x:", b"x:0", b"x:65535"),
    *(b"127.0.0.1", b"127.0.0.1:8000", b"999.0.0.1", b"[::1]", b"[::1]:8000", b"[::1]:", b"[2001:db8::7]"),
    *(b"[::ffff:192.0.2.1]:80", b"[v1.fe:d]", b"xn--bcher-kva.example", b"a%20b", b"a!$&'()*+,;=b"),
]
NO_HOSTS = [
    *(
        b"",
        b":80",
        b"a b",
        b"a/b",
        b"a?b",
        b"a#b",
        b"user@x",
        b"user:pw@x:80",
        b"http://x",
        b"//x",
        b"x:80:80",
    ),
    *(b"x:http", b"x:-1", b"x:+80", b"x: 80", b"x:65536", b"x:99999999999999999999", b"x:8O"),
    *(b"::1", b"[::1", b"::1]", b"[::1]x", b"[]", b"[x]", b"[127.0.0.1]", b"[::1%eth0]", b"[::1%25eth0]"),
    *(b"[1::2::3]", b"[12345::]", b"[::1]]", b"[[::1]]", b"[v1.]", b"[vx.y]", b"[::ffff:1.2.3.256]"),
    *(
        b"a%",
        b"a%2",
        b"a%zz",
        b"a\\b",
        b'a"b',
        b"a<b",
        b"a|b",
        b"a^b",
        b"a`b",
        b"a{b}",
        b"\xff",
        b"x\xc3\xa9",
    ),
    *(b"x, y", b"x\ty", b"*:80:"),
]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of an application that echoes."""
    with serving() as (_, number):
        yield number


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_is_one(port: int, host: bytes) -> None:
    assert is_authority(host)
    (answer,) = told(port, [b"GET /a HTTP/1.1\r\nHost: \t%s \t\r\nConnection: close\r\n\r\n" % host])
    assert answer.asked["fields"]["host"] == host.decode()


@pytest.mark.parametrize("host", NO_HOSTS)
@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_what_is_no_host_is_refused(port: int, host: bytes, version: bytes) -> None:
    assert not is_authority(host)
    (answer,) = told(port, [b"GET /a HTTP/%s\r\nHost: %s\r\n\r\n" % (version, host), LAST])
    assert_malformed(answer)


def assert_malformed(answer: object, status: int = 400, kind: str = "malformed-request") -> None:
    """The answer is this problem document, and the last one of its connection."""
    assert answer.status == status, answer  # type: ignore[attr-defined]
    assert answer.fields["content-type"] == "application/problem+json"  # type: ignore[attr-defined]
    assert answer.fields["connection"] == "close"  # type: ignore[attr-defined]
    assert answer.fields["x-request-id"]  # type: ignore[attr-defined]
    assert answer.asked["type"] == f"urn:tensorseed:problem:{kind}"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "fields",
    [
        b"",
        b"Host: x\r\nHost: x\r\n",
        b"Host: x\r\nX: y\r\nhOST: y\r\n",
        b"Host: x\r\nHost:\r\n",
        b"X-Host: x\r\n",
    ],
)
def test_a_request_of_this_version_has_one_host(port: int, fields: bytes) -> None:
    (answer,) = told(port, [b"GET /a HTTP/1.1\r\n" + fields + b"\r\n" + LAST])
    assert_malformed(answer)
    assert "Host" in answer.asked["detail"]


def test_a_request_of_the_old_version_needs_no_host(port: int) -> None:
    assert [answer.status for answer in told(port, [b"GET /a HTTP/1.0\r\n\r\n"])] == [200]
    assert_malformed(*told(port, [b"GET /a HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n"]))


@pytest.mark.parametrize(
    ("target", "host", "path", "query"),
    [
        (b"http://y/b?c=d", "y", "/b", "c=d"),
        (b"HTTP://y:80/b", "y:80", "/b", ""),
        (b"https://[::1]:80/", "[::1]:80", "/", ""),
        (b"http://y", "y", "/", ""),
        (b"http://y?c", "y", "/", "c"),
        (b"http://y:/%41?", "y:", "/A", ""),
        (b"/b?c?d", "x", "/b", "c?d"),
        (b"//b//c", "x", "//b//c", ""),
    ],
)
def test_the_host_of_an_absolute_target_wins(
    port: int, target: bytes, host: str, path: str, query: str
) -> None:
    (answer,) = told(port, [b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % target])
    assert answer.status == 200
    assert answer.asked["fields"]["host"] == host
    assert (answer.asked["path"], answer.asked["query"]) == (path, query)


@pytest.mark.parametrize("fields", [b"", b"Host: x\r\nHost: y\r\n", b"Host: u@y\r\n"])
def test_an_absolute_target_needs_a_valid_host_still(port: int, fields: bytes) -> None:
    assert_malformed(*told(port, [b"GET http://y/ HTTP/1.1\r\n" + fields + b"\r\n"]))


@pytest.mark.parametrize(
    "target",
    [
        *(b"http://u@y/", b"http://u:p@y/", b"http:///b", b"http://", b"http://y:99999/", b"http://y:a/"),
        *(b"http://[::1/", b"http://y%zz/", b"ftp://y/", b"ws://y/", b"http:/b", b"http:b", b"b", b"y:80"),
        *(b"*", b"/a#b", b"http://y/#b", b"?a", b"/a b", b"/\xff", b"/\x7f", b"/a\tb", b"\\a"),
    ],
)
def test_a_target_that_is_none_is_refused(port: int, target: bytes) -> None:
    assert_malformed(*told(port, [b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n" + LAST]))


def test_the_whole_server_can_be_asked_for_its_options(port: int) -> None:
    (answer,) = told(port, [b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"])
    assert answer.status == 200


@pytest.mark.parametrize(
    "version", [b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.2", b"HTTP/3.0", b"HTTP/1", b"http/1.1", b""]
)
def test_other_versions_are_refused(port: int, version: bytes) -> None:
    assert_malformed(*told(port, [b"GET / " + version + b"\r\nHost: x\r\n\r\n"]))


def test_the_preface_of_http_2_is_refused(port: int) -> None:
    assert_malformed(*told(port, [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9)]))


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (b"Transfer-Encoding: gzip, chunked", 501),
        (b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", 501),
        (b'Transfer-Encoding: a;b="c, d", chunked', 501),
        (b"Transfer-Encoding: identity, chunked", 501),
        (b"Transfer-Encoding: chunked, gzip", 400),
        (b"Transfer-Encoding: chunked, chunked", 400),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", 400),
        (b"Transfer-Encoding: gzip", 400),
        (b"Transfer-Encoding: identity", 400),
        (b"Transfer-Encoding: xchunked", 400),
        (b"Transfer-Encoding: chunkedx", 400),
        (b'Transfer-Encoding: "chunked"', 400),
        (b"Transfer-Encoding: chunked;a=b", 400),
        (b"Transfer-Encoding: chunked\x0b", 400),
        (b"Transfer-Encoding:", 400),
        (b"Transfer-Encoding: ,chunked", 400),
        (b"Transfer-Encoding: chunked,", 400),
        (b"Transfer-Encoding: gzip,, chunked", 400),
        (b"Transfer-Encoding : chunked", 400),
        (b"Transfer-Encoding:\r\n chunked", 400),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 5", 400),
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked", 400),
        (b"Content-Length: 5\r\nTransfer-Encoding: gzip, chunked", 400),
        (b"Content-Length: 5\r\nContent-Length: 6", 400),
        (b"Content-Length: 5\r\nContent-Length: 5", 400),
        (b"Content-Length: 5, 5", 400),
        (b"Content-Length: +5", 400),
        (b"Content-Length: -5", 400),
        (b"Content-Length: 0x5", 400),
        (b"Content-Length: 5 5", 400),
        (b"Content-Length:", 400),
        (b"Content-Length: 99999999999999999999999", 400),
    ],
)
@pytest.mark.parametrize("upgrade", [b"", b"\r\nConnection: Upgrade\r\nUpgrade: h2c"])
def test_a_body_whose_end_is_unclear_is_refused(
    port: int, fields: bytes, status: int, upgrade: bytes
) -> None:
    request = b"POST /a HTTP/1.1\r\nHost: x\r\n" + fields + upgrade + b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    kind = {400: "malformed-request", 501: "not-implemented"}[status]
    for packets in ([request + LAST], [request[:40], request[40:], LAST]):
        (answer,) = told(port, packets, 0.005)
        assert_malformed(answer, status, kind)


@pytest.mark.parametrize("coding", [b"chunked", b"CHUNKED", b"\tchunked  "])
def test_one_coding_is_read(port: int, coding: bytes) -> None:
    request = (
        b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:" + coding + b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    )
    answers = told(port, [request + LAST])
    assert [answer.asked["body"] for answer in answers] == ["hello", ""]


def test_the_old_version_has_no_codings(port: int) -> None:
    request = b"POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    assert_malformed(*told(port, [request]))


@pytest.mark.parametrize(
    "line",
    [
        *(b"Host: x\r\nX : y", b"Host: x\r\n: y", b"Host: x\r\nX", b"Host: x\r\nX: a\r\n b", b" Host: x"),
        *(b"Host: x\r\nX: a\x00b", b"Host: x\r\nX: a\rY: b", b"Host: x\nX: y", b"Host: x\r\nX\xe9: y"),
    ],
)
def test_a_line_that_is_no_field_is_refused(port: int, line: bytes) -> None:
    assert_malformed(*told(port, [b"GET / HTTP/1.1\r\n" + line + b"\r\n\r\n" + LAST]))


def test_a_refusal_of_head_has_no_body(port: int) -> None:
    with_body = told(port, [b"GET / HTTP/1.1\r\n\r\n"])
    assert with_body[0].body
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(b"HEAD / HTTP/1.1\r\n\r\n")
        received = b""
        while part := client.recv(1 << 16):
            received += part
    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.endswith(b"\r\n\r\n")


def test_an_upgrade_is_left_out_of_a_head() -> None:
    fields = [(b"host", b"x"), (b"upgrade", b"a"), (b"x", b""), (b"upgrade", b"b")]
    assert without_upgrade(b"POST", b"/a", "1.1", fields) == b"POST /a HTTP/1.1\r\nhost: x\r\nx: \r\n\r\n"


def test_errors_are_of_their_kinds() -> None:
    with pytest.raises(UnimplementedError):
        checked_target(b"CONNECT", b"x:80", "1.1", [(b"host", b"x:80")])
    with pytest.raises(MalformedRequestError, match="fragment"):
        checked_target(b"GET", b"/#a", "1.1", [(b"host", b"x")])
