"""The catalog: everything in the unions is in it, described."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from tensorseed.spec.canonical import init_value
from tensorseed.spec.catalog.listing import layers_catalog, schemes_catalog
from tensorseed.spec.layers import LAYERS
from tensorseed.spec.limits import Limits
from tensorseed.spec.names import expand
from tensorseed.spec.schemes import SCHEMES
from tensorseed.spec.spec import parse_spec


@cache
def catalog() -> dict[str, dict[str, Any]]:
    """The layers of the catalog by their types."""
    return {entry["type"]: entry for entry in layers_catalog()}


def test_every_scheme_is_described() -> None:
    catalog = schemes_catalog()
    assert {name for entry in catalog for name in (entry["kind"], *entry["aliases"])} == set(SCHEMES)
    for entry in catalog:
        assert entry["summary"].endswith(".")
        assert entry["formula"]
        assert entry["source"]
        assert not entry["source"].endswith((",", "of", "theory", "the", "linear"))
        assert all(parameter["description"] for parameter in entry["parameters"])
    json.dumps(catalog, allow_nan=False)


def test_every_layer_type_is_described() -> None:
    catalog = layers_catalog()
    assert [entry["type"] for entry in catalog] == list(LAYERS)
    for entry in catalog:
        assert entry["summary"]
        assert entry["formula"]
        assert len(entry["source"]) > 10
        assert entry["tensors"]
        assert all(tensor["init"] and tensor["shape"] for tensor in entry["tensors"])
        assert all(described(parameter) for parameter in entry["parameters"])
    json.dumps(catalog, allow_nan=False)


def described(parameter: dict[str, Any]) -> bool:
    """Whether a parameter has words, a type and a default if it has one, and so have those inside it."""
    inner = parameter.get("parameters", []) + [
        one for option in parameter.get("options", []) for one in option["parameters"]
    ]
    whole = "object" not in parameter["type"] or bool(inner) or parameter["name"] == "init"
    known = bool(parameter["description"]) and parameter["required"] != ("default" in parameter)
    return whole and known and all(map(described, inner))


@pytest.mark.parametrize("name", LAYERS)
def test_examples_are_what_a_spec_makes_of_them(name: str) -> None:
    entry = catalog()[name]
    made = parse_spec(json.dumps({"layers": [entry["example"]["entry"]]}).encode(), Limits()).tensors
    found = {
        name: (tuple(tensor["shape"]), tensor["dtype"], tensor["init"])
        for tensor in entry["example"]["tensors"]
        for name in expand(tensor["name"])
    }
    assert found == {
        tensor.name: (tensor.shape, tensor.dtype.name, init_value(tensor.scheme)) for tensor in made
    }


def test_arguments_come_in_the_order_of_need() -> None:
    linear = catalog()["Linear"]
    assert [one["name"] for one in linear["parameters"]] == ["in_features", "out_features", "bias", "init"]


def test_parts_are_described_in_place() -> None:
    encoder = catalog()["TransformerEncoder"]
    parameters = {parameter["name"]: parameter for parameter in encoder["parameters"]}
    inner = {one["name"]: one for one in parameters["encoder_layer"]["parameters"]}
    assert inner["activation"]["choices"] == ["relu", "gelu"]
    assert inner["nhead"]["minimum"] == 1
    assert [option["type"] for option in parameters["norm"]["options"]] == ["LayerNorm", "RMSNorm"]


def test_parameters() -> None:
    kaiming = next(entry for entry in schemes_catalog() if entry["kind"] == "kaiming_normal")
    mode = next(parameter for parameter in kaiming["parameters"] if parameter["name"] == "mode")
    assert mode == {
        "name": "mode",
        "type": "string",
        "required": False,
        "default": "fan_in",
        "choices": ["fan_in", "fan_out"],
        "description": "fan_in keeps the variance of the signal, fan_out that of the gradient.",
    }
    normal = next(entry for entry in schemes_catalog() if entry["kind"] == "normal")
    std = next(parameter for parameter in normal["parameters"] if parameter["name"] == "std")
    assert (std["type"], std["minimum"], std["default"]) == ("number", 0.0, 1.0)
    conv = catalog()["Conv2d"]
    kernel = next(parameter for parameter in conv["parameters"] if parameter["name"] == "kernel_size")
    assert (kernel["type"], kernel["required"]) == ("integer or list of 2 integers", True)
    assert kernel["minimum"] == 0
    padding = next(parameter for parameter in conv["parameters"] if parameter["name"] == "padding")
    assert (padding["choices"], padding["default"]) == (["same", "valid"], 0)
