"""Pictures over HTTP: media types, documented answers, disarming fields."""

from __future__ import annotations

from collections.abc import Mapping

from .negotiation import JSON
from .openapi import BINARY, TEXT, Parameter, Responses, parameter

SVG = "image/svg+xml"
PNG = "image/png"

FORMATS: Mapping[str, str] = {"json": JSON, "svg": SVG, "png": PNG}
"""The forms of numbers that can be drawn, by the names that a query gives them; the first by default."""

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
