"""Specs of the tests of weights."""

from __future__ import annotations

from typing import Any

import tensorseed

SPEC: dict[str, Any] = {
    "seed": 7,
    "layers": [
        {"name": "fc", "type": "Linear", "in_features": 24, "out_features": 16},
        {"name": "norm", "type": "BatchNorm1d", "num_features": 16},
        {"name": "cube", "type": "Tensor", "shape": [5, 6, 7], "init": "normal"},
        {"name": "empty", "type": "Tensor", "shape": [3, 0], "init": "normal"},
        {"name": "scalar", "type": "Tensor", "shape": [], "init": "normal"},
    ],
}


def one(dtype: str, shape: list[int], **top: Any) -> tensorseed.LazyArray:
    entry = {"name": "w", "type": "Tensor", "shape": shape, "init": "normal", "dtype": dtype}
    return tensorseed.open({"layers": [entry], **top})["w"]
