"""Random evaluations: an answer or a problem, without internals in it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tensorseed.spec.layers import LAYERS
from tensorseed.spec.modules import MODULES
from tests.service.evaluations.test_routes import MLP, VARIANTS, ask

INSIDE = ("Traceback", "pydantic", 'File "', "site-packages", "torch.nn.modules", "0x", "aten::")
NETWORKS: list[dict[str, Any]] = [
    MLP,
    {**MLP, "compare": VARIANTS, "return_weights": True},
    {
        "layers": [
            {
                "name": "c{1..2}",
                "type": "Conv2d",
                "in_channels": 2,
                "out_channels": 2,
                "kernel_size": 3,
                "padding": 1,
            },
            {"type": "MaxPool2d", "kernel_size": 2},
            {"type": "Flatten"},
            {"name": "f", "type": "Linear", "in_features": 8, "out_features": 1},
        ],
        "input": {"shape": [3, 2, 4, 4], "init": {"kind": "uniform", "a": -1, "b": 1}},
        "target": {"shape": [3, 1], "init": "normal"},
        "loss": {"kind": "mse_loss", "reduction": "sum"},
        "optimizer": "Adam",
        "steps": 1,
    },
    {
        "layers": [
            {"name": "e", "type": "Embedding", "num_embeddings": 7, "embedding_dim": 4},
            {"name": "r", "type": "LSTM", "input_size": 4, "hidden_size": 3, "batch_first": True},
            {"name": "n", "type": "LayerNorm", "normalized_shape": 3},
        ],
        "input": {"shape": [2, 5], "classes": 7},
        "generator": "torch",
        "dtype": "float64",
    },
]
junk = st.sampled_from(
    [None, True, 0, 1, -1, 2, 3, 5, 64, 1 << 31, 1 << 63, 10**30, 0.5, -0.0, 1e308, 5e-324, "", "x", "NaN"]
) | st.sampled_from(
    [[], {}, [[]], [0], [1, 2], [[1.5, "NaN"]], {"data": [1]}, {"kind": "zeros"}, "zeros", "Tanh"]
)


numbers = st.integers(-1, 9) | st.sampled_from([0.5, True, None, "x", "zeros", 1e30, 1 << 40])
arguments = numbers | st.lists(numbers, max_size=3)
KINDS = {**LAYERS, **MODULES}
FIELDS = ["x", "init", "data", "shape", "classes", "bias", "lr", "dtype", "reduction", "weight", "momentum"]


@st.composite
def layers(draw: st.DrawFn) -> dict[str, Any]:
    """A layer of any type with any values for some of its arguments."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    fields = [name for name in KINDS[kind].model_fields if name not in {"name", "type"}]
    chosen = draw(st.dictionaries(st.sampled_from(fields), arguments, max_size=4)) if fields else {}
    needed = {
        name: draw(st.integers(1, 8)) for name in fields if KINDS[kind].model_fields[name].is_required()
    }
    return {"name": draw(st.sampled_from(["a", "b{1..2}"])), "type": kind, **needed, **chosen}


@st.composite
def mutations(draw: st.DrawFn) -> Any:
    """One of the networks with a layer more, or a few of its values and keys changed, dropped or doubled."""
    document = copy.deepcopy(draw(st.sampled_from(NETWORKS)))
    if draw(st.booleans()):
        document["layers"].insert(draw(st.integers(0, len(document["layers"]))), draw(layers()))
    for _ in range(draw(st.integers(0, 3))):
        place: Any = document
        while place:
            key = draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
            if isinstance(place[key], dict | list) and place[key] and draw(st.booleans()):
                place = place[key]
                continue
            mutate(draw, place, key)
            break
    return document


def mutate(draw: st.DrawFn, place: Any, key: Any) -> None:
    """Drop, double, add or change one thing."""
    match draw(st.integers(0, 3)):
        case 0:
            del place[key]
        case 1 if isinstance(place, list):
            place.insert(key, copy.deepcopy(place[key]))
        case 2 if isinstance(place, dict):
            place[draw(st.sampled_from(FIELDS))] = copy.deepcopy(draw(junk))
        case _:
            place[key] = copy.deepcopy(draw(junk))


@pytest.mark.filterwarnings("ignore::UserWarning")  # torch's, of odd layers that are refused or answered
@hypothesis_settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(document=mutations(), accept=st.sampled_from(["*/*", "application/octet-stream", "text/html"]))
def test_any_evaluation_is_answered_or_refused(client: Any, document: Any, accept: str) -> None:
    response = ask(client, document, accept)
    assert response.status_code < 500, response.text
    if response.status_code >= 400:
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["detail"]
        assert not any(word in response.text for word in INSIDE), response.text
        if response.status_code == 422:
            assert all("pointer" in fault for fault in response.json()["errors"])
