"""Warnings: who gets one, and who does not."""

from __future__ import annotations

from typing import Any

import pytest

from service.core.advice import advice
from tests.core.test_spec import batch_norm, conv, linear, parse, tensor


def codes(*layers: Any, **top: Any) -> list[tuple[str, str]]:
    return [(warning["tensor"], warning["code"]) for warning in advice(parse(*layers, **top))]


@pytest.mark.parametrize(
    ("layer", "code"),
    [
        (tensor(init="zeros"), "symmetric_rows"),
        (tensor(init={"kind": "values", "data": [[1, 2, 3]] * 2}), "symmetric_rows"),
        (tensor(init={"kind": "normal", "std": 0}), "symmetric_rows"),
        (tensor(init={"kind": "uniform", "a": 1, "b": 1}), "symmetric_rows"),
        (tensor(init={"kind": "kaiming_normal", "nonlinearity": "tanh"}), "saturating_nonlinearity"),
        (tensor(init={"kind": "xavier_normal", "gain": 1.414}), "rectifier_gain"),
        (tensor(init={"kind": "kaiming_uniform", "a": 5**0.5}), "historical_slope"),
        (tensor(init={"kind": "trunc_normal", "a": 1, "b": 3}), "heavy_truncation"),
        (tensor(init={"kind": "trunc_normal", "a": -9, "b": -0.5}), "heavy_truncation"),
        (tensor(init={"kind": "normal", "std": 1e-9}, dtype="float16"), "underflow"),
        (tensor(init={"kind": "normal", "std": 100}, dtype="float8_e4m3fn"), "overflow"),
    ],
)
def test_warned(layer: Any, code: str) -> None:
    assert codes(layer) == [("w", code)]


@pytest.mark.parametrize(
    "layer",
    [
        tensor(shape=[3]),
        tensor(shape=[1, 3]),
        tensor(shape=[0, 3]),
        tensor(init="eye"),
        tensor(init={"kind": "uniform", "a": -60000, "b": 60000}, dtype="float16"),
        tensor(init={"kind": "sparse", "sparsity": 0.99, "std": 0.01}, dtype="float8_e4m3fn"),
        tensor(init={"kind": "orthogonal", "gain": 400}, dtype="float8_e4m3fn"),
        tensor(init="orthogonal"),
        tensor(init={"kind": "sparse", "sparsity": 0.5}),
        tensor(init="xavier_uniform", dtype="float8_e5m2"),
        tensor(init={"kind": "trunc_normal", "a": -0.7, "b": 0.7}),
        tensor(init={"kind": "values", "data": [[1, 2, 3], [4, 5, 6]]}),
        linear(),
        conv(),
        batch_norm({}),
        {"name": "n", "type": "LayerNorm", "normalized_shape": [3, 4]},
    ],
)
def test_not_warned(layer: Any) -> None:
    assert codes(layer) == []


def test_one_warning_for_a_folded_name() -> None:
    (warning,) = advice(
        parse(linear(name="a.0", init={"weight": "zeros"}), linear(name="a.1", init={"weight": "zeros"}))
    )
    assert warning["tensor"] == "a.{0..1}.weight"
    assert "2 tensors" in warning["detail"]
