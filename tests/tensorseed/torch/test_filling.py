"""Filling of torch tensors: the bits of the file, in memory of any kind."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

import tensorseed
from tensorseed.devices.local import LIMITS
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.spec.resolved import ResolvedTensor
from tensorseed.spec.spec import parse_spec
from tensorseed.torch import filling
from tensorseed.torch.filling import fill_tensors

SEED = 42


def entry(shape: list[int], init: Any = "normal", dtype: str = "float32", **more: Any) -> dict[str, Any]:
    return {"name": "w", "type": "Tensor", "shape": shape, "init": init, "dtype": dtype, **more}


def resolved(shape: list[int], init: Any = "normal", dtype: str = "float32", **more: Any) -> ResolvedTensor:
    spec = {"seed": SEED, "layers": [entry(shape, init, dtype, **more)]}
    return parse_spec(json.dumps(spec).encode(), LIMITS).tensors[0]


def expected(shape: list[int], init: Any = "normal", dtype: str = "float32", **more: Any) -> torch.Tensor:
    bits = tensorseed.open({"seed": SEED, "layers": [entry(shape, init, dtype, **more)]})["w"].bits[...]
    return torch.from_numpy(bits.reshape(-1)).view(getattr(torch, dtype)).reshape(shape)


def same(tensor: torch.Tensor, other: torch.Tensor) -> bool:
    whole = [t.detach().contiguous().reshape(-1).view(torch.uint8) for t in (tensor, other)]
    return tensor.dtype == other.dtype and tensor.shape == other.shape and torch.equal(*whole)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [[], [0], [3, 0, 2], [1], [300, 70]])
def test_every_dtype(dtype: str, shape: list[int]):
    init = {"kind": "constant", "value": 7} if dtype == "int64" else "normal"
    tensor = torch.empty(shape, dtype=getattr(torch, dtype))
    fill_tensors([(tensor, resolved(shape, init, dtype))], SEED)
    assert same(tensor, expected(shape, init, dtype))


MEMORY = {
    "transposed": lambda: torch.zeros(70, 300).T,
    "channels_last": lambda: torch.zeros(20, 30, 7, 5).to(memory_format=torch.channels_last),
    "view": lambda: torch.zeros(400, 100)[50:350, 20:90],
    "every other": lambda: torch.zeros(600, 140)[::2, ::2],
    "interleaved": lambda: torch.zeros(9).as_strided((2, 3), (3, 2)),
    "one row": lambda: torch.zeros(300).expand(1, 300),
    "negated": lambda: torch.zeros(40, 30, dtype=torch.complex64).conj().imag,
    "parameter": lambda: torch.nn.Parameter(torch.zeros(300, 70)),
    "buffer": lambda: torch.nn.Buffer(torch.zeros(300, 70)),
}


@pytest.mark.parametrize("staged", [100, 1 << 26])
@pytest.mark.parametrize("kind", MEMORY)
def test_every_kind_of_memory(kind: str, staged: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(filling, "STAGED_BYTES", staged)
    tensor = MEMORY[kind]()
    stride, shape = tensor.stride(), list(tensor.shape)
    fill_tensors([(tensor, resolved(shape))], SEED)
    assert same(tensor.resolve_neg(), expected(shape))
    assert tensor.stride() == stride


def test_a_view_leaves_what_is_around_it():
    around = torch.zeros(10, 10)
    fill_tensors([(around[2:5, 3:7], resolved([3, 4]))], SEED)
    assert torch.count_nonzero(around) == 12
