"""Patterns of modules against Python's own expressions, and their states."""

from __future__ import annotations

import random
import re

import pytest

from tensorseed.checkpoints.quantization.module_patterns import ModulePatterns, PatternError

PIECES = ["a", "b", ".", r"\.", "*", "+", "?", "*?", "(", "(?:", ")", "|", "[ab]", "[^a]", r"\d", "1", "$"]


def test_expressions_match_what_compressed_tensors_matches() -> None:
    """`compressed_tensors.utils.match.match_name` is `re.match`."""
    random_one = random.Random(1)
    compared = 0
    for _ in range(3_000):
        text = "".join(random_one.choices(PIECES, k=random_one.randint(1, 9)))
        try:
            expected = re.compile(text)
        except re.error:
            with pytest.raises(PatternError):
                ModulePatterns((f"re:{text}",))
            continue
        try:
            found = ModulePatterns((f"re:{text}",))
        except PatternError:
            continue
        for _ in range(5):
            name = "".join(random_one.choices("ab.1", k=random_one.randint(0, 6)))
            assert found.match(name) == (expected.match(name) is not None), (text, name)
            compared += 1
    assert compared > 1_000


@pytest.mark.parametrize(
    "text",
    ["re:" + ".*" * 120 + "x", "re:" + "(" * 16 + "a*" + ")*" * 16 + "x", "re:(a|a)*" * 12, "*" * 200 + "x"],
)
def test_an_expression_has_no_more_states_than_characters(text: str) -> None:
    """Each character of a name takes each state once at most."""
    patterns = ModulePatterns((text,))
    assert len(patterns.automaton) <= len(text) + 16
    assert not patterns.match("model.layers.0.mlp." + "a" * 100)


def test_many_whole_names_need_no_states() -> None:
    names = [f"model.layers.{number}.mlp.gate" for number in range(1_000)]
    patterns = ModulePatterns((*names, *(f"re:{re.escape(name)}_proj$" for name in names)))
    assert len(patterns.automaton) == len(ModulePatterns().automaton)
    assert patterns.match("model.layers.7.mlp.gate")
    assert patterns.match("model.layers.7.mlp.gate_proj")
    assert not patterns.match("model.layers.7.mlp.gate_project")


@pytest.mark.parametrize(
    "text", ["re:a{2}", "re:a**", "re:(a", "re:a)", r"re:\1", "re:[z-a]", "re:(?i)a", "re:*"]
)
def test_what_is_no_expression_here_is_refused(text: str) -> None:
    with pytest.raises(PatternError):
        ModulePatterns((text,))


def test_groups_in_groups_are_bounded() -> None:
    with pytest.raises(PatternError, match="at most 16 deep"):
        ModulePatterns(("re:" + "(" * 17 + "a" + ")" * 17,))
