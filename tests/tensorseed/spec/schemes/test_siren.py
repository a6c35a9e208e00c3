"""SIREN's init against the formula of the paper's code."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tensorseed.sampling.distributions import Uniform
from tests.tensorseed.spec.test_spec import faults, linear, parse, tensor


@pytest.mark.parametrize(
    ("init", "bound"),
    [
        ("siren", np.sqrt(6 / 12) / 30),
        ({"kind": "siren", "omega": 1}, np.sqrt(6 / 12) / 1),
        ({"kind": "siren", "first": True}, 1 / 12),
    ],
)
def test_the_bounds_are_those_of_the_papers_code(init: Any, bound: float) -> None:
    (drawn,) = parse(tensor(shape=[7, 4, 3], init=init)).tensors
    assert drawn.distribution == Uniform(-bound, bound)


def test_the_signal_keeps_its_distribution() -> None:
    """Before each sine the deviation is 1, as the paper proves for wide layers."""
    rng = np.random.default_rng(0)
    x = np.sin(rng.normal(size=(200, 256)) * 2)  # an arcsine distribution, nearly
    (weight,) = parse(tensor(shape=[256, 256], init="siren")).tensors
    bound = weight.distribution.high  # type: ignore[union-attr]
    y = 30 * x @ rng.uniform(-bound, bound, (256, 256)).T
    assert y.std() == pytest.approx(1, rel=0.05)


def test_the_first_layer_has_no_omega() -> None:
    recipe = parse(linear(init={"weight": {"kind": "siren", "first": True, "omega": 5}})).recipe
    assert json.loads(recipe)["layers"][0]["init"]["weight"] == {"kind": "siren", "first": True}


@pytest.mark.parametrize(
    ("shape", "init", "field", "detail"),
    [
        ([3, 4], {"kind": "siren", "omega": 0}, "/omega", "greater than 0"),
        ([3, 4], {"kind": "siren", "omega": 1e-320}, "/omega", "overflow"),
        ([3], "siren", "", "siren needs fan_in and fan_out"),
    ],
)
def test_what_has_no_bound_is_refused(shape: list[int], init: Any, field: str, detail: str) -> None:
    ((pointer, told),) = faults(tensor(shape=shape, init=init))
    assert pointer == f"/layers/0/init{field}"
    assert detail in told
