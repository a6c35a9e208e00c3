"""Accept and Accept-Encoding fields against RFC 9110, section 12.5."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from service.http.negotiation import JSON, MAX_MEDIA_RANGES, OCTETS, accepts_gzip, negotiate, preferred
from tensorseed.errors import UnrepresentableError


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, OCTETS),
        ("", OCTETS),
        ("*/*", OCTETS),
        ("application/*", OCTETS),
        ("application/octet-stream", OCTETS),
        ("application/json", JSON),
        ("Application/JSON", JSON),
        ("application/json; charset=utf-8", JSON),
        ("application/json, */*;q=0.5", JSON),
        ("application/json;q=0.5, */*;q=0.4", JSON),
        ("application/json, application/octet-stream", OCTETS),
        ("application/json, application/octet-stream;q=0.9", JSON),
        ("application/octet-stream;q=0, */*", JSON),
        ("*/*;q=0.8, application/octet-stream;q=0.1", JSON),
        ("*/*, application/octet-stream;q=0", JSON),
        ("text/html, */*;q=0.1", OCTETS),
        ("text/html , application/json ; q=0.2", JSON),
        ("nonsense, application/json", JSON),
        ("application/json;q=2, application/octet-stream;q=0.1", OCTETS),
        ("nonsense", OCTETS),
        ("text/html", None),
        ("*/*;q=0", None),
        ("application/*;q=0, */*", None),
        ("application/*;q=0, application/json", JSON),
        ("application/json;q=0.000", None),
    ],
)
def test_the_preferred_form(accept: str | None, form: str | None) -> None:
    assert preferred(accept, [OCTETS, JSON]) == form


def test_of_endless_elements_the_first_count() -> None:
    """64 KiB of them would hold the event loop for a tenth of a second."""
    ignored = ["text/html"] * MAX_MEDIA_RANGES
    assert preferred(", ".join([*ignored[1:], JSON]), [OCTETS, JSON]) == JSON
    assert preferred(", ".join([*ignored, JSON]), [OCTETS, JSON]) is None


@given(st.text(max_size=60))
def test_any_field_has_an_outcome(accept: str) -> None:
    assert preferred(accept, [OCTETS, JSON]) in {OCTETS, JSON, None}


@pytest.mark.parametrize(
    ("accept", "fits", "form"),
    [("", True, JSON), ("", False, OCTETS), (JSON, True, JSON), (OCTETS, False, OCTETS)],
)
def test_json_is_for_what_fits(accept: str, fits: bool, form: str) -> None:
    assert negotiate(accept, (JSON, OCTETS), "none", json_fits=lambda: fits, too_large="large") == form


@pytest.mark.parametrize(("accept", "detail"), [("text/html", "none"), (JSON, "large")])
def test_a_refusal_names_the_reason(accept: str, detail: str) -> None:
    with pytest.raises(UnrepresentableError, match=detail):
        negotiate(accept, (JSON, OCTETS), "none", json_fits=lambda: False, too_large="large")


@pytest.mark.parametrize(
    ("fields", "accepted"),
    [
        ([], False),
        ([""], False),
        (["identity"], False),
        (["gzip"], True),
        (["GZip"], True),
        (["x-gzip"], True),
        (["br", "deflate, gzip"], True),
        (["gzip ; q=0.5"], True),
        (["*"], True),
        (["*;q=0"], False),
        (["gzip;q=0"], False),
        (["gzip;q=0.000, *"], False),
        (["*;q=0, gzip"], True),
        (["gzip;q=nan"], False),
        (["gzip;q=1e9"], False),
        (["notgzip"], False),
    ],
)
def test_gzip_is_for_those_who_take_it(fields: list[str], accepted: bool) -> None:
    headers = [(b"accept-encoding", field.encode()) for field in fields]
    assert accepts_gzip(Request({"type": "http", "headers": headers})) is accepted
