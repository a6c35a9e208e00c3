"""The catalog: everything in the unions is in it, described."""

from __future__ import annotations

import json

from service.core.catalog import layers_catalog, schemes_catalog
from service.core.layers import LAYERS
from service.core.schemes import SCHEMES


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
        assert all(parameter["description"] for parameter in entry["parameters"])
    json.dumps(catalog, allow_nan=False)


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
    conv = next(entry for entry in layers_catalog() if entry["type"] == "Conv2d")
    kernel = next(parameter for parameter in conv["parameters"] if parameter["name"] == "kernel_size")
    assert (kernel["type"], kernel["required"]) == ("integer or list of integers", True)
