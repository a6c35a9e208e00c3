"""Framing: the service and h11 see the same requests at every cut."""

from __future__ import annotations

import json

import pytest

from tools.fuzz.framing import MARK, Stream, faults, read_by_h11
from tools.fuzz.raw import LAST, Reply
from tools.fuzz.runs import framing


def test_two_parsers_see_the_same_requests() -> None:
    done = framing(300)
    assert not done.faults, "\n\n".join(done.faults)
    assert " requests in 300 streams" in done.told


POST = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(MARK), MARK)


def reply(status: int, path: str = "", body: str = "") -> Reply:
    """An answer of the echo."""
    return Reply(status, {}, json.dumps({"path": path, "query": "", "body": body}).encode())


@pytest.mark.parametrize(
    ("answers", "fault"),
    [
        ([reply(200, "/a", MARK.decode()), reply(200, "/last")], ""),
        ([reply(200, "/a", MARK.decode()), reply(400)], ""),
        ([reply(400)], ""),
        ([reply(200, "/a"), reply(200, "/last")], "took"),
        ([reply(200, "/a"), reply(200, "/smuggled"), reply(200, "/last")], "a body was taken"),
        ([reply(200, "/a", MARK.decode())], "alone"),
        ([], "alone"),
        ([reply(400), reply(200, "/last")], "behind a refused one"),
        ([reply(500)], "statuses"),
    ],
)
def test_answers_to_a_stream_are_judged(answers: list[Reply], fault: str) -> None:
    found = faults(Stream(POST + LAST, ()), answers)
    assert fault in " ".join(found)
    assert bool(found) == bool(fault)


def test_h11_reads_until_a_fault() -> None:
    assert read_by_h11(POST + LAST + POST) == [("/a", MARK.decode()), ("/last", "")]
    assert read_by_h11(POST + b"GET / HTTP/1.1\r\n\r\n") == [("/a", MARK.decode())]


def test_a_stream_is_cut_into_packets() -> None:
    assert Stream(b"abcdef", (2, 4, 9)).packets() == [b"ab", b"cd", b"ef"]
