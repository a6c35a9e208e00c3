"""Rules: patterns against a plain matcher, precedence, and faults."""

from __future__ import annotations

import doctest
import re
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.errors import SpecError
from tensorseed.spec import rules as module
from tensorseed.spec.entries import MAX_RULES, parse_rules, rules_of
from tensorseed.spec.rules import Rule, patterns
from tensorseed.spec.rules.patterns import compile_pattern


def matches(pattern: str, name: str) -> bool:
    return compile_pattern(pattern).fullmatch(f"{name}.") is not None


@pytest.mark.parametrize(
    ("pattern", "reached", "missed"),
    [
        ("bias", ["bias", "fc.bias", "a.b.bias"], ["bias.a", "fc.bias2", "a.xbias"]),
        ("*", ["bias", "a.b.bias"], []),
        ("**", ["bias", "a.b.bias"], []),
        ("**.bias", ["bias", "a.b.bias"], ["bias.a"]),
        ("fc.*", ["fc.bias"], ["fc", "fc.a.bias", "a.fc.bias"]),
        ("fc.**", ["fc", "fc.bias", "fc.a.b"], ["a.fc.b", "fcx.a"]),
        ("**.attn.**.weight", ["attn.weight", "a.attn.weight", "a.attn.b.c.weight"], ["attn.bias", "weight"]),
        ("a.**.**.b", ["a.b", "a.x.y.b"], ["a.x"]),
        ("a.?.b", ["a.x.b"], ["a..b", "a.xy.b", "a.b"]),
        ("a.[xy0-3].b", ["a.x.b", "a.2.b"], ["a.z.b", "a.4.b", "a.[.b"]),
        ("a.[!xy].b", ["a.z.b"], ["a.x.b", "a..b"]),
        ("a.[^xy].b", ["a.z.b"], ["a.y.b"]),
        ("[]].[[]", ["].["], ["[.]"]),
        ("[!]]x", ["ax"], ["]x"]),
        ("[a-]", ["-", "a"], ["b"]),
        ("w*t", ["wt", "weight", "a.wt"], ["w.t", "weights"]),
        ("h.{0..11}.w", ["h.0.w", "h.9.w", "h.10.w", "h.11.w"], ["h.12.w", "h.00.w", "h.1.1.w", "h.111.w"]),
        ("h{8..1203}", ["h8", "h99", "h999", "h1203"], ["h7", "h1204", "h0008", "h12030"]),
        ("h{0..0}.w", ["h0.w"], ["h1.w", "h00.w"]),
        ("*{1..11}*", ["x1", "11", "a7b12"], ["12", "x112", "a.b"]),
        ("a+b.c", ["a+b.c"], ["aab.c"]),
        ("Gewicht-µ", ["Gewicht-µ"], ["gewicht-µ"]),
    ],
)
def test_a_pattern_reaches(pattern: str, reached: list[str], missed: list[str]) -> None:
    assert [name for name in reached + missed if matches(pattern, name)] == reached


PARTS = ["a", "b", "1", "12", "*", "?", "[ab]", "[!a1]", "{0..11}", "{2..130}"]
COMPONENTS = st.one_of(st.just("**"), st.lists(st.sampled_from(PARTS), min_size=1, max_size=5).map("".join))
PATTERNS = st.lists(COMPONENTS, min_size=1, max_size=5).map(".".join)
NAMES = st.lists(st.text("ab012", min_size=1, max_size=5), min_size=1, max_size=5).map(".".join)


@given(PATTERNS, NAMES)
def test_a_pattern_matches_as_a_plain_matcher_does(pattern: str, name: str) -> None:
    try:
        found = matches(pattern, name)
    except ValueError:
        assert re.search(r"[0-9]\{|\}[0-9]|\}\{", pattern)
        return
    assert found == plainly_matches(pattern, name), (pattern, name)


def plainly_matches(pattern: str, name: str) -> bool:
    """Try every way, by recursion."""
    parts = re.split(r"\.(?!\.|[0-9]+\})", pattern)
    return components_match(tuple(parts if len(parts) > 1 else ["**", *parts]), tuple(name.split(".")))


def components_match(patterns: tuple[str, ...], names: tuple[str, ...]) -> bool:
    if not patterns:
        return not names
    if patterns[0] == "**":
        return any(components_match(patterns[1:], names[skipped:]) for skipped in range(len(names) + 1))
    return bool(names) and one_matches(patterns[0], names[0]) and components_match(patterns[1:], names[1:])


def one_matches(pattern: str, name: str) -> bool:
    tokens = re.findall(r"\{[0-9]+\.\.[0-9]+\}|\[[^]]*\]|.", pattern)

    @cache
    def rest(token: int, position: int) -> bool:
        if token == len(tokens):
            return position == len(name)
        this = tokens[token]
        if this == "*":
            return any(rest(token + 1, end) for end in range(position, len(name) + 1))
        if this.startswith("{"):
            low, high = map(int, this[1:-1].split(".."))
            found = re.compile(r"(?<![0-9])[0-9]+").match(name, position)
            is_inside = found and str(int(found[0])) == found[0] and low <= int(found[0]) <= high
            return bool(is_inside) and rest(token + 1, found.end())
        if position == len(name):
            return False
        here = name[position]
        if this.startswith("["):
            fits = (here not in this[2:-1]) if this[1] == "!" else here in this[1:-1]
        else:
            fits = this in ("?", here)
        return fits and rest(token + 1, position + 1)

    return rest(0, 0)


@given(st.integers(0, 2_000), st.integers(0, 2_000))
def test_a_range_holds_its_integers(one: int, other: int) -> None:
    low, high = sorted((one, other))
    pattern = compile_pattern(f"x{{{low}..{high}}}")
    edges = {0, 9, 10, 99, 100, 999, 1000, low - 1, low, low + 1, high - 1, high, high + 1, (low + high) // 2}
    for number in edges:
        assert (pattern.fullmatch(f"x{number}.") is not None) == (low <= number <= high)


@pytest.mark.parametrize("pattern", ["*a" * 400 + "b", "**.a." * 150 + "**.b", "*{1..99}a" * 60 + "b"])
def test_no_name_takes_long(pattern: str) -> None:
    name = ".".join(["a" * 50, "1a" * 100] * 3)
    assert not matches(pattern[:1_024], name)  # backtracking would take years


RULES = [
    {"match": "head.**", "init": "zeros"},
    {"type": "Linear", "match": "bias", "init": "ones"},
    {"type": "Linear", "init": "xavier_uniform"},
    {"match": "running_*", "init": "ones"},
    {"match": "**", "init": {"kind": "normal", "std": 0.02}},
]


@pytest.mark.parametrize(
    ("name", "types", "buffer", "index"),
    [
        ("head.bias", ("Linear",), False, 0),
        ("x.bias", ("Linear",), False, 1),
        ("x.bias", ("Mine", "Linear"), False, 1),
        ("x.weight", ("Linear",), False, 2),
        ("x.weight", ("Conv2d",), False, 4),
        ("x.mask", ("Linear",), True, None),
        ("x.running_mean", ("BatchNorm2d",), True, 3),
        ("head.num_batches_tracked", ("BatchNorm2d",), True, None),
    ],
)
def test_the_first_match_wins(name: str, types: tuple[str, ...], buffer: bool, index: int | None) -> None:
    rules = rules_of(RULES)
    for _ in range(2):  # the second is of a cache
        assert rules.find(name, types, buffer=buffer) == index


def test_rules_are_a_sequence() -> None:
    rules = rules_of([*RULES[:2], Rule(type="Linear", init="eye")])
    assert rules_of(rules) is rules
    assert [str(rule) for rule in rules] == ["match head.**", "type Linear and match bias", "type Linear"]
    assert len(rules_of(None)) == 0


def test_a_rule_has_fan_axes() -> None:
    (rule,) = rules_of([Rule(match="kernel", init="he_normal", fan_axes={"in": -2, "out": -1})])
    assert rule.fan_axes.in_ == (-2,)


@pytest.mark.parametrize(
    ("rules", "pointer", "detail"),
    [
        ({"match": "a"}, "/rules", "must be a list"),
        ([3], "/rules/0", "a rule must be an object"),
        ([{"init": "zeros"}], "/rules/0", 'needs match or type: write "match": "**"'),
        ([{"match": "a", "init": "zeros"}, {"match": "b"}], "/rules/1/init", "init is required"),
        ([{"match": "", "init": "zeros"}], "/rules/0/match", "write ** for every tensor"),
        ([{"match": "a..b", "init": "zeros"}], "/rules/0/match", "write * for any"),
        ([{"match": "a{1}", "init": "zeros"}], "/rules/0/match", "as in blocks.{0..11}.weight"),
        ([{"match": "a{3..1}", "init": "zeros"}], "/rules/0/match", "write the smaller end first"),
        ([{"match": "a{1..3}2", "init": "zeros"}], "/rules/0/match", "no digit and no other range beside it"),
        ([{"match": "a}", "init": "zeros"}], "/rules/0/match", "braces in a pattern only enclose a range"),
        ([{"match": "[ab", "init": "zeros"}], "/rules/0/match", "close it by ]"),
        ([{"match": "[b-a]", "init": "zeros"}], "/rules/0/match", "write the smaller one first"),
        ([{"match": "a" * 1_025, "init": "zeros"}], "/rules/0/match", "at most 1,024 characters"),
        ([{"match": 3, "init": "zeros"}], "/rules/0/match", "match must be a string"),
        ([{"type": "", "init": "zeros"}], "/rules/0/type", "at least 1 character"),
        ([{"match": "a", "init": "zero"}], "/rules/0/init", "did you mean zeros?"),
        ([{"match": "a", "init": 3}], "/rules/0/init", "an init is a scheme's name, or an object"),
        ([{"match": "a", "init": {"kind": "normal", "sdt": 1}}], "/rules/0/init/sdt", "did you mean std?"),
        ([{"match": "a", "init": {"kind": "normal", "std": -1}}], "/rules/0/init/std", "must be at least 0"),
        (
            [{"match": "a", "init": {"kind": "constant", "value": float("nan")}}],
            "/rules/0/init/value",
            "finite",
        ),
        (
            [{"match": "a", "init": "zeros", "fan_axes": {"in": 1}}],
            "/rules/0/fan_axes/out",
            "out is required",
        ),
        ([{"mtach": "a", "type": "b", "init": "zeros"}], "/rules/0/mtach", "did you mean match?"),
        ([object()], "/rules/0", "a value of type object has no JSON"),
        ([{"match": "a", "init": "zeros"}] * (MAX_RULES + 1), "/rules", "at most 1,024 elements"),
    ],
)
def test_a_fault_says_where_and_what_to_write(rules: Any, pointer: str, detail: str) -> None:
    with pytest.raises(SpecError) as error:
        rules_of(rules)
    (fault,) = error.value.faults
    assert fault.pointer == pointer
    assert detail in fault.detail


def test_all_faults_are_reported() -> None:
    with pytest.raises(SpecError) as error:
        parse_rules([{"match": "a"}, {"match": "[", "init": "zeros"}])
    assert [fault.pointer for fault in error.value.faults] == ["/rules/0/init", "/rules/1/match"]


def test_the_examples_hold() -> None:
    for documented in (module, patterns):
        assert doctest.testmod(documented).attempted > 0
        assert doctest.testmod(documented).failed == 0


@pytest.mark.parametrize(
    ("spelled", "kind"),
    [
        ("linear", "Linear"),
        ("torch.nn.Linear", "Linear"),
        ("_batchnorm", "_BatchNorm"),
        ("MyLinear", "MyLinear"),
        ("mylinear", "mylinear"),
    ],
)
def test_the_type_in_other_spellings(spelled: str, kind: str) -> None:
    found = parse_rules([{"type": spelled, "init": "Zeros"}])
    assert [*found] == [Rule(type=kind, init="zeros")]
