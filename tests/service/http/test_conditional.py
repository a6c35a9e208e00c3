"""Conditional requests against RFC 9110, section 13."""

from __future__ import annotations

import pytest

from service.http.conditional import is_unmodified, range_applies, strong_match, weak_match
from service.http.errors import PreconditionError

TAG = '"abc"'


@pytest.mark.parametrize(
    ("left", "right", "strong", "weak"),
    [  # the table of RFC 9110, section 8.8.3.2
        ('W/"1"', 'W/"1"', False, True),
        ('W/"1"', 'W/"2"', False, False),
        ('W/"1"', '"1"', False, True),
        ('"1"', '"1"', True, True),
    ],
)
def test_comparison(left: str, right: str, strong: bool, weak: bool) -> None:
    assert strong_match(left, right) is strong
    assert weak_match(left, right) is weak


@pytest.mark.parametrize(
    ("field", "names_it"),
    [
        ("*", True),
        (" * ", True),
        ('"abc"', True),
        ('W/"abc"', True),
        ('"x", "abc"', True),
        ('"x","abc" , "y"', True),
        (',, "abc"', True),
        ('"abc,"', False),
        ('"x, abc"', False),
        ('"x"', False),
        ('"ABC"', False),
        ("abc", False),
        ('w/"abc"', False),
        ('"abc" "x"', False),
        ('"abc', False),
        ("", False),
        ('*, "abc"', False),
    ],
)
def test_if_none_match(field: str, names_it: bool) -> None:
    headers = {"if-none-match": field}
    assert is_unmodified("GET", headers, TAG) is names_it
    assert is_unmodified("HEAD", headers, TAG) is names_it
    if names_it:
        with pytest.raises(PreconditionError):
            is_unmodified("POST", headers, TAG)
    else:
        assert not is_unmodified("POST", headers, TAG)


@pytest.mark.parametrize(
    ("field", "holds"),
    [("*", True), ('"abc"', True), ('"x", "abc"', True), ('W/"abc"', False), ('"x"', False), ("abc", False)],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_if_match_compares_strongly(field: str, holds: bool, method: str) -> None:
    if holds:
        assert not is_unmodified(method, {"if-match": field}, TAG)
        return
    with pytest.raises(PreconditionError, match="abc") as caught:
        is_unmodified(method, {"if-match": field}, TAG)
    assert caught.value.headers == {"ETag": TAG}


def test_if_match_goes_before_if_none_match() -> None:
    both = {"if-match": '"x"', "if-none-match": TAG}
    with pytest.raises(PreconditionError, match="If-Match"):
        is_unmodified("GET", both, TAG)
    assert is_unmodified("GET", {"if-match": TAG, "if-none-match": TAG}, TAG)


@pytest.mark.parametrize("name", ["if-modified-since", "if-unmodified-since"])
def test_dates_are_ignored_without_a_modification_date(name: str) -> None:
    assert not is_unmodified("GET", {name: "Sat, 29 Oct 1994 19:43:31 GMT"}, TAG)


@pytest.mark.parametrize(
    ("field", "applies"),
    [
        (None, True),
        ('"abc"', True),
        (' "abc" ', True),
        ('W/"abc"', False),
        ('"x"', False),
        ('"abc", "x"', False),
        ("*", False),
        ("Sat, 29 Oct 1994 19:43:31 GMT", False),
    ],
)
def test_if_range_compares_one_tag_strongly(field: str | None, applies: bool) -> None:
    assert range_applies({} if field is None else {"if-range": field}, TAG) is applies
