"""Queries, and lists in pages."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from service.http.errors import QueryError
from service.hub.pagination import Query, paged


def request(query: str) -> Request:
    return Request(
        {
            "type": "http",
            "scheme": "http",
            "server": ("hub.example", 80),
            "path": "/list",
            "query_string": query.encode(),
            "headers": [],
        }
    )


@pytest.mark.parametrize("text", ["true", "True", "1"])
def test_flags(text: str) -> None:
    assert Query(request(f"expand={text}")).flag("expand")
    assert not Query(request(f"recursive={text}")).flag("expand")
    assert not Query(request("expand=False")).flag("expand")


def test_texts_may_be_repeated_or_have_commas() -> None:
    assert Query(request("filter=a&filter=b,c&filter=")).texts("filter") == ["a", "b", "c"]


@pytest.mark.parametrize("text", ["-1", "x", "1.5", "", "1234567890", "%D9%A3"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(QueryError):
        Query(request(f"limit={text}")).number("limit", 5)


def test_pages_follow_one_another_to_the_end() -> None:
    entries = list(range(7))
    found: list[int] = []
    query = "limit=3&expand=a&expand=b"
    while query:
        asked = request(query)
        page, headers = paged(Query(asked), entries)
        assert len(page) <= 3
        found += page
        link = headers.get("Link", "")
        assert not link or link.endswith('>; rel="next"')
        assert not link or "expand=a&expand=b" in link
        query = link.partition("?")[2].partition(">")[0]
    assert found == entries


def test_the_link_is_relative_whatever_the_host_says() -> None:
    asked = request("limit=2&filter=a%3Eb%22%26c")
    _, headers = paged(Query(asked), [1, 2, 3])
    assert headers["Link"] == '<?limit=2&filter=a%3Eb%22%26c&cursor=2>; rel="next"'


def test_a_host_that_is_no_host_is_no_fault() -> None:
    asked = request("limit=1")
    asked.scope["headers"] = [(b"host", b"[::1/<evil>")]
    assert paged(Query(asked), [1, 2])[1]["Link"] == '<?limit=1&cursor=1>; rel="next"'


def test_a_list_is_whole_without_a_limit() -> None:
    asked = request("expand=a")
    assert paged(Query(asked), range(5_000)) == (range(5_000), {"Cache-Control": "no-store"})


@pytest.mark.parametrize("limit", [500, 501, 999_999_999])
def test_a_limit_may_count_as_none(limit: int) -> None:
    asked = request(f"limit={limit}")
    assert paged(Query(asked), range(700), whole_from=500)[0] == range(700)
    assert len(paged(Query(asked), range(700))[0]) == min(limit, 700)


def test_a_page_may_be_empty() -> None:
    for query in ("limit=0", "cursor=99"):
        asked = request(query)
        assert paged(Query(asked), [1, 2]) == ([], {"Cache-Control": "no-store"})
