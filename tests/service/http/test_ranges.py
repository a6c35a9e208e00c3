"""Range sets against RFC 9110, section 14."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.http.errors import RangeError
from service.http.ranges import GAP, MAX_RANGES, ByteRange, parse_range

SIZE = 10_000


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (None, None),
        ("", None),
        ("bytes", None),
        ("lines=0-5", None),
        ("bytes=0-0", [(0, 1)]),
        ("bytes=0-499", [(0, 500)]),
        ("BYTES=0-499", [(0, 500)]),
        ("bytes=500-999", [(500, 1000)]),
        ("bytes=9500-", [(9500, 10_000)]),
        ("bytes=-500", [(9500, 10_000)]),
        ("bytes=-1", [(9999, 10_000)]),
        ("bytes=-99999", [(0, 10_000)]),
        ("bytes=0-99999", [(0, 10_000)]),
        ("bytes=9999-9999", [(9999, 10_000)]),
        ("bytes=0-" + "9" * 5000, [(0, 10_000)]),
        ("bytes=-" + "9" * 5000, [(0, 10_000)]),
        ("bytes=00000-00009", [(0, 10)]),
        ("bytes= 0-0 , 5000-5000 ,", [(0, 1), (5000, 5001)]),
        ("bytes=0-0,-1", [(0, 1), (9999, 10_000)]),
        ("bytes=-1,0-0", [(9999, 10_000), (0, 1)]),
        ("bytes=0-499,500-999", [(0, 1000)]),
        ("bytes=500-999,0-499", [(0, 1000)]),
        ("bytes=0-499,300-999", [(0, 1000)]),
        ("bytes=0-9,10000-", [(0, 10)]),
        ("bytes=-0,0-9", [(0, 10)]),
        (f"bytes=0-9,{10 + GAP}-200", [(0, 201)]),
        (f"bytes=0-9,{11 + GAP}-200", [(0, 10), (11 + GAP, 201)]),
    ],
)
def test_a_range_set_selects_these_bytes(field: str | None, expected: list[tuple[int, int]] | None) -> None:
    assert parse_range(field, SIZE) == expected


@pytest.mark.parametrize(
    "field",
    [
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=1-0",
        "bytes=5",
        "bytes=1-2-3",
        "bytes=--1",
        "bytes=+1-2",
        "bytes=0x0-0x9",
        "bytes=٣-٤",
        "bytes=0-1;2-3",
        "bytes=10000-",
        "bytes=10000-20000",
        "bytes=-0",
        "bytes=" + "9" * 5000 + "-",
        "bytes=0-9,9-0",
        "bytes=0-9,0-9,0-9",
        "bytes=0-,1-,2-",
        "bytes=" + ",".join(f"{i * 200}-{i * 200}" for i in range(MAX_RANGES + 1)),
    ],
)
def test_a_set_that_cannot_be_served_is_refused_with_the_size(field: str) -> None:
    with pytest.raises(RangeError) as caught:
        parse_range(field, SIZE)
    assert caught.value.headers == {"Content-Range": f"bytes */{SIZE}"}


def test_as_many_ranges_as_allowed_are_served() -> None:
    field = "bytes=" + ",".join(f"{i * 200}-{i * 200}" for i in range(MAX_RANGES))
    assert len(parse_range(field, SIZE) or []) == MAX_RANGES


def test_an_empty_representation_has_no_range_but_its_suffix_is_all_of_it() -> None:
    assert parse_range("bytes=-5", 0) is None
    for field in ("bytes=0-0", "bytes=0-", "bytes=-0"):
        with pytest.raises(RangeError):
            parse_range(field, 0)


def test_content_range_names_the_last_byte() -> None:
    assert ByteRange(0, 500).content_range(1234) == "bytes 0-499/1234"


@given(st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 1200)), min_size=1, max_size=40))
def test_what_is_served_covers_what_was_asked_and_never_a_byte_twice(pairs: list[tuple[int, int]]) -> None:
    size = 1000
    asked = [(min(pair), max(pair)) for pair in pairs]
    field = "bytes=" + ",".join(f"{first}-{last}" for first, last in asked)
    try:
        served = parse_range(field, size)
    except RangeError:
        covered = [sum(first <= byte <= last for first, last in asked) for byte in range(size)]
        assert max(covered) > 2 or max(covered) == 0 or len(asked) > MAX_RANGES
        return
    assert served is not None
    counts = [sum(start <= byte < stop for start, stop in served) for byte in range(size)]
    assert max(counts) == 1
    assert all(counts[byte] for first, last in asked for byte in range(first, min(last + 1, size)))
    assert all(0 <= start < stop <= size for start, stop in served)


@given(st.text(alphabet="0123456789-, =bytes", max_size=30))
def test_any_text_is_served_ignored_or_refused(text: str) -> None:
    try:
        served = parse_range(f"bytes={text}", 100)
    except RangeError:
        return
    assert served
