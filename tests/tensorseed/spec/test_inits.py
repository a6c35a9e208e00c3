"""Brace ranges in the names of a layer's init."""

from __future__ import annotations

import doctest

import pytest

from tensorseed.spec import inits
from tensorseed.spec.inits import expand_init_names, written_name
from tensorseed.spec.schemes import ArgumentError


def test_names_without_ranges_stay() -> None:
    assert expand_init_names({"weight": 1, "a}": 2}) == {"weight": 1, "a}": 2}


def test_ranges_multiply() -> None:
    names = expand_init_names({"layers.{0..1}.linear{1..2}.bias": "zeros"})
    assert [*names] == [f"layers.{layer}.linear{part}.bias" for layer in (0, 1) for part in (1, 2)]


@pytest.mark.parametrize(
    ("inits", "name", "detail"),
    [
        ({"a.{0..1}": 1, "a.1": 2}, "a.1", "init names a.1 twice"),
        ({"a.{0..1}": 1, "a.{1..2}": 2}, "a.{1..2}", "init names a.1 twice"),
        ({"a.{1..0}": 1}, "a.{1..0}", "smaller end first"),
        ({"a.{1}": 1}, "a.{1}", "as in blocks.{0..11}.weight"),
        ({"a.{0..16384}": 1}, "a.{0..16384}", "16,385 parameters, a layer has at most 16,384"),
        ({"{0..99999}.{0..99999}.{0..99999}": 1}, "{0..99999}.{0..99999}.{0..99999}", "narrow its ranges"),
        ({"a": 1, "b.{1..9000}": 1, "c.{1..9000}": 1}, "c.{1..9000}", "names 18,001 parameters"),
        ({"b.{1..16384}": 1, "a": 1, "c.{0..1}": 1}, "c.{0..1}", "narrow the ranges"),
    ],
)
def test_a_fault_says_which_name(inits: dict[str, int], name: str, detail: str) -> None:
    with pytest.raises(ArgumentError, match=detail) as error:
        expand_init_names(inits)
    assert error.value.path == ("init", name)


def test_names_are_counted_before_any_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    expanded: list[str] = []
    monkeypatch.setattr(inits, "expand", expanded.append)
    with pytest.raises(ArgumentError, match="32,768 parameters"):
        expand_init_names({f"p{index}.{{1..16384}}": "zeros" for index in range(150)})
    assert expanded == []


def test_the_name_as_it_was_written() -> None:
    written = {"a.{0..1}": 1, "b": 2}
    assert [written_name(name, written) for name in ("a.1", "b", "c")] == ["a.{0..1}", "b", "c"]


def test_the_examples_hold() -> None:
    assert doctest.testmod(inits).attempted > 0
    assert doctest.testmod(inits).failed == 0
