"""Bodies are read within a limit, and only where they can be JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from starlette.requests import Request

from service.http.bodies import body_type, read_json, read_octets
from service.http.errors import MalformedRequestError, MediaTypeError
from service.http.memory import LEASE, MemoryBudget, MemoryLease
from tensorseed.errors import TooLargeError

LIMIT = 10
BUDGET = MemoryBudget(1 << 20)


def read(
    chunks: Iterable[bytes], limit: int = LIMIT, *, octets: bool = False, **headers: str
) -> tuple[bytes, int]:
    """The body that was read, and how many chunks that took."""
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    taken = 0

    async def receive() -> dict:
        nonlocal taken
        taken += 1
        return messages[taken - 1]

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    request = Request({"type": "http", "method": "POST", "headers": raw, LEASE: MemoryLease(BUDGET)}, receive)
    try:
        if octets:
            return bytes(asyncio.run(read_octets(request, LIMIT, "send less"))), taken
        return asyncio.run(read_json(request, limit)), taken
    except TooLargeError as error:
        error.args = (*error.args, taken)
        raise


@pytest.mark.parametrize(
    "media_type",
    [
        None,
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/vnd.tensorseed+json",
        "text/json",
        "application/x-www-form-urlencoded",
        "text/plain;charset=UTF-8",
    ],
)
def test_json_in_any_guise_is_read(media_type: str | None) -> None:
    headers = {} if media_type is None else {"content_type": media_type}
    assert read([b"{", b"}"], **headers)[0] == b"{}"


@pytest.mark.parametrize("media_type", ["text/html", "application/octet-stream", "json"])
def test_another_media_type_is_refused(media_type: str) -> None:
    with pytest.raises(MediaTypeError, match="application/json") as caught:
        read([b"{}"], content_type=media_type)
    assert caught.value.headers == {"Accept-Post": "application/json"}


@pytest.mark.parametrize(
    ("media_type", "words"),
    [
        ("multipart/form-data; boundary=x", "send the JSON text itself as the body"),
        ("application/yaml", "convert the YAML to JSON"),
        ("application/x-yaml", "convert the YAML to JSON"),
        ("text/vnd.yaml", "convert the YAML to JSON"),
    ],
)
def test_another_form_of_a_spec_has_its_own_remedy(media_type: str, words: str) -> None:
    with pytest.raises(MediaTypeError, match=words):
        read([b"{}"], content_type=media_type)


@pytest.mark.parametrize("body", [b"%7B%22%7D", b"%7b%22%7d=", b"%0A+%7B%22%7D"])
def test_json_that_a_form_escapes_is_read(body: bytes) -> None:
    with_room = read([body], 20, content_type="application/x-www-form-urlencoded")
    assert with_room[0].strip() == b'{"}'
    assert read([body], 20, content_type="application/json")[0] == body


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
def test_an_encoded_body_is_refused(encoding: str) -> None:
    with pytest.raises(MediaTypeError) as caught:
        read([b"{}"], content_encoding=encoding)
    assert caught.value.headers == {"Accept-Encoding": "identity"}


def test_identity_is_no_encoding() -> None:
    assert read([b"{}"], content_encoding="identity")[0] == b"{}"


def test_a_body_of_the_limit_is_read_and_one_byte_more_is_not() -> None:
    assert read([b"x" * LIMIT], content_length=str(LIMIT))[0] == b"x" * LIMIT
    with pytest.raises(TooLargeError, match="limit of 10 bytes"):
        read([b"x" * (LIMIT + 1)])


@pytest.mark.parametrize("length", ["11", "1" + "0" * 6000])
def test_a_declared_length_over_the_limit_is_refused_unread(length: str) -> None:
    with pytest.raises(TooLargeError) as caught:
        read([b"{}"], content_length=length)
    assert caught.value.args[1] == 0


def test_an_undeclared_body_is_refused_as_soon_as_it_is_over() -> None:
    with pytest.raises(TooLargeError) as caught:
        read([b"123456"] * 1000)
    assert caught.value.args[1] == 2


@pytest.mark.parametrize("length", ["-1", "ten", "٣", "1_0"])
def test_a_length_that_is_no_number_is_malformed(length: str) -> None:
    with pytest.raises(MalformedRequestError):
        read([b"{}"], content_length=length)


class TestOctets:
    @pytest.mark.parametrize("length", ["5", None])
    def test_are_read_with_a_length_and_without(self, length: str | None) -> None:
        headers = {} if length is None else {"content_length": length}
        assert read([b"12", b"", b"345"], octets=True, **headers)[0] == b"12345"

    @pytest.mark.parametrize("length", ["0", "000", None])
    def test_none_at_all(self, length: str | None) -> None:
        headers = {} if length is None else {"content_length": length}
        assert read([], octets=True, **headers)[0] == b""

    def test_can_be_written(self) -> None:
        for headers in ([(b"content-length", b"2")], []):
            message = {"type": "http.request", "body": b"12", "more_body": False}

            async def receive(message: dict = message) -> dict:
                return message

            request = Request(
                {"type": "http", "method": "POST", "headers": headers, LEASE: MemoryLease(BUDGET)}, receive
            )
            body = asyncio.run(read_octets(request, LIMIT, ""))
            body[0] = ord("9")
            assert (bytes(body), body.format, body.ndim) == (b"92", "B", 1)

    @pytest.mark.parametrize("length", ["11", "1" + "0" * 6000])
    def test_over_the_limit_are_refused_unread(self, length: str) -> None:
        with pytest.raises(TooLargeError, match="limit of 10 bytes: send less") as caught:
            read([b"1"], octets=True, content_length=length)
        assert caught.value.args[1] == 0

    def test_over_the_limit_undeclared(self) -> None:
        with pytest.raises(TooLargeError) as caught:
            read([b"123456"] * 1000, octets=True)
        assert caught.value.args[1] == 2

    @pytest.mark.parametrize(("length", "words"), [("1", "longer"), ("3", "shorter")])
    def test_that_do_not_fit_their_length(self, length: str, words: str) -> None:
        with pytest.raises(MalformedRequestError, match=f"{words} than its Content-Length"):
            read([b"12"], octets=True, content_length=length)

    @pytest.mark.parametrize("length", ["-1", "ten", "٣", "1_0"])
    def test_a_length_that_is_no_number(self, length: str) -> None:
        with pytest.raises(MalformedRequestError):
            read([b"1"], octets=True, content_length=length)


def form(content_type: str, *forms: str) -> str:
    headers = [(b"content-type", content_type.encode())] if content_type else []
    return body_type(Request({"type": "http", "method": "POST", "headers": headers}), forms)


def test_a_body_has_the_form_that_it_says() -> None:
    both = ("application/json", "application/octet-stream")
    assert form("", *both) == form("text/json", *both) == "application/json"
    assert form("Application/Octet-Stream; x=y", *both) == "application/octet-stream"
    with pytest.raises(MediaTypeError, match="a file as application/octet-stream") as caught:
        form("text/csv", *both)
    assert caught.value.headers == {"Accept-Post": "application/json, application/octet-stream"}
