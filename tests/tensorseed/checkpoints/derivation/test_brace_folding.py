"""Brace folding against expansion, for names in any order."""

from __future__ import annotations

import json

import hypothesis.strategies as st
from hypothesis import given

from tensorseed.checkpoints.derivation.brace_folding import Entry, fold
from tensorseed.checkpoints.layout import state_dict_order
from tensorseed.spec.limits import Limits

BODY = json.dumps({"type": "Tensor", "shape": [1], "init": "zeros"})
OTHER = json.dumps({"type": "Tensor", "shape": [2], "init": "zeros"})


def names(entries: list[Entry]) -> list[str]:
    return [name for name, _ in entries]


def folded(*tensors: str) -> list[str]:
    return names(fold([Entry(name, BODY) for name in tensors]))


def expanded(entries: list[Entry]) -> list[tuple[str, str]]:
    """The tensors in order, each with its body, by way of entries whose names say the body."""
    marked = [{"name": f"{name}!{body}", "type": "Tensor"} for name, body in entries]
    found = [name.split("!") for name in state_dict_order(marked, Limits())]
    return [(name, body) for name, body in found]


def test_layers() -> None:
    layers = [f"h.{i}.{part}" for i in range(12) for part in ("attn.w", "attn.b", "mlp.0.w", "mlp.1.w")]
    assert folded("wte", *layers, "ln") == [
        "wte",
        "h.{0..11}.attn.w",
        "h.{0..11}.attn.b",
        "h.{0..11}.mlp.{0..1}.w",
        "ln",
    ]


def test_layers_of_two_kinds() -> None:
    tensors = [Entry(f"h.{i}.w", BODY if i < 3 else OTHER) for i in range(8)]
    assert fold(tensors) == [Entry("h.{0..2}.w", BODY), Entry("h.{3..7}.w", OTHER)]


def test_blocks_that_follow_each_other_with_one_range_stay_apart() -> None:
    one_by_one = [f"h.{i}.e.{j}.{part}" for i in range(2) for part in "abc" for j in range(3)]
    entries = folded(*one_by_one)
    assert entries == ["h.{0..1}.e.{0..2}.a", "h.{0..1}.e.0.b", "h.{0..1}.e.{1..2}.b", "h.{0..1}.e.{0..2}.c"]
    assert [name for name, _ in expanded([Entry(name, "") for name in entries])] == one_by_one


def test_integers_inside_words_are_text() -> None:
    assert folded("conv1.w", "conv2.w", "a.01.w", "a.02.w") == ["conv1.w", "conv2.w", "a.01.w", "a.02.w"]


_PARTS = st.sampled_from(["0", "1", "2", "3", "a", "b", "w"])
_NAMES = st.lists(_PARTS, min_size=1, max_size=5).map(".".join)


@given(st.lists(st.tuples(_NAMES, st.sampled_from("xy")), unique_by=lambda tensor: tensor[0], max_size=40))
def test_expanding_gives_the_order_back(tensors: list[tuple[str, str]]) -> None:
    assert expanded(fold([Entry(*tensor) for tensor in tensors])) == tensors


@given(st.lists(st.tuples(_NAMES, st.sampled_from("xy")), unique_by=lambda tensor: tensor[0], max_size=40))
def test_sorted_names_as_well(tensors: list[tuple[str, str]]) -> None:
    test = sorted(tensors)
    assert expanded(fold([Entry(*tensor) for tensor in test])) == test
