"""Queries, and lists in pages."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from service.http.errors import QueryError
from service.hub.pagination import PAGE, Query, paged


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
    found, query = [], "limit=3&expand=a&expand=b"
    while query:
        asked = request(query)
        page, headers = paged(asked, Query(asked), entries)
        assert len(page) <= 3
        found += page
        link = headers.get("Link", "")
        assert not link or link.endswith('>; rel="next"')
        assert not link or "expand=a&expand=b" in link
        query = link.partition("?")[2].partition(">")[0]
    assert found == entries


def test_a_page_has_a_bound_and_may_be_empty() -> None:
    asked = request(f"limit={10 * PAGE}")
    page, headers = paged(asked, Query(asked), range(PAGE + 1))
    assert len(page) == PAGE
    assert headers["Link"].startswith("<http://hub.example/list?")
    for query in ("limit=0", "cursor=99"):
        asked = request(query)
        assert paged(asked, Query(asked), [1, 2]) == ([], {"Cache-Control": "no-store"})
