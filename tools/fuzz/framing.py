"""Streams of raw requests, read by two parsers that must not disagree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import h11
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tools.fuzz.raw import HURRIED, LAST, Reply, serving, told

MARK = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
"""A body that would be a request, if a parser took the body's end for another place."""

# Of each list, the first one is sound.
_HOSTS = [b"Host: x", b"", b"Host: x\r\nHost: y", b"Host: a b", b"Host: u@x", b"Host:", b"Host: [::1]:80"]
_TARGETS = [b"/a", b"/b?c", b"http://y/a", b"http://u@y/a", b"*", b"/a#b", b"x:80", b"//a", b"a"]
_METHODS = [b"POST", b"GET", b"PUT", b"OPTIONS", b"CONNECT", b"QUERY", b"get", b"BREW"]
_VERSIONS = [b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/0.9", b""]
_CONNECTIONS = [b"Upgrade", b"Upgrade, HTTP2-Settings", b"keep-alive, upgrade", b"close, Upgrade", b"x"]
_UPGRADES = [b"h2c", b"websocket", b"TLS/1.0, h2c", b"", b"\th2c "]
_LENGTHS = [b"%d", b" %d\t", b"+%d", b"%d, %d", b"0x%x", b"%d\r\nContent-Length: %d", b"-%d", b"0%d"]
_CODINGS = [
    *(b"chunked", b"CHUNKED", b"gzip, chunked", b"chunked, gzip", b"chunked, chunked", b"identity"),
    *(b"xchunked", b",chunked", b"chunked\r\nTransfer-Encoding: chunked", b"chunked;a", b"\x0bchunked", b""),
]
_SIZES = [
    *(b"%x", b"%X", b"0%x", b"000000%x", b"%x;a=b", b'%x;a="b"', b"%x;", b" %x", b"%x ", b"+%x", b"0x%x"),
    *(b"-%x", b"%xg", b"f%015x", b"%x\n", b"%x;a\n", b""),
]
_ENDS = [b"\r\n", b"\n", b"\r", b"", b"\r\n\r\n", b"x\r\n"]
_TRAILERS = [
    *(b"", b"X: y\r\n", b"Connection: Upgrade\r\nUpgrade: x\r\n", b"Content-Length: 9\r\n", b"X : y\r\n"),
    *(b": y\r\n", b"Transfer-Encoding: chunked\r\n", b"X: y\r\n z\r\n", b"X\r\n", b"Host: z\r\n"),
]


def one_of(options: Sequence[bytes], odds: int = 20) -> st.SearchStrategy[bytes]:
    """The first option, and once in `odds` any other."""
    return st.integers(1, odds).flatmap(lambda drawn: st.sampled_from(options if drawn == 1 else options[:1]))


@st.composite
def chunks(draw: st.DrawFn) -> bytes:
    """A chunked body, now and then malformed."""
    parts = []
    for data in draw(st.lists(st.sampled_from([b"a", b"hello", MARK]), max_size=3)):
        size = draw(one_of(_SIZES, 10))
        parts += [size % len(data) if b"%" in size else size, draw(one_of(_ENDS, 40)), data]
        parts.append(draw(one_of(_ENDS, 40)))
    parts += [b"0", draw(one_of(_ENDS, 40)), draw(one_of(_TRAILERS, 10)), draw(one_of(_ENDS, 40))]
    return b"".join(parts)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A request, now and then malformed, often with an upgrade."""
    fields = [draw(one_of(_HOSTS)), *draw(st.lists(st.sampled_from([b"X: y", b"Expect: x"]), max_size=1))]
    if draw(st.booleans()):
        fields.append(b"Connection: " + draw(one_of(_CONNECTIONS, 2)))
    if draw(st.booleans()):
        fields.append(b"Upgrade: " + draw(one_of(_UPGRADES, 2)))
    body = b""
    match draw(st.integers(0, 3)):
        case 0:
            body = draw(st.sampled_from([b"hello", MARK, b""]))
            length = draw(one_of(_LENGTHS, 10))
            fields.append(b"Content-Length:" + length % ((len(body),) * length.count(b"%")))
        case 1 | 2:
            body = draw(chunks())
            fields.append(b"Transfer-Encoding:" + draw(one_of(_CODINGS, 10)))
    fields = draw(st.permutations([field for field in fields if field]))
    first = b" ".join((draw(one_of(_METHODS, 6)), draw(one_of(_TARGETS, 10)), draw(one_of(_VERSIONS))))
    return draw(one_of([b"\r\n", b"\n"])).join((first, *fields, b"", b"")) + body


@dataclass(frozen=True, slots=True)
class Stream:
    """The bytes of one connection, cut into packets."""

    data: bytes
    cuts: tuple[int, ...]

    def packets(self) -> list[bytes]:
        """The packets, none of which is empty."""
        places = sorted({0, len(self.data), *(cut for cut in self.cuts if cut < len(self.data))})
        return [self.data[begin:end] for begin, end in pairwise(places)]


streams = st.builds(
    Stream,
    st.lists(requests(), min_size=1, max_size=4).map(lambda parts: b"".join((*parts, LAST))),
    st.lists(st.integers(1, 600), max_size=3).map(tuple),
)


def read_by_h11(data: bytes) -> list[tuple[str, str]]:
    """The targets and bodies of the requests that h11 reads, until it finds a fault or the end."""
    found: list[tuple[str, str]] = []
    while data := data.lstrip(b"\r\n"):  # empty lines before a request are ignored (RFC 9112, 2.2)
        connection = h11.Connection(h11.SERVER)
        connection.receive_data(data)
        target, body, ends = "", b"", False
        try:
            while not isinstance(event := connection.next_event(), h11.EndOfMessage):
                if isinstance(event, h11.Request):
                    target, ends = event.target.decode(), _ends(event)
                elif isinstance(event, h11.Data):
                    body += event.data
                else:
                    return found
        except h11.RemoteProtocolError:
            return found
        found.append((target, body.decode("latin-1")))
        data = b"" if ends else connection.trailing_data[0]
    return found


def _ends(request: h11.Request) -> bool:
    """Whether no request follows on the connection."""
    options = [value.lower() for name, value in request.headers if name == b"connection"]
    return request.http_version < b"1.1" or any(b"close" in option for option in options)


def faults(stream: Stream, answers: Sequence[Reply]) -> list[str]:
    """What is wrong with the answers to a stream.

    Every request that is answered well is one that h11 reads the same way. The server may refuse more.
    """
    found = []
    statuses = [answer.status for answer in answers]
    good = [answer.asked for answer in answers if answer.status == 200]
    if any(status not in {200, 400, 408, 431, 501} for status in statuses):
        found.append(f"statuses {statuses}")
    if any(status != 200 for status in statuses[:-1]):
        found.append(f"requests behind a refused one: {statuses}")
    read = [(path_of(target), body) for target, body in read_by_h11(stream.data)]
    taken = [(asked["path"] + ("?" + asked["query"]) * bool(asked["query"]), asked["body"]) for asked in good]
    if taken != read[: len(taken)]:
        found.append(f"took {taken}, h11 {read}")
    if len(taken) < len(read) and len(taken) == len(answers):
        found.append(f"answered {taken} alone, h11 {read}")
    if any("smuggled" in path for path, _ in taken):
        found.append("a body was taken for a request")
    return found


def run(count: int, number: int, most: int = 5) -> tuple[Counter[int], list[str]]:
    """Send so many streams to an echo: the statuses of its answers, and at most so many faults."""
    statuses: Counter[int] = Counter()
    found: list[str] = []

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(streams)
    def one(stream: Stream) -> None:
        if len(found) < most:
            answers = told(port, stream.packets(), 0.001)
            statuses.update(answer.status for answer in answers)
            found.extend(f"{fault}: {stream}" for fault in faults(stream, answers))

    with serving(limits=HURRIED) as (_, port):
        one()
    return statuses, found


def path_of(target: str) -> str:
    """The target without the host of an absolute form."""
    return target.removeprefix("http://y") if target.startswith("http://y") else target
