"""Specs in JAX's layout, and the service's bytes of their tensors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors

AXES = {"in": -2, "out": -1}


def tensor(name: str, shape: list[int], init: Any, **more: Any) -> dict[str, Any]:
    """An entry of one tensor; kernels have JAX's layout."""
    axes = {"fan_axes": AXES} if len(shape) > 1 else {}
    return {"name": name, "type": "Tensor", "shape": shape, "init": init, **axes, **more}


QKV = {"kind": "parts", "axis": 1, "parts": [{"size": 32, "init": "xavier_uniform", "repeat": 3}]}
FORGET = {
    "kind": "parts",
    "parts": [{"size": 16, "init": "zeros"}, {"size": 16, "init": "ones"}, {"init": "normal"}],
}

SPEC = {
    "seed": 42,
    "layers": [
        tensor("params/dense_{0..1}/kernel", [256, 128], "xavier_uniform"),
        tensor("params/dense_{0..1}/bias", [128], {"kind": "uniform", "a": -0.1, "b": 0.1}),
        tensor("params/embed/embedding", [1002, 64], {"kind": "normal", "std": 0.02}, dtype="bfloat16"),
        tensor("params/conv/kernel", [3, 3, 16, 32], {"kind": "trunc_normal", "std": 0.1}, dtype="float16"),
        tensor("params/out/kernel", [64, 36], "orthogonal"),
        tensor("params/out/small", [6, 10], "lecun_normal", dtype="float8_e4m3fn"),
        tensor("stats/scale", [], {"kind": "constant", "value": 0.5}),
        tensor("stats/none", [0, 8], "normal"),
        tensor("params/qkv/kernel", [64, 96], QKV),
        tensor("params/lstm/bias", [64], FORGET, dtype="bfloat16"),
    ],
}


def service_bytes(client: Any, spec: dict[str, Any]) -> dict[str, bytes]:
    """The bytes of every tensor in the service's file of a spec."""
    answer = client.post("/v1/weights", json=spec)
    assert answer.status_code == 200, answer.text
    return {name: bytes(found["data"]) for name, found in safetensors.deserialize(answer.content)}


def array_bytes(arrays: Mapping[str, Any]) -> dict[str, bytes]:
    """The bytes of every array, gathered from its shards."""
    return {name: np.asarray(array).tobytes() for name, array in arrays.items()}


def digest(tensors: Mapping[str, bytes]) -> str:
    """The SHA-256 of tensors in the order of their names."""
    return hashlib.sha256(b"".join(tensors[name] for name in sorted(tensors))).hexdigest()
