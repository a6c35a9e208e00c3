"""Example evaluations, which `/docs` offers and a test posts."""

from __future__ import annotations

from typing import Any

from ..http.openapi import body_example

_DEEP = {
    "seed": 42,
    "layers": [
        {"name": "blocks.{0..7}.fc", "type": "Linear", "in_features": 64, "out_features": 64},
        {"name": "blocks.{0..7}.act", "type": "ReLU"},
    ],
    "input": {"shape": [128, 64], "init": "normal"},
    "compare": ["zeros", "xavier_normal", "kaiming_normal", {"kind": "normal", "std": 0.01}],
}
_CLASSIFIER: dict[str, Any] = {
    "seed": 42,
    "layers": [
        {"name": "fc1", "type": "Linear", "in_features": 32, "out_features": 64, "init": "kaiming_normal"},
        {"type": "ReLU"},
        {"name": "fc2", "type": "Linear", "in_features": 64, "out_features": 10},
    ],
    "input": {"shape": [64, 32], "init": "normal"},
    "target": {"classes": 10},
    "loss": "cross_entropy",
    "optimizer": {"kind": "SGD", "lr": 0.1, "momentum": 0.9},
    "steps": 20,
}
_RESIDUAL = {
    "layers": [
        {
            "name": "blocks.{0..3}",
            "type": "Residual",
            "layers": [
                {"name": "norm", "type": "LayerNorm", "normalized_shape": 32},
                {"name": "fc1", "type": "Linear", "in_features": 32, "out_features": 128},
                {"type": "GELU"},
                {"name": "fc2", "type": "Linear", "in_features": 128, "out_features": 32},
            ],
        },
        {"name": "head", "type": "Linear", "in_features": 32, "out_features": 10},
    ],
    "input": {"shape": [64, 32], "init": "normal"},
}
REQUEST = b'{"input":{"init":"normal","shape":[64]},"layers":[{"type":"ReLU"}]}'
"""The canonical form of a small evaluation."""

_PROBE: dict[str, Any] = {
    "layers": [{"name": "fc", "type": "Linear", "in_features": 8, "out_features": 4}],
    "input": {"shape": [16, 8], "init": "normal"},
}
_OPTIMIZERS = {
    **_PROBE,
    "target": {"classes": 4},
    "loss": "cross_entropy",
    "steps": 20,
    "compare": [{"kind": "SGD", "lr": 0.1}, {"kind": "Adam", "lr": 0.01}],
}
_CALIBRATED = {**_PROBE, "calibrate": "lsuv", "return_weights": True}

EVALUATION_EXAMPLES = {
    "deep": body_example("The signal through eight layers, under four inits", _DEEP),
    "training": body_example("Twenty steps of training of a classifier", _CLASSIFIER),
    "optimizers": body_example("Two optimizers on the same weights", _OPTIMIZERS),
    "residual": body_example("Residual blocks", _RESIDUAL),
    "calibrated": body_example("Weights scaled to unit variance, as a file", _CALIBRATED),
}
