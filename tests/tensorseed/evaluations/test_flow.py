"""The way through the layers: whatever network is asked for runs, or is refused in words."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorseed.errors import TooLargeError
from tensorseed.spec.layers import LAYERS
from tensorseed.spec.limits import Limits
from tensorseed.spec.modules import MODULES
from tests.tensorseed.evaluations import cases

EVERY = {**cases.MODULES, **cases.LAYERS}
SHAPES = [[1], [2, 3], [4, 8], [1, 4, 8], [1, 1, 1, 1], [2, 4, 5, 6], [2, 4, 3, 3, 3]]
VALUES = [-2, -1, 0, 1, 2, 3, 5, 8, 0.5, None, True, "same", [1], [2, 2], [0, 1], [3, 3, 3], 1 << 31, 1 << 62]
LIMITS = Limits(evaluation_seconds=5, activations=1 << 18, parameters=1 << 18)


@st.composite
def networks(draw: st.DrawFn) -> dict[str, Any]:
    """Up to three layers of any type, some of their arguments changed, on an input of some shape."""
    layers = []
    kinds = draw(st.lists(st.sampled_from(sorted(EVERY)), min_size=1, max_size=3))
    for place, kind in enumerate(kinds):
        fields = {**MODULES, **LAYERS}[kind].model_fields
        own = sorted(set(fields) - {"name", "type", "init", "dtype", "stream"})
        more = draw(st.dictionaries(st.sampled_from(own), st.sampled_from(VALUES), max_size=2)) if own else {}
        layers.append({"name": f"l{place}", "type": kind, **EVERY[kind][0], **more})
    shape = draw(st.sampled_from([EVERY[kinds[0]][1], *SHAPES]))
    integers = kinds[0].startswith("Embedding")
    return {
        "layers": layers,
        "input": {"shape": shape, **({"classes": 9} if integers else {"init": "normal"})},
        "target": {"init": "normal"},
        "loss": "mse_loss",
        "optimizer": draw(st.sampled_from(["SGD", "Adam"])),
        "steps": draw(st.integers(0, 1)),
        "training": draw(st.booleans()),
        "dtype": draw(st.sampled_from(["float32", "float64", "float16", "bfloat16"])),
    }


@settings(max_examples=200)
@given(networks())
def test_any_network_runs_or_is_refused_in_words(document: dict[str, Any]) -> None:
    with suppress(TooLargeError):
        for pointer, detail in cases.faults(document, LIMITS).items():
            assert pointer.startswith("/")
            assert len(detail) < 600
            assert "\n" not in detail
            assert "aten::" not in detail


@pytest.mark.parametrize(("optimizer", "pointers"), [("SGD", set()), ("Adam", {"/optimizer"})])
def test_sparse_gradients_are_for_the_optimizers_that_take_them(optimizer: str, pointers: set[str]) -> None:
    table = {"name": "t", "type": "Embedding", "num_embeddings": 5, "embedding_dim": 3, "sparse": True}
    document = {
        "layers": [table],
        "input": {"shape": [4, 2], "classes": 5},
        "target": {"init": "normal"},
        "loss": "mse_loss",
        "optimizer": optimizer,
        "steps": 1,
    }
    assert set(cases.faults(document)) == pointers
    assert cases.report({**document, "steps": 0}) == cases.report(
        {**document, "steps": 0, "layers": [{**table, "sparse": False}]}
    )
