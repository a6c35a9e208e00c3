"""Resolved specs under another seed."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from tensorseed.spec.limits import Limits
from tensorseed.spec.resolved import ResolvedSpec
from tensorseed.spec.spec import parse_spec

LAYERS = [
    {"name": "w.{0..3}", "type": "Tensor", "shape": [3], "init": "normal", "dtype": "float16"},
    {"name": 'x,"seed":"1"}', "type": "Tensor", "shape": [1], "init": "ones", "stream": ',"seed":'},
    {"name": "n", "type": "BatchNorm1d", "num_features": 3},
]


def parsed(seed: int, layers: list[dict]) -> ResolvedSpec:
    return parse_spec(json.dumps({"seed": seed, "layers": layers}).encode(), Limits())


SEEDS = st.integers(0, (1 << 64) - 1)


@given(SEEDS, SEEDS)
def test_another_seed_is_what_parsing_gives(old: int, new: int) -> None:
    layers = [LAYERS[0], LAYERS[2], {**LAYERS[2], "name": "own", "seed": str(old)}]
    assert parsed(old, layers).reseeded(new) == parsed(new, layers)
    assert parsed(old, []).reseeded(new) == parsed(new, [])


def test_names_that_look_like_a_seed_are_left_alone() -> None:
    layers = [{**LAYERS[1], "name": 'x,"seed":"1"'}]
    assert parsed(1, layers).reseeded(2) == parsed(2, layers)
