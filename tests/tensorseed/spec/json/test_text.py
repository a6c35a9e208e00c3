"""JSON reading: encodings, repeated names, and sizes beyond the limits."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from typing import Any

import pytest

from tensorseed.concurrency.memory import reserving
from tensorseed.errors import SpecError, TooLargeError
from tensorseed.spec.json.structure import MAX_DEPTH
from tensorseed.spec.json.text import MAX_SEARCHED_BYTES, SHORT_BYTES, load
from tensorseed.spec.limits import Limits

LONG = b" " * SHORT_BYTES


def fault(body: bytes) -> tuple[str, str]:
    with pytest.raises(SpecError) as caught:
        load(body)
    return caught.value.faults[0].pointer, caught.value.faults[0].detail


@pytest.mark.parametrize("padding", [b"", LONG])
def test_a_member_that_is_given_twice_is_refused_at_its_path(padding: bytes) -> None:
    told = "seed is given twice: keep one of them"
    assert fault(b'{"seed":1,"seed":2}' + padding) == ("/seed", told)
    assert fault(b'{"seed":1,"seed":1}' + padding)[0] == "/seed"
    assert fault(b'{"a/b":[{"c":1},{"c":1,"c":1}]}' + padding)[0] == "/a~1b/1/c"
    assert load(b'{"a":":,:","b":{"a":"b:"}}' + padding) == {"a": ":,:", "b": {"a": "b:"}}


def test_every_member_that_is_given_twice_is_told() -> None:
    with pytest.raises(SpecError) as caught:
        load(b'{"a":1,"a":2,"b":[{"c":1,"c":2}],"a":3}')
    assert [fault.pointer for fault in caught.value.faults] == ["/a", "/b/0/c"]


def test_a_long_name_that_is_given_twice_is_shortened() -> None:
    assert len(fault(b'{"%b":1,"%b":2}' % (b"a" * 9_000, b"a" * 9_000))[1]) < 300


@pytest.mark.parametrize("document", [{"a": 1}, {}, {"é": "\ufeff"}])
def test_a_byte_order_mark_of_utf_8_is_accepted(document: Any) -> None:
    assert load(json.dumps(document).encode("utf-8-sig")) == document


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_wide_encodings_are_named(encoding: str) -> None:
    assert fault('{"seed": 1}'.encode(encoding)) == ("", "the body is UTF-16 or UTF-32: encode it as UTF-8")


def test_a_compressed_body_is_named() -> None:
    assert fault(gzip.compress(b"{}")) == ("", "the body is compressed: send the JSON text itself")


@pytest.mark.parametrize("padding", [b"", LONG, b" " * MAX_SEARCHED_BYTES])
@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"a": NaN}', "finite"),
        (b'{"a": [1, -Infinity]}', "finite"),
        (b'{"a": 1e999}', "finite"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"a": "\xed\xa0\x80"}', "UTF-8"),
        (b'{"a": "\xff"}', "UTF-8"),
        (b'{"a": "\x00"}', "JSON"),
        (b"{'a': 1}", "JSON"),
        (b'{"a": 1} {"a": 1}', "JSON"),
        (b'{"a": 1, // comment\n}', "JSON"),
    ],
)
def test_a_text_that_is_no_json_says_what_is_wrong(body: bytes, detail: str, padding: bytes) -> None:
    found = fault(body + padding)[1]
    assert detail in found or (len(padding) >= MAX_SEARCHED_BYTES and "NaN, Infinity and" in found)


@pytest.mark.parametrize("ends", ["[]", '{"a":}'])
def test_depth_is_bounded_however_short_the_text(ends: str) -> None:
    opening, closing = ends[:-1].encode(), ends[-1:].encode()
    load(opening * (MAX_DEPTH - 1) + b"[]" + closing * (MAX_DEPTH - 1))
    assert "nested too deeply" in fault(opening * MAX_DEPTH + b"[]" + closing * MAX_DEPTH)[1]


@pytest.mark.parametrize(
    "body",
    [b"[" + b"[]," * 40_000 + b"[]]", b"[" + b"0," * 400_000 + b"0]", b"[" + b'{"":0},' * 40_000 + b"0]"],
)
def test_a_text_of_too_many_values_is_refused_before_it_is_built(body: bytes) -> None:
    limits = Limits(tensors=1_000, values=1_000, loss_values=1_000)
    tracemalloc.start()
    with pytest.raises(TooLargeError, match=r"the body holds .* the limit is"):
        load(body, limits)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * len(body) + (16 << 20)


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"[]," * 100_000 + b"[]]",
        b"[" + b'{"a":1},' * 100_000 + b"0]",
        b"[" + b"0.25," * 100_000 + b"0]",
        b"[" + b'{"name":"a","shape":[1],"init":{"kind":"ones"}},' * 30_000 + b"0]",
        b"{" + b",".join(b'"k%d":1' % index for index in range(100_000)) + b"}",
        b"[" + b'"ab",' * 100_000 + b"0]",
    ],
)
def test_what_a_long_text_reserves_is_no_less_than_what_it_takes(body: bytes) -> None:
    reserved: list[int] = []
    tracemalloc.start()
    with reserving(reserved.append):
        document = load(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert document
    assert peak - (4 << 20) < sum(reserved) < 8 * peak


def test_an_error_of_the_budget_ends_the_reading() -> None:
    class ShortError(Exception):
        pass

    def refuse(nbytes: int) -> None:
        raise ShortError(nbytes)

    with reserving(refuse):
        assert load(b"[1]") == [1]
        with pytest.raises(ShortError):
            load(b"[1]" + LONG)
    assert load(b"[1]" + LONG) == [1]
