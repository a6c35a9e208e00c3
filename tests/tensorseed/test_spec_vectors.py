"""Frozen vectors of whole specs and large tensors, on every executor."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tensorseed.spec.layers import LAYERS
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec
from tensorseed.spec.spec_token import decode_token
from tests.tensorseed.draws import executors
from tools.spec_vectors import elements_vector, file_vector

ROOT = Path(__file__).parents[2]
EXECUTORS = dict(executors())
SPECS = json.loads((ROOT / "tests" / "vectors" / "specs.json").read_text(encoding="utf-8"))
ELEMENTS = json.loads((ROOT / "tests" / "vectors" / "elements.json").read_text(encoding="utf-8"))
SCHEMA = json.loads((ROOT / "docs" / "recipe-v1.schema.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("vector", SPECS, ids=lambda v: v["about"])
def test_a_frozen_spec_gives_its_frozen_file(vector, executor):
    found = file_vector(vector, EXECUTORS[executor])
    assert found.items() <= vector.items()


@pytest.mark.parametrize("gathered", [False, True], ids=["filled", "gathered"])
@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("number", range(len(ELEMENTS)))
def test_frozen_elements_are_drawn_alone(number, executor, gathered):
    vector = ELEMENTS[number]
    assert elements_vector(vector, EXECUTORS[executor], gathered=gathered).items() <= vector.items()


@pytest.mark.parametrize("vector", SPECS, ids=lambda v: v["about"])
def test_a_frozen_recipe_is_canonical_and_follows_the_schema(vector):
    jsonschema.validate(json.loads(vector["recipe"]), SCHEMA)
    assert parse_spec(vector["recipe"].encode(), Limits()).recipe == vector["recipe"]
    assert decode_token(vector["token"], Limits()).recipe == vector["recipe"]


def test_every_layer_type_is_frozen():
    frozen = {entry["type"] for vector in SPECS for entry in vector["spec"]["layers"]}
    assert frozen == set(LAYERS)
