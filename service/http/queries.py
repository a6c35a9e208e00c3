"""Queries and paths as percent-encoded UTF-8."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from starlette.requests import Request

from tensorseed.errors import TooLargeError

from .errors import QueryError, UnknownPathError

MAX_QUERY_BYTES = 1 << 16  # percent-encoded; a longer spec can be posted


def query_of(request: Request, allowed: tuple[str, ...] | None = None) -> dict[str, str]:
    """The query parameters, each given once.

    Raises:
        QueryError: A parameter is not `allowed`, is given twice, or is not UTF-8.
        TooLargeError: The query has more than `MAX_QUERY_BYTES`.
    """
    raw: bytes = request.scope.get("query_string", b"")
    if len(raw) > MAX_QUERY_BYTES:
        raise TooLargeError(
            f"the query is over the limit of {MAX_QUERY_BYTES:,} bytes: POST the spec instead"
        )
    return read_parameters(raw, allowed)


def read_parameters(raw: bytes, allowed: tuple[str, ...] | None = None) -> dict[str, str]:
    """The parameters of a query or a form; see `query_of`."""
    parameters: dict[str, str] = {}
    for pair in filter(None, raw.split(b"&")):
        name, text = _pair(pair)
        if allowed is not None and name not in allowed:
            valid = f"valid is {', '.join(allowed)}" if allowed else "this path has none"
            raise QueryError.at(name, f"unknown query parameter {name[:80]}: {valid}")
        if name in parameters:
            remedy = "give it once"
            raise QueryError.at(name, f"the query parameter {name[:80]} is given more than once: {remedy}")
        parameters[name] = text
    return parameters


def check_path(request: Request) -> None:
    """Check that the percent-encoded path is UTF-8.

    Raises:
        UnknownPathError: It is not, so it names nothing.
    """
    try:
        unquote_to_bytes(request.scope.get("raw_path") or b"").decode()
    except UnicodeDecodeError:
        detail = "the path is not valid UTF-8, so nothing is there: percent-encode the name's UTF-8 bytes"
        raise UnknownPathError(detail) from None


def _pair(pair: bytes) -> tuple[str, str]:
    name, _, text = (unquote_to_bytes(part.replace(b"+", b" ")) for part in pair.partition(b"="))
    parameter = name.decode("utf-8", "backslashreplace")
    try:
        return name.decode(), text.decode()
    except UnicodeDecodeError:
        detail = "a parameter must be valid UTF-8: percent-encode the text's UTF-8 bytes"
        raise QueryError.at(parameter, detail) from None
