"""Upgrades that are not taken: bodies and pipelined requests arrive whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tools.fuzz.raw import LAST, Reply, serving, told

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"  # as a body
LENGTH = b"Content-Length: %d\r\n\r\n%s" % (len(SMUGGLED), SMUGGLED)
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n5;a=b\r\nhello\r\n0\r\n\r\n" % (
    len(SMUGGLED),
    SMUGGLED,
)
H2C = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
UPGRADES = {
    "h2c": H2C,
    "as Java sends it": b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n"
    b"Upgrade: h2c\r\n",
    "websocket": b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    "several fields": b"Upgrade: h2c\r\nConnection: upgrade\r\nUpgrade: websocket, TLS/1.0\r\nUPGRADE: x\r\n",
    "several options": b"Connection: Upgrade\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n",
    "spaces": b"Connection: \t upgrade \t\r\nUpgrade:h2c\t\r\nX: a \t b\r\n",
    "empty": b"Connection: Upgrade\r\nUpgrade:\r\n",
    "without the option": b"Upgrade: h2c\r\n",
    "the option alone": b"Connection: Upgrade\r\n",
    "with an expectation": b"Expect: 100-continue\r\n" + H2C,
}
BODIES = {"length": LENGTH, "chunks": CHUNKED}
TEXT = {"length": SMUGGLED.decode(), "chunks": SMUGGLED.decode() + "hello"}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of an application that echoes."""
    with serving() as (_, number):
        yield number


def check(answers: list[Reply], paths: list[str], text: str) -> None:
    """Every request is answered in its order, and the first one has the body."""
    assert [answer.status for answer in answers] == [200] * len(paths), answers
    assert [answer.asked["path"] for answer in answers] == paths
    assert answers[0].asked["body"] == text
    assert not any(answer.asked["body"] for answer in answers[1:])
    assert all("upgrade" not in answer.fields for answer in answers)


@pytest.mark.parametrize("fields", UPGRADES.values(), ids=list(UPGRADES))
@pytest.mark.parametrize("kind", BODIES)
def test_a_body_is_read_and_the_next_request_too(port: int, fields: bytes, kind: str) -> None:
    head, body = b"POST /a HTTP/1.1\r\nHost: x\r\n" + fields, BODIES[kind]
    lines, data = body.split(b"\r\n\r\n", 1)
    for packets in (
        [head + body + LAST],
        [head + lines + b"\r\n\r\n", data, LAST],
        [head, lines + b"\r\n\r\n" + data + LAST],
        [head + body, LAST],
    ):
        check(told(port, packets, 0.02), ["/a", "/last"], TEXT[kind])


@pytest.mark.parametrize("kind", BODIES)
def test_every_split_gives_the_same_answers(port: int, kind: str) -> None:
    whole = b"POST /a HTTP/1.1\r\nHost: x\r\n" + UPGRADES["several fields"] + BODIES[kind] + LAST
    for place in range(1, len(whole)):
        check(told(port, [whole[:place], whole[place:]], 0.001), ["/a", "/last"], TEXT[kind])
    single = [whole[place : place + 1] for place in range(len(whole))]
    check(told(port, single, 0.0005), ["/a", "/last"], TEXT[kind])


def test_pipelined_upgrades_are_all_answered(port: int) -> None:
    get = b"GET /g HTTP/1.1\r\nHost: x\r\n" + H2C + b"\r\n"
    post = b"POST /p HTTP/1.1\r\nHost: x\r\n" + H2C + LENGTH
    chunks = b"POST /c HTTP/1.1\r\nHost: x\r\n" + UPGRADES["websocket"] + CHUNKED
    answers = told(port, [get + post + get + chunks + get + get + LAST])
    assert [answer.asked["path"] for answer in answers] == ["/g", "/p", "/g", "/c", "/g", "/g", "/last"]
    assert [answer.asked["body"] for answer in answers] == [
        "",
        TEXT["length"],
        "",
        TEXT["chunks"],
        "",
        "",
        "",
    ]
    many = told(port, [get * 2_000 + LAST])
    assert len(many) == 2_001


def test_the_old_version_has_no_upgrade_either(port: int) -> None:
    head = b"POST /a HTTP/1.0\r\n" + H2C
    check(told(port, [head + LENGTH]), ["/a"], TEXT["length"])
    check(told(port, [head + LENGTH.partition(SMUGGLED)[0], SMUGGLED], 0.05), ["/a"], TEXT["length"])


def test_a_close_beside_the_upgrade_is_obeyed(port: int) -> None:
    head = b"POST /a HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade\r\nUpgrade: h2c\r\n"
    check(told(port, [head + LENGTH + LAST]), ["/a"], TEXT["length"])


def test_an_upgrade_in_a_trailer_is_nothing(port: int) -> None:
    head = b"POST /a HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"5\r\nhello\r\n0\r\nConnection: upgrade\r\nUpgrade: h2c\r\nX-Late: 1\r\n\r\n"
    answers = told(port, [head + body + LAST])
    check(answers, ["/a", "/last"], "hello")
    assert "x-late" not in answers[0].asked["fields"]


def test_a_malformed_body_behind_an_upgrade_is_refused(port: int) -> None:
    head = b"POST /a HTTP/1.1\r\nHost: x\r\n" + H2C + b"Transfer-Encoding: chunked\r\n\r\n"
    for packets in ([head + b"5\r\nhelloGET / HTTP/1.1\r\n" + LAST], [head, b"x\r\n", LAST]):
        assert [answer.status for answer in told(port, packets, 0.05)] == [400]


@pytest.mark.parametrize("rest", [b"", H2C, LENGTH[:-2], H2C + LENGTH[:-2]])
@pytest.mark.parametrize("target", [b"x:80", b"/smuggled", b"x:0", b"x"])
def test_a_tunnel_is_refused_with_what_follows_it(port: int, rest: bytes, target: bytes) -> None:
    request = b"CONNECT " + target + b" HTTP/1.1\r\nHost: x:80\r\n" + rest + b"\r\n" + SMUGGLED
    answers = told(port, [request])
    assert [answer.status for answer in answers] in ([501], [400])
    assert answers[0].fields["content-type"] == "application/problem+json"
