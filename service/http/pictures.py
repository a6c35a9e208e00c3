"""Pictures over HTTP: their media types, and fields that disarm them."""

from __future__ import annotations

from collections.abc import Mapping

from .negotiation import JSON

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
