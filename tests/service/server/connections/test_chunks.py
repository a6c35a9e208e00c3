"""Malformed chunks are told so, while the application waits for the body."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tools.fuzz.raw import LAST, LIMITS, serving, told

HEAD = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
SOUND = [
    b"5\r\nhello\r\n" + END,
    b"5;a\r\nhello\r\n" + END,
    b'5;a=b;c="d e"\r\nhello\r\n' + END,
    b"00000000000000000005\r\nhello\r\n000000000000000000000\r\n\r\n",
    b"1\r\nh\r\n1\r\ne\r\n1\r\nl\r\n1\r\nl\r\n1\r\no\r\n" + END,
    b"5\r\nhello\r\n0\r\nX: y\r\nHost: z\r\n\r\n",
    b"5\r\nhello\r\n0;a=b\r\n\r\n",
    b"5\r\nhello\r\n0\r\nConnection: close\r\n\r\n",
]
MALFORMED = {
    "no size": b"\r\nhello\r\n" + END,
    "no number": b"xyz\r\nhello\r\n" + END,
    "negative": b"-5\r\nhello\r\n" + END,
    "signed": b"+5\r\nhello\r\n" + END,
    "prefixed": b"0x5\r\nhello\r\n" + END,
    "suffixed": b"5h\r\nhello\r\n" + END,
    "decimal point": b"5.0\r\nhello\r\n" + END,
    "underscore": b"1_0\r\nhello\r\n" + END,
    "space before": b" 5\r\nhello\r\n" + END,
    "space behind": b"5 \r\nhello\r\n" + END,
    "tab behind": b"5\t\r\nhello\r\n" + END,
    "space before extension": b"5 ;a=b\r\nhello\r\n" + END,
    "overflow": b"FFFFFFFFFFFFFFFFF\r\nhello\r\n" + END,
    "long": b"5" * 200 + b"\r\nhello\r\n" + END,
    "line feed alone": b"5\nhello\n0\n\n",
    "carriage return alone": b"5\rhello\r0\r\r",
    "no line end behind data": b"5\r\nhello0\r\n\r\n",
    "too much data": b"5\r\nhello!\r\n" + END,
    "too little data": b"5\r\nhell\r\n" + END,
    "empty line between": b"5\r\nhello\r\n\r\n" + END,
    "empty extension": b"5;\r\nhello\r\n" + END,
    "line feed in extension": b"5;a=\nb\r\nhello\r\n" + END,
    "line end in quotes": b'5;a="b\r\nc"\r\nhello\r\n' + END,
    "nul in extension": b"5;a=\x00\r\nhello\r\n" + END,
    "trailer without colon": b"5\r\nhello\r\n0\r\nbad trailer\r\n\r\n",
    "trailer without name": b"5\r\nhello\r\n0\r\n: x\r\n\r\n",
    "trailer with a space": b"5\r\nhello\r\n0\r\nA B: x\r\n\r\n",
    "trailer with nul": b"5\r\nhello\r\n0\r\nA: x\x00\r\n\r\n",
    "folded trailer": b"5\r\nhello\r\n0\r\nA: x\r\n y\r\n\r\n",
    "length in trailer": b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
    "coding in trailer": b"5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of an application that echoes."""
    with serving() as (_, number):
        yield number


@pytest.mark.parametrize("body", SOUND)
def test_sound_chunks_are_read_at_every_split(port: int, body: bytes) -> None:
    whole = HEAD + body + LAST
    splits = [[whole]] + [[whole[:place], whole[place:]] for place in range(len(HEAD), len(HEAD + body))]
    for packets in splits:
        answers = told(port, packets, 0.001)
        assert [answer.status for answer in answers] == [200, 200]
        assert answers[0].asked["body"] == "hello"
        assert answers[0].asked["fields"] == {"host": "x", "transfer-encoding": "chunked"}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=list(MALFORMED))
def test_malformed_chunks_are_refused_at_every_split(port: int, body: bytes) -> None:
    whole = HEAD + body + LAST
    splits = [[whole], [HEAD, body, LAST], [bytes([byte]) for byte in whole]]
    splits += [[whole[:place], whole[place:]] for place in range(len(HEAD), len(HEAD + body), 3)]
    for packets in splits:
        answers = told(port, packets, 0.001)
        assert [answer.status for answer in answers] == [400], packets
        assert answers[0].fields["connection"] == "close"


@pytest.mark.parametrize("body", MALFORMED.values(), ids=list(MALFORMED))
def test_requests_before_malformed_chunks_keep_their_answers(port: int, body: bytes) -> None:
    first = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
    answers = told(port, [first * 3 + HEAD + body + LAST])
    assert [answer.status for answer in answers] == [200, 200, 200, 400]


@pytest.mark.parametrize(
    "part", [b"1;" + b"a" * 999 + b"\r\nh\r\n", b";" + b"a" * 1_000, b"0\r\nX: " + b"a" * 2_000]
)
def test_what_surrounds_the_data_is_bounded(port: int, part: bytes) -> None:
    """Extensions without end, and trailers without end, each in small packets."""
    packets = [HEAD, b"5\r\nhello\r\n1"]
    if part.startswith(b"1"):
        packets = [HEAD, *([part] * 8)]
    elif part.startswith(b"0"):
        packets = [HEAD, part, *([b"a" * 1_000] * 8)]
    else:
        packets += [part, *([b"a" * 1_000] * 8)]
    (answer,) = told(port, packets, 0.01)
    assert answer.status == 400
    assert LIMITS.header_bytes < 8_000


def test_many_small_chunks_are_no_excess(port: int) -> None:
    answers = told(port, [HEAD, *([b"1\r\na\r\n" * 50] * 60), END + LAST], 0.001)
    assert answers[0].asked["body"] == "a" * 3_000


def test_requests_before_on_the_connection_are_no_excess(port: int) -> None:
    """Each head and each body comes in a packet of its own, as Python's http.client sends them."""
    head = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
    count = 2 * LIMITS.header_bytes // len(b"POST  HTTP/1.1\r\n")
    answers = told(port, [*([head, b"hello"] * count), LAST], 0.002)
    assert [answer.status for answer in answers] == [200] * (count + 1)


def test_a_close_of_the_head_is_obeyed_whatever_a_trailer_says(port: int) -> None:
    head = HEAD.replace(b"Host", b"Connection: close\r\nHost")
    answers = told(port, [head + b"5\r\nhello\r\n0\r\nConnection: keep-alive\r\n\r\n" + LAST])
    assert [answer.status for answer in answers] == [200]
