"""Structure of JSON texts: depth, counts, pieces and repeated names."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.spec.json import structure as json_structure
from tensorseed.spec.json.structure import (
    MAX_DEPTH,
    DepthError,
    PieceError,
    count_members,
    parse,
    repeated_names,
    scan,
)

KEYS = st.text(st.sampled_from('ab{}[]:,"\\ é'), max_size=4)
DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-99, 99)
    | st.floats(allow_nan=False, allow_infinity=False)
    | KEYS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=30,
)
MALFORMED = [
    *(b"[1,]", b"[,1]", b"[1,,2]", b"[,]", b'{"a":1,}', b'{,"a":1}', b'{"a":1,,"b":2}', b"[1}", b'{"a":1]'),
    *(b"[1]]", b"[[1]", b"[1] [2]", b"[1]x", b'{1:"a"}', b'{"a" 1}', b'{"a"}', b'["a]', b'[\\"a"]', b"[1 2]"),
    *(b'{"a":[1}, "b":2]}', b"[[1],[2]", b'["\x01"]', b'["\xff"]', b"", b"]", b"[{]}", b'[[1}, {"a": 2]]'),
    *(b'{"a":1 , }', b"[  ,  ]", b'{ "a" : }', b"[]]", b"[][]"),
]


@pytest.fixture
def tiny_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every text a long one."""
    shrink(monkeypatch, 2)


def shrink(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(json_structure, "PIECE_BYTES", size)
    monkeypatch.setattr(json_structure, "BLOCK_BYTES", size)


@given(DOCUMENTS, st.integers(1, 40), st.sampled_from([None, 0, 2]), st.booleans())
def test_pieces_give_what_the_whole_text_gives(
    document: Any, size: int, indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode()
    with pytest.MonkeyPatch.context() as monkeypatch:
        shrink(monkeypatch, size)
        structure = scan(text)
        found = parse(text, structure)
    assert orjson.dumps(found) == orjson.dumps(orjson.loads(text))
    assert structure.members == count_members(document)
    assert [*repeated_names(text)] == []


@pytest.mark.usefixtures("tiny_pieces")
@pytest.mark.parametrize("text", MALFORMED)
def test_pieces_refuse_what_the_whole_text_is_refused_for(text: bytes) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(text)
    with pytest.raises(PieceError):
        parse(text, scan(text))


@pytest.mark.usefixtures("tiny_pieces")
@given(st.binary(max_size=12) | st.text('{}[]:,"\\1 a', max_size=12).map(str.encode))
def test_no_text_is_read_in_pieces_and_refused_as_a_whole(text: bytes) -> None:
    try:
        whole = orjson.loads(text)
    except orjson.JSONDecodeError:
        with pytest.raises(PieceError):
            parse(text, scan(text))
    else:
        assert parse(text, scan(text)) == whole


@pytest.mark.usefixtures("tiny_pieces")
@pytest.mark.parametrize("text", ['{"a": [\n1,\n2,\n3,\nx,\n5]}', '["äöü", ["ä", x]]'])
def test_a_fault_in_a_piece_has_its_offset_in_the_text(text: str) -> None:
    with pytest.raises(PieceError) as caught:
        parse(text.encode(), scan(text.encode()))
    assert caught.value.offset == text.encode().index(b"x")


def test_counts_ignore_strings() -> None:
    structure = scan(rb'{"a:[{,\"": [1, 2, []], "b\\": {"c": "]}"}}')
    assert (structure.containers, structure.members) == (4, 3)
    assert structure.values == 4 + 3 + 1


def test_depth_is_bounded() -> None:
    scan(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    scan(b'["' + b"[" * 1_000 + b'"]')
    with pytest.raises(DepthError):
        scan(b"[" * (MAX_DEPTH + 1))


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        (b'{"a": 1, "a": 2}', [("a",)]),
        (b'{"a": {"b": 1, "c": [0, {"d": 1, "d": 2}]}}', [("a", "c", 1, "d")]),
        (rb'{"a": 1, "\u0061": 2, "b": "a\":"}', [("a",)]),
        (b'[{"a": 1}, {"a": 1, "b": [], "a": [], "b": {}}]', [(1, "a"), (1, "b")]),
        (b'{"a": 1, "a": 2, "a": 3}', [("a",), ("a",)]),
        (b'{"a": {"a": {"a": "a"}}, "b": ["a", "a"]}', []),
        (b'{"a" \n : 1, "a"\t:2}', [("a",)]),
    ],
)
def test_repeated_names_are_found_where_they_stand(text: bytes, paths: list[Any]) -> None:
    assert [*repeated_names(text)] == paths
