"""Fuzz targets on their corpora and random bytes, and a planted fault."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.http.ranges import ByteRange
from tensorseed.client.http.answers import FileAnswer, Problem
from tensorseed.errors import UnknownNameError
from tools.fuzz import bodies, boxes, queries, range_sets, recipes, revisions, tokens
from tools.fuzz.client import answers
from tools.fuzz.targets import MODULES, load

TARGETS = {name: load(name) for name in MODULES}


@st.composite
def altered(draw: st.DrawFn, corpus: list[bytes]) -> bytes:
    """An input of the corpus with a few of its bytes cut out, replaced or doubled."""
    data = draw(st.sampled_from(corpus))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        stop = draw(st.integers(start, min(start + 4, len(data))))
        data = data[:start] + draw(st.binary(max_size=3) | st.just(data[start:stop] * 2)) + data[stop:]
    return data


@pytest.mark.parametrize("name", MODULES)
def test_what_it_begins_with_is_handled_well(name: str) -> None:
    assert len(TARGETS[name].corpus) > 5
    for data in TARGETS[name].corpus:
        TARGETS[name].check(data)


@pytest.mark.parametrize("name", MODULES)
def test_whatever_comes_is_handled_well(name: str) -> None:
    target = TARGETS[name]

    @settings(max_examples=150)
    @given(st.binary(max_size=80) | altered(list(target.corpus)))
    def run(data: bytes) -> None:
        target.check(data)

    run()


def always(answer: Any) -> Callable[..., Any]:
    """A parser that answers this to everything."""
    return lambda *_: answer


@pytest.mark.parametrize(
    ("module", "parser", "broken"),
    [
        (answers, "read_problem", always(Problem("\x1b", [], None))),
        (answers, "read_plan", always(FileAnswer('"a"', 1 << 64, None))),
        (answers, "read_plan", always(FileAnswer('"a"', 10, "s1.a/../b"))),
        (answers, "check_content", always(None)),
        (range_sets, "parse_range", always(None)),
        (range_sets, "parse_range", always([ByteRange(0, 500), ByteRange(100, 200)])),
        (bodies, "read_tensors", always({})),
        (boxes, "parse_slice", lambda _, shape: boxes.Box(shape, (0,) * len(shape), shape)),
        (revisions, "parse_revision", always(revisions.Revision(5, None))),
        (revisions, "decode_commit", always(None)),
        (
            recipes,
            "read_recipe",
            always(recipes.read_recipe(recipes.corpus()[0], "x").model_copy(update={"files": {"/a": ""}})),
        ),
        (queries, "preferred", always("text/html")),
        (queries, "parse_query", lambda _, limits: tokens.parse_spec(b'{"layers": []}', limits)),
        (tokens, "parse_spec", always(None)),
        (tokens, "decode_token", lambda _, limits: tokens.parse_spec(b'{"layers": []}', limits)),
    ],
)
def test_a_parser_with_a_fault_is_found_out(
    monkeypatch: pytest.MonkeyPatch, module: Any, parser: str, broken: Any
) -> None:
    corpus = module.corpus()
    monkeypatch.setattr(module, parser, broken)
    found = []
    for data in corpus:
        try:
            module.check(data)
        except Exception as fault:  # a parser that is this wrong may break the check itself
            found.append(fault)
    assert found


def test_an_error_that_is_not_documented_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ValueError("inside")

    monkeypatch.setattr(tokens, "parse_spec", fail)
    with pytest.raises(ValueError, match="inside"):
        tokens.check(b"{}")


def test_an_error_without_a_word_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise UnknownNameError

    monkeypatch.setattr(tokens, "decode_token", fail)
    with pytest.raises(AssertionError, match=re.escape("an error without a word")):
        tokens.check(b"{}")
