"""Tensors of the tests, as the library gives their bits."""

from __future__ import annotations

import json
from typing import Any

import torch

import tensorseed
from tensorseed.devices.local import LIMITS
from tensorseed.spec.resolved import ResolvedTensor
from tensorseed.spec.spec import parse_spec

SEED = 42


def spec_of(shape: list[int], init: Any = "normal", dtype: str = "float32", **more: Any) -> dict[str, Any]:
    entry = {"name": "w", "type": "Tensor", "shape": shape, "init": init, "dtype": dtype, **more}
    return {"seed": SEED, "layers": [entry]}


def resolved(shape: list[int], init: Any = "normal", dtype: str = "float32", **more: Any) -> ResolvedTensor:
    spec = spec_of(shape, init, dtype, **more)
    return parse_spec(json.dumps(spec).encode(), LIMITS).tensors[0]


def expected(shape: list[int], init: Any = "normal", dtype: str = "float32", **more: Any) -> torch.Tensor:
    bits = tensorseed.open(spec_of(shape, init, dtype, **more))["w"].bits[...]
    return torch.from_numpy(bits.reshape(-1)).view(getattr(torch, dtype)).reshape(shape)


def same(tensor: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors have the same dtype, shape and bits."""
    bits = [one.detach().resolve_neg().contiguous().reshape(-1).view(torch.uint8) for one in (tensor, other)]
    return tensor.dtype == other.dtype and tensor.shape == other.shape and torch.equal(*bits)
