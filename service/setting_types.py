"""Types of settings beside numbers and texts: what is read as one, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?|https?://\[[0-9A-Fa-f:]+\](:\d{1,5})?")


def listed(text: str) -> list[str]:
    """The parts between commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


def _origins_only(value: str) -> str:
    for origin in listed(value):
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r} is no origin: write scheme and host alone, or * for all")
    return value


OptionalPath = Annotated[Path | None, BeforeValidator(_none_if_empty)]
"""A path; an empty text is None."""

Origins = Annotated[str, AfterValidator(_origins_only)]
"""Origins of web pages (RFC 6454) separated by commas, or * for all."""
