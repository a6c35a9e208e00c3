"""Pictures over HTTP: media types, documented answers, disarming fields."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.convertors import StringConvertor, register_url_convertor

from .errors import QueryError
from .negotiation import JSON, form_in_query
from .openapi import BINARY, TEXT, Parameter, Responses, parameter

SVG = "image/svg+xml"
PNG = "image/png"

FORMATS: Mapping[str, str] = {"json": JSON, "svg": SVG, "png": PNG}
"""The forms of numbers that can be drawn, by the names that a query gives them; the first by default."""


class FormConvertor(StringConvertor):
    """The end of a path that names one of `FORMATS`."""

    regex = "|".join(FORMATS)


register_url_convertor("form", FormConvertor())

# An SVG opened by itself is a document of this site: it may hold its own styles, and load or run nothing.
HEADERS: Mapping[str, Mapping[str, str]] = {
    SVG: {
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
        "X-Content-Type-Options": "nosniff",
    },
    PNG: {"X-Content-Type-Options": "nosniff"},
}
"""The header fields of a picture."""

CACHE_CONTROL = "public, max-age=86400"
"""Of a picture of numbers that never change, which a release may draw in another way."""

PICTURE_PARTS: Responses = {
    206: {
        "x-name": "PictureRange",
        "description": "The requested range",
        "content": {JSON: TEXT, SVG: TEXT, PNG: BINARY},
    },
    304: {
        "x-name": "PictureNotModified",
        "description": "The client has it already: If-None-Match names it",
    },
}
"""The documented 206 and 304 of numbers and their picture."""


def picture_format_parameter() -> Parameter:
    """The form of a picture in the place of Accept."""
    text = "The form of the answer, in the place of the Accept field."
    return parameter("query", "format", text, "json", component="PictureFormat", enum=list(FORMATS))


def form_of_picture(ending: str | None, parameters: dict[str, str]) -> str | None:
    """The media type that the ending of a path gives, or that `format` does; None without either.

    Raises:
        QueryError: There is no such format, or the path has another one.
    """
    form = form_in_query(parameters, FORMATS)
    if ending is None:
        return form
    if form not in (None, FORMATS[ending]):
        raise QueryError.at("format", f"the path ends in .{ending}: leave format out")
    return FORMATS[ending]


def split_ending(name: str) -> tuple[str, str | None]:
    """A name and the format that it ends in; None without one."""
    rest, dot, ending = name.rpartition(".")
    return (rest, ending) if dot and ending in FORMATS else (name, None)
