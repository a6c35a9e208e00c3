"""Negotiation by Accept and Accept-Encoding: RFC 9110, section 12.5."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from starlette.requests import Request

from tensorseed.errors import UnrepresentableError, shortened
from tensorseed.spec.spellings.values import unquoted
from tensorseed.suggestions import unknown_name

from .errors import QueryError

MAX_MEDIA_RANGES = 100  # of an Accept field; a browser sends eight

OCTETS = "application/octet-stream"
JSON = "application/json"
NPY = "application/x-npy"

_RANGE = re.compile(r"([!#$%&'*+.^_`|~0-9a-z-]+)/([!#$%&'*+.^_`|~0-9a-z-]+)", re.ASCII)
_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?", re.ASCII)


class MediaRange(NamedTuple):
    """One element of an Accept field."""

    major: str
    minor: str
    weight: float

    def specificity(self, media_type: str) -> int:
        """The precision of the match: 2 exact, 1 by `type/*`, 0 by `*/*`, -1 for no match."""
        major, _, minor = media_type.partition("/")
        if (self.major, self.minor) == (major, minor):
            return 2
        if (self.major, self.minor) == (major, "*"):
            return 1
        return 0 if (self.major, self.minor) == ("*", "*") else -1


def parse_accept(field: str) -> list[MediaRange]:
    """The first elements of an Accept field, at most `MAX_MEDIA_RANGES`.

    Malformed ones are skipped. Parameters other than `q` are ignored.
    """
    ranges = []
    for element in field.lower().split(",", MAX_MEDIA_RANGES)[:MAX_MEDIA_RANGES]:
        name, *parameters = (part.strip() for part in element.split(";"))
        match = _RANGE.fullmatch(name)
        weight = next((value[2:] for value in parameters if value.startswith("q=")), "1")
        if match and _WEIGHT.fullmatch(weight):
            ranges.append(MediaRange(match[1], match[2], float(weight)))
    return ranges


def preferred(accept: str | None, offers: Sequence[str]) -> str | None:
    """The media type among `offers` that the client prefers; of equals the earlier one.

    The most specific element that names an offer gives its weight. A weight of 0 refuses it. None where all
    offers are refused. Without a valid Accept field, the first offer.
    """
    ranges = parse_accept(accept or "")
    if not ranges:
        return offers[0]
    weights = {offer: _weight(offer, ranges) for offer in offers}
    best = max(offers, key=weights.__getitem__)
    return best if weights[best] > 0 else None


def accept_of(request: Request) -> str:
    """The Accept fields of a request as one."""
    return ", ".join(request.headers.getlist("accept"))


def accepts_gzip(request: Request) -> bool:
    """Whether Accept-Encoding lists gzip, or anything, with a weight above 0 (RFC 9110, section 12.5.3)."""
    weights: dict[str, float] = {}
    for element in ",".join(request.headers.getlist("accept-encoding")).lower().split(","):
        coding, _, weight = element.replace(" ", "").partition(";q=")
        weights[coding] = float(weight or 1) if _WEIGHT.fullmatch(weight or "1") else 0.0
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def form_in_query(parameters: dict[str, str], formats: Mapping[str, str]) -> str | None:
    """Take the format out of a query: its media type by `formats`; None without one.

    Raises:
        QueryError: There is no such format.
    """
    text = parameters.pop("format", None)
    if text is None:
        return None
    name = unquoted(text).casefold().removeprefix(".")
    if name not in formats:
        raise QueryError.at("format", unknown_name("format", shortened(text), formats))
    return formats[name]


def negotiate(
    accept: str,
    offers: Sequence[str],
    unavailable: str,
    *,
    json_fits: Callable[[], bool] | None = None,
    too_large: str = "",
) -> str:
    """The media type to answer with: JSON only where it fits.

    Raises:
        UnrepresentableError: No offer is acceptable (`unavailable`), or none but JSON, which is `too_large`.
    """
    form = preferred(accept, offers)
    if form == JSON and json_fits is not None and not json_fits():
        form, unavailable = preferred(accept, [offer for offer in offers if offer != JSON]), too_large
    if form is None:
        raise UnrepresentableError(unavailable)
    return form


def _weight(offer: str, ranges: Sequence[MediaRange]) -> float:
    specificity, weight = max((media.specificity(offer), media.weight) for media in ranges)
    return weight if specificity >= 0 else 0.0
