"""Servers that lie: in every field, in every way, one at a time."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tensorseed.__main__ import main
from tensorseed.client import download
from tensorseed.client.http import connection, retries
from tests.tensorseed.client.conftest import file_of
from tests.tensorseed.client.hostile import Answer, Hostile, document, listening

SPEC = {"seed": 3, "layers": [{"name": "w.{0..2}", "type": "Tensor", "shape": [40, 5], "init": "normal"}]}
FILE = file_of(SPEC)
MISSING = object()

WRONG: dict[str, Any] = {
    "missing": MISSING,
    "null": None,
    "true": True,
    "list": [],
    "object": {},
    "negative": -1,
    "zero": 0,
    "past exact floats": (1 << 53) + 1,
    "past 64 bits": 1 << 70,
    "float": 1.5,
    "infinity": float("inf"),
    "not a number": float("nan"),
    "empty": "",
    "long": "s1." + "a" * 1_000_000,
    "controls": "s1.\x1b[31m\x00\x07",
    "line break": "s1.a\r\nX-More: 1",
    "not ASCII": "s1.ä€",
    "surrogate": "\ud800",
    "path": "../../x",
    "absolute path": "/etc/passwd",
    "URL": "http://127.0.0.1:1/x",
    "quotes": '"a" "b"',
    "weak": 'W/"a"',
    "deep": [],  # as text below
}
DEEP = b"[" * 200_000 + b"]" * 200_000
NULL_TOKEN = ("plan", "token", "null")  # says that there is none, which is right

MEMBERS = [
    *(("plan", name) for name in ("token", "etag", "size")),
    *(("digest", name) for name in ("algorithm", "digest", "size", "tensors")),
]
PROBLEM = {"detail": "no: ask for another", "errors": [{"pointer": "/seed", "detail": "less: write less"}]}
PROBLEM_PARTS = ["detail", "errors", "errors.0", "errors.0.pointer", "errors.0.detail"]

FIELDS = [
    *(("head", name) for name in ("etag", "content-length", "content-location", "content-encoding")),
    *(("get", name) for name in ("etag", "content-length", "content-range", "content-encoding")),
    *(("post", name) for name in ("etag", "content-length", "content-encoding")),
    *(("plan", name) for name in ("content-length", "content-encoding")),
    *(("digest", name) for name in ("content-length", "content-encoding")),
]
WRONG_FIELDS: dict[str, list[bytes]] = {
    "missing": [],
    "empty": [b""],
    "negative": [b"-1"],
    "zero": [b"0"],
    "past 64 bits": [b"1180591620717411303424"],
    "infinity": [b"inf"],
    "float": [b"1.5"],
    "long": [b"9" * 50_000],
    "controls": [b"\x1b[31m\x07"],
    "zero byte": [b"a\x00b"],
    "line break": [b"a\r\nx-more: 1"],
    "not ASCII": ['"ä€"'.encode()],
    "not UTF-8": [b'"\xff\xfe"'],
    "surrogate": [b'"\xed\xa0\x80"'],
    "path": [b"../../v1/weights/../../x"],
    "twice": [b'"a"', b'"b"'],
    "weak": [b'W/"a"'],
    "superscript": ["²".encode("latin-1")],
    "gzip": [b"gzip"],
    "range": [b"bytes 5-4/3"],
    "star": [b"bytes */*"],
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines of a second in all, instead of minutes."""
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(connection, "READ_SECONDS", 0.5)


@pytest.fixture(autouse=True)
def without_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "MAX_RETRY_AFTER_SECONDS", 0.02)
    monkeypatch.setattr(download.Backoff, "seconds", lambda _: 0.001)


@pytest.fixture
def server() -> Iterator[tuple[Hostile, str]]:
    hostile = Hostile(FILE)
    with listening(hostile) as url:
        yield hostile, url


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "folder"
    found.mkdir()
    (found / "spec.json").write_text(json.dumps(SPEC))
    monkeypatch.chdir(found)
    return found


def fetch(url: str, source: str = "spec.json", *more: str) -> Result:
    return CliRunner().invoke(main, ["fetch", source, "-o", "w", "--url", url, "--attempts", "2", *more])


def assert_refused(result: Result, folder: Path, codes: Iterable[int]) -> None:
    """Check that the command ended with one line, one of the exit codes, and no file of a wrong name."""
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code in codes, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr) < 3_000
    assert result.stderr.replace("\n", "").isprintable()
    assert_only(folder)


def assert_only(folder: Path, *more: str) -> None:
    assert set(os.listdir(folder)) <= {"spec.json", "w.part", "w.part.json", *more}
    assert set(os.listdir(folder.parent)) == {"folder"}
    assert json.loads((folder / "spec.json").read_text()) == SPEC


def spoiled(whole: Any, path: str, kind: str) -> bytes:
    """Return the JSON of a document with a wrong value at a path."""
    copy = json.loads(json.dumps(whole))
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    parent = copy
    for part in parents:
        parent = parent[part]
    if WRONG[kind] is MISSING:
        del parent[last]
    else:
        parent[last] = "DEEP" if kind == "deep" else WRONG[kind]
    return json.dumps(copy).encode().replace(b'"DEEP"', DEEP)


def test_the_right_answers_are_taken(server: tuple[Hostile, str], folder: Path) -> None:
    hostile, url = server
    for number, source in enumerate(["spec.json", hostile.token, f"{url}/v1/weights/{hostile.token}"]):
        result = fetch(url, source, "--force")
        assert (result.exit_code, result.stdout) == (0, "")
        assert (folder / "w").read_bytes() == hostile.data
        assert_only(folder, "w")
        assert len(hostile.requests) == 3 * (number + 1)
    hostile.plan["token"] = None
    assert fetch(url, "spec.json", "--force").exit_code == 0
    assert (folder / "w").read_bytes() == hostile.data


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize(("where", "member"), MEMBERS)
def test_every_member_wrong_in_turn(
    server: tuple[Hostile, str], folder: Path, where: str, member: str, kind: str
) -> None:
    hostile, url = server
    whole = {"plan": hostile.plan, "digest": hostile.digests}[where]
    text = spoiled(whole, member, kind)
    hostile.change = lambda asked, answer: document(text) if asked == where else answer
    result = fetch(url)
    if (where, member, kind) == NULL_TOKEN:
        assert (result.exit_code, result.stdout) == (0, "")
    elif (where, member) == ("digest", "tensors") and kind == "object":
        assert result.exit_code == 0  # they only explain a difference
    elif (where, member, kind) == ("plan", "etag", "quotes") or kind == "past exact floats":
        assert_refused(result, folder, {3, 4, 5})  # a size that nobody has room for
    else:
        assert_refused(result, folder, {3})
        assert "does not answer as tensorseed does" in result.stderr


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("status", [422, 503])
@pytest.mark.parametrize("part", PROBLEM_PARTS)
def test_every_part_of_a_problem_wrong_in_turn(
    server: tuple[Hostile, str], folder: Path, part: str, status: int, kind: str
) -> None:
    hostile, url = server
    text = spoiled(PROBLEM, part, kind)
    hostile.change = lambda *_: document(text, status, b"application/problem+json")
    assert_refused(fetch(url), folder, {1, 3} if status == 422 else {3})


@pytest.mark.parametrize("kind", WRONG_FIELDS)
@pytest.mark.parametrize(("where", "name"), FIELDS)
def test_every_field_wrong_in_turn(
    server: tuple[Hostile, str], folder: Path, where: str, name: str, kind: str
) -> None:
    hostile, url = server

    def change(asked: str, answer: Answer) -> Answer:
        if asked == where:
            answer.fields[name] = WRONG_FIELDS[kind]
        return answer

    hostile.change = change
    if where == "post":
        hostile.plan["token"] = None
    result = fetch(url, hostile.token if where == "head" else "spec.json")
    right = (
        (name == "content-encoding" and kind in ("missing", "empty"))
        or (name == "content-length" and kind == "missing" and where != "head")
        or name == "content-location"
        or (where == "head" and name == "content-encoding")
    )
    if right and result.exit_code == 0:
        assert (folder / "w").read_bytes() == hostile.data
        assert_only(folder, "w")
    else:
        assert_refused(result, folder, {3})
        assert not right or "broke" in result.stderr  # an HTTP field that none may have


RETRY_AFTER = [
    *itertools.chain(*WRONG_FIELDS.values()),
    b"Fri, 31 Dec 9999 23:59:59 GMT",
    b"Fri, 31 Dec 99999999999999999999 23:59:59 GMT",
    b"Sun, 06 Nov 1994 08:49:37 +99999999999999",
    b"1e400",
]


@pytest.mark.parametrize("value", RETRY_AFTER, ids=range(len(RETRY_AFTER)))
def test_retry_after_wrong(server: tuple[Hostile, str], folder: Path, value: bytes) -> None:
    hostile, url = server
    hostile.change = lambda *_: Answer(503, {"retry-after": value, "content-length": b"0"})
    assert_refused(fetch(url), folder, {3})
    assert len(hostile.requests) == 2


LOCATIONS = [
    *itertools.chain(*WRONG_FIELDS.values()),
    b"/v1/weights/plan",  # without end
    b"http://127.0.0.1:1/x",
    b"http://[::1",
    b"http://h:99999/",
    b"http://" + b"a" * 70 + b".example/",
    b"http://xn--/",
    b"http://" + "ä.".encode() * 3 + b"/",
    b"http://\xff/",
    b"file:///etc/passwd",
    b"ftp://h/",
    b"javascript:1",
    b"//",
    b"?",
    b"/" + b"a" * 70_000,
]


@pytest.mark.parametrize("status", [303, 307])
@pytest.mark.parametrize("value", LOCATIONS, ids=range(len(LOCATIONS)))
def test_location_wrong(server: tuple[Hostile, str], folder: Path, value: bytes, status: int) -> None:
    hostile, url = server
    hostile.change = lambda *_: Answer(status, {"location": value, "content-length": b"0"})
    assert_refused(fetch(url), folder, {3})
    assert len(hostile.requests) <= 12


def test_a_redirect_leads_to_no_other_key(server: tuple[Hostile, str], folder: Path) -> None:
    hostile, url = server
    other = Hostile(FILE)
    seen: list[str] = []
    answer = other.answer

    def keep(method: str, path: str, head: str) -> Answer:
        seen.append(head.lower())
        return answer(method, path, head)

    other.answer = keep  # type: ignore[method-assign]
    with listening(other) as there:
        hostile.change = lambda *_: Answer(307, {"location": f"{there}/v1/weights/plan".encode()})
        fetch(url, "spec.json", "--key", "secret")
    assert seen
    assert not [head for head in seen if "secret" in head]


def endless(piece: bytes) -> Iterator[bytes]:
    return itertools.repeat(piece)


def dripping(begin: bytes, piece: bytes) -> Iterator[bytes]:
    yield begin
    while True:
        time.sleep(0.05)
        yield piece


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
BOMB = gzip.compress(bytes(1 << 24))
WIRES: dict[str, Callable[[], Iterable[bytes]]] = {
    "nothing": list,
    "no HTTP": lambda: [b"SSH-2.0-OpenSSH\r\n"],
    "zeros": lambda: [bytes(1_000)],
    "HTTP/3": lambda: [b"HTTP/3 200 OK\r\n\r\n"],
    "status of a word": lambda: [b"HTTP/1.1 abc OK\r\n\r\n"],
    "status 999": lambda: [b"HTTP/1.1 999 OK\r\ncontent-length: 0\r\n\r\n"],
    "endless head": lambda: endless(b"x-more: " + b"a" * 10_000 + b"\r\n"),
    "endless field": lambda: itertools.chain([HEAD + b"x: "], endless(b"a" * 10_000)),
    "endless status line": lambda: itertools.chain([b"HTTP/1.1 200 "], endless(b"a" * 10_000)),
    "endless interim": lambda: endless(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "dripping head": lambda: dripping(HEAD, b"x: y\r\n"),
    "dripping content": lambda: dripping(HEAD + b"\r\n", b"["),
    "dripping chunks": lambda: dripping(CHUNKED, b"1\r\n[\r\n"),
    "dripping extension": lambda: dripping(CHUNKED + b"1;", b"a"),
    "dripping trailers": lambda: dripping(CHUNKED + b"1\r\n[\r\n0\r\n", b"x: y\r\n"),
    "negative chunk": lambda: [CHUNKED + b"-1\r\n"],
    "huge chunk": lambda: [CHUNKED + b"f" * 100 + b"\r\n"],
    "gzip bomb": lambda: [HEAD + b"content-encoding: gzip\r\n\r\n", BOMB],
    "unasked gzip": lambda: [HEAD + b"\r\n", BOMB],
    "silence": lambda: dripping(b"", b""),
    "unknown coding": lambda: [HEAD + b"transfer-encoding: unknown\r\n\r\nabc"],
    "two lengths": lambda: [HEAD + b"content-length: 3\r\ncontent-length: 4\r\n\r\nabcd"],
}


@pytest.mark.parametrize("where", ["plan", "get", "digest"])
@pytest.mark.parametrize("wire", WIRES)
def test_every_answer_broken_in_turn(
    server: tuple[Hostile, str], folder: Path, impatient: None, wire: str, where: str
) -> None:
    hostile, url = server
    hostile.change = lambda asked, answer: Answer(raw=WIRES[wire]()) if asked == where else answer
    assert_refused(fetch(url), folder, {3})


@pytest.mark.parametrize("where", ["plan", "digest", "get", "post"])
def test_content_without_end_is_cut(
    server: tuple[Hostile, str], folder: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tensorseed.client.http.remote.MAX_JSON_BYTES", 1 << 20)
    hostile, url = server

    def change(asked: str, answer: Answer) -> Answer:
        if asked == where:
            answer.fields["content-length"] = None
            answer.body = endless(b"[" * 10_000)
        return answer

    hostile.change = change
    if where == "post":
        hostile.plan["token"] = None
    assert_refused(fetch(url), folder, {3})
    if (folder / "w.part").exists():
        assert (folder / "w.part").stat().st_size == len(hostile.data)


def test_json_with_more_values_than_a_plan_has(
    server: tuple[Hostile, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tensorseed.client.http.answers.MAX_JSON_VALUES", 1_000)
    hostile, url = server
    hostile.plan["tensors"] = [[]] * 1_000
    assert_refused(fetch(url), folder, {3})


def test_a_byte_at_a_time_from_one_connection_each_ends(server: tuple[Hostile, str], folder: Path) -> None:
    hostile, url = server

    def change(asked: str, answer: Answer) -> Answer:
        if asked == "get":
            answer.body = [b"".join(answer.body)[:1]]
        return answer

    hostile.change = change
    assert_refused(fetch(url), folder, {3})
    assert len(hostile.requests) == 3


CONSISTENT_LIES: dict[str, dict[str, Any]] = {
    "another seed": {"seed": 4},
    "another shape": {"layers": [{"name": "w", "type": "Tensor", "shape": [5], "init": "ones"}]},
    "another generator": {"generator": "torch"},
}


@pytest.mark.parametrize("lie", CONSISTENT_LIES)
def test_the_whole_file_of_another_spec(folder: Path, lie: str) -> None:
    hostile = Hostile(file_of({**SPEC, **CONSISTENT_LIES[lie]}))
    with listening(hostile) as url:
        result = fetch(url)
        assert_refused(result, folder, {4})
        assert "another spec" in result.stderr
        asked = Hostile(FILE).token
        assert_refused(fetch(url, asked), folder, {4})
        assert_refused(fetch(url, f"{url}/v1/weights/{asked}"), folder, {4})
        hostile.plan["token"] = None
        assert_refused(fetch(url), folder, {4})


@pytest.mark.parametrize(
    "data",
    [
        b"\0" * 100,
        b"\xff" * 100,
        (1 << 62).to_bytes(8, "little") + b"{" * 92,
        (92).to_bytes(8, "little") + b'{"a":{"dtype":"U8","shape":[9999],"data_offsets":[0,9999]}}'.ljust(92),
        (92).to_bytes(8, "little") + b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'.ljust(92),
        (92).to_bytes(8, "little") + b"[" * 92,
        (92).to_bytes(8, "little") + b'{"__metadata__":{"tensorseed.recipe":"\\ud800"}}'.ljust(92),
        (92).to_bytes(8, "little") + b'{"__metadata__":{"tensorseed.recipe":"{}"}}'.ljust(92),
    ],
    ids=range(8),
)
@pytest.mark.parametrize("told", [True, False])
def test_a_file_that_is_none(server: tuple[Hostile, str], folder: Path, data: bytes, told: bool) -> None:
    hostile, url = server
    hostile.data, hostile.plan["size"], hostile.digests["size"] = data, len(data), len(data)
    if not told:
        hostile.change = lambda asked, answer: Answer(404, {}) if asked == "digest" else answer
    assert_refused(fetch(url), folder, {4} if told else {3, 4})
