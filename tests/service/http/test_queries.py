"""Queries and paths are UTF-8 as it was sent."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request

from service.http.errors import QueryError, UnknownPathError
from service.http.queries import MAX_QUERY_BYTES, check_path, query_of
from tensorseed.errors import TooLargeError


def request(query: bytes = b"", path: bytes = b"/") -> Request:
    scope = {"type": "http", "method": "GET", "headers": [], "query_string": query, "raw_path": path}
    return Request(scope)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"", {}),
        (b"&&a=1&", {"a": "1"}),
        (b"a", {"a": ""}),
        (b"a=b=c&d=", {"a": "b=c", "d": ""}),
        (b"a+b=c+d%2B", {"a b": "c d+"}),
        (b"n=%C3%A4%26%3D", {"n": "ä&="}),
        (b"n=\xc3\xa4", {"n": "ä"}),
        (b"n=%EF%BF%BD", {"n": "\ufffd"}),
        (b"n=100%", {"n": "100%"}),
        (b"a;b=1", {"a;b": "1"}),
    ],
)
def test_a_query_is_read(query: bytes, expected: dict[str, str]) -> None:
    assert query_of(request(query)) == expected


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        (b"name=%ff", "name"),
        (b"a=1&name=\xff", "name"),
        (b"name=%ED%A0%80", "name"),
        (b"name=%C0%80", "name"),
        (b"%ff=1", "\\xff"),
    ],
)
def test_what_is_not_utf8_is_refused_by_name(query: bytes, parameter: str) -> None:
    with pytest.raises(QueryError, match="UTF-8") as caught:
        query_of(request(query))
    assert [fault.pointer for fault in caught.value.faults] == [parameter]


def test_a_parameter_given_twice_is_refused() -> None:
    with pytest.raises(QueryError, match="once"):
        query_of(request(b"a=1&b=1&a=1"))


def test_a_parameter_that_is_not_valid_is_refused() -> None:
    assert query_of(request(b"a=1"), allowed=("a",)) == {"a": "1"}
    with pytest.raises(QueryError, match="valid is a, b"):
        query_of(request(b"c=1"), allowed=("a", "b"))
    with pytest.raises(QueryError, match="this path has none"):
        query_of(request(b"c=1"), allowed=())


def test_a_query_as_long_as_allowed() -> None:
    assert len(query_of(request(b"a=" + b"x" * (MAX_QUERY_BYTES - 2)))["a"]) == MAX_QUERY_BYTES - 2
    with pytest.raises(TooLargeError, match="POST"):
        query_of(request(b"a=" + b"x" * (MAX_QUERY_BYTES - 1)))


@pytest.mark.parametrize("path", [b"/%ff", b"/a/%C3", b"/%ED%A0%80"])
def test_a_path_that_is_not_utf8_names_nothing(path: bytes) -> None:
    with pytest.raises(UnknownPathError, match="UTF-8"):
        check_path(request(path=path))


def test_a_path_that_is_utf8_passes() -> None:
    check_path(request(path=b"/%C3%A4%EF%BF%BD"))


def test_the_replacement_sign_is_a_name_of_its_own(client: Any) -> None:
    """No invalid byte stands for it, neither in a query nor in a path."""
    query = "/v1/weights?init=zeros&shape=2&name="
    good = client.get(query + "%EF%BF%BD")
    assert good.status_code == 200
    bad = client.get(query + "%ff")
    assert (bad.status_code, bad.json()["errors"][0]["parameter"]) == (422, "name")
    tensors = good.headers["content-location"] + "/tensors/"
    assert client.get(tensors + "%EF%BF%BD").status_code == 200
    missing = client.get(tensors + "%ff")
    assert (missing.status_code, missing.json()["type"]) == (404, "urn:tensorseed:problem:unknown-path")
