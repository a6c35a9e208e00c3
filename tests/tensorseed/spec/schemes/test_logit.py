"""Logits of prior probabilities, the nearest float64."""

from __future__ import annotations

import json
import math
import random

import mpmath as mp
import pytest
import torch

from tensorseed.spec.schemes.logit import logit
from tests.tensorseed.spec.test_spec import faults, linear, parse, tensor

EDGES = [0.01, 0.1, 0.9, 5e-324, 2.0**-1022, 1e-10, 0.5 + 2.0**-53, 0.5 - 2.0**-54, 1 - 2.0**-53]


def test_a_logit_is_the_nearest_number() -> None:
    draws = random.Random(0)
    for p in [*EDGES, *(draws.random() for _ in range(300))]:
        with mp.workdps(400):
            assert logit(p) == float(mp.log(mp.mpf(p) / (1 - mp.mpf(p)))), p


def test_one_half_is_plus_zero() -> None:
    assert math.copysign(1.0, logit(0.5)) == 1.0
    assert logit(0.5) == 0.0


def test_the_sigmoid_gives_the_probability_back() -> None:
    assert torch.tensor(logit(0.01), dtype=torch.float64).sigmoid().item() == pytest.approx(0.01, rel=1e-15)


def test_the_recipe_has_the_constant() -> None:
    recipe = parse(linear(init={"bias": {"kind": "logit", "p": 0.01}})).recipe
    init = json.loads(recipe)["layers"][0]["init"]["bias"]
    assert init == {"kind": "constant", "value": -math.log((1 - 0.01) / 0.01)}
    assert recipe == parse(linear(init={"bias": init})).recipe


@pytest.mark.parametrize(("p", "detail"), [(0, "greater than 0"), (1, "less than 1"), ("1%", "a number")])
def test_what_is_no_probability_is_refused(p: object, detail: str) -> None:
    ((pointer, told),) = faults(tensor(init={"kind": "logit", "p": p}))
    assert pointer == "/layers/0/init/p"
    assert detail in told
