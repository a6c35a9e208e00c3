"""Query parameters of Hub lists, and pages with a link to the next."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import urlencode

from starlette.requests import Request

from ..http.errors import QueryError

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

    def encoded(self, **changes: object) -> str:
        """The query as a URL holds it, with some parameters changed."""
        kept = [(name, text) for name, text in self._parameters.multi_items() if name not in changes]
        return urlencode([*kept, *changes.items()])


def paged(
    query: Query, entries: Sequence[T], whole_from: int = sys.maxsize
) -> tuple[Sequence[T], dict[str, str]]:
    """The entries, or one page of them where `limit` asks for one, with a link to the next.

    Clients in Python and JavaScript follow no relative link. The service knows neither scheme nor host of the
    client's URL, so that they get whole lists. A limit of `whole_from` or more counts as none.

    Raises:
        QueryError: The limit or the cursor is no number.
    """
    limit = query.number("limit", len(entries))
    start = query.number("cursor", 0)
    stop = len(entries) if limit >= whole_from else start + limit
    headers = {"Cache-Control": "no-store"}
    if limit and stop < len(entries):
        headers["Link"] = f'<?{query.encoded(cursor=stop)}>; rel="next"'
    return entries[start:stop], headers
