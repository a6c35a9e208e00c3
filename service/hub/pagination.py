"""Query parameters of Hub lists, and pages with a link to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from starlette.requests import Request

from ..http.errors import QueryError

PAGE = 1_000  # entries at most

T = TypeVar("T")


class Query:
    """The parameters of a query. Unknown ones are ignored: clients send many."""

    def __init__(self, request: Request) -> None:
        self._parameters = request.query_params

    def flag(self, name: str) -> bool:
        """Whether a parameter is true, as `true`, `True` or `1`."""
        return self._parameters.get(name, "").lower() in {"true", "1"}

    def text(self, name: str) -> str:
        """A parameter; empty where it is not given."""
        return self._parameters.get(name, "")

    def texts(self, name: str) -> list[str]:
        """A parameter that may be given more than once, or hold commas."""
        return [part for text in self._parameters.getlist(name) for part in text.split(",") if part]

    def number(self, name: str, default: int) -> int:
        """A parameter that is a whole number.

        Raises:
            QueryError: It is another text.
        """
        text = self._parameters.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and len(text) <= 9):
            raise QueryError.at(name, f"{name} is a whole number of at most nine digits, such as 100")
        return int(text)


def paged(request: Request, query: Query, entries: Sequence[T]) -> tuple[Sequence[T], dict[str, str]]:
    """One page of the entries, and the header fields that link to the next.

    Raises:
        QueryError: The limit or the cursor is no number.
    """
    limit = min(query.number("limit", PAGE), PAGE)
    start = query.number("cursor", 0)
    stop = start + limit
    headers = {"Cache-Control": "no-store"}
    if limit and stop < len(entries):
        url = request.url.include_query_params(cursor=stop)
        headers["Link"] = f'<{url}>; rel="next"'
    return entries[start:stop], headers
