"""Filling of torch tensors: the bits of the file, in memory of any kind."""

from __future__ import annotations

import pytest
import torch

from tensorseed.files.slices import Box
from tensorseed.sampling.dtypes import TENSOR_DTYPES
from tensorseed.sampling.executors.compiled import CompiledExecutor
from tensorseed.spec.resolved import ResolvedTensor
from tensorseed.torch import filling
from tensorseed.torch.filling import fill_part, fill_tensors
from tensorseed.torch.memory import sizes_of
from tensorseed.torch.ties import addresses_of
from tests.tensorseed.torch.tensors import SEED, expected, resolved, same


def fill(tensor: torch.Tensor, drawn: ResolvedTensor) -> None:
    fill_tensors([tensor], addresses_of([tensor]), [drawn], sizes_of([drawn]), SEED)


@pytest.mark.parametrize("dtype", TENSOR_DTYPES)
@pytest.mark.parametrize("shape", [[], [0], [3, 0, 2], [1], [300, 70]])
def test_every_dtype(dtype: str, shape: list[int]):
    init = {"int64": {"kind": "constant", "value": 7}, "bool": "ones"}.get(dtype, "normal")
    tensor = torch.empty(shape, dtype=getattr(torch, dtype))
    fill(tensor, resolved(shape, init, dtype))
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
    fill(tensor, resolved(shape))
    assert same(tensor, expected(shape))
    assert tensor.stride() == stride


def test_a_view_leaves_what_is_around_it():
    around = torch.zeros(10, 10)
    fill(around[2:5, 3:7], resolved([3, 4]))
    assert torch.count_nonzero(around) == 12


INITS = [
    "normal",
    "trunc_normal",
    "zeros",
    "orthogonal",
    "eye",
    {"kind": "uniform", "a": -0.1, "b": 0.3},
    {"kind": "constant", "value": 0.3},
    {"kind": "sparse", "sparsity": 0.3},
]


@pytest.fixture
def drawing(monkeypatch: pytest.MonkeyPatch):
    """Take the CPU for a device that draws by torch's operations."""
    monkeypatch.setattr("tensorseed.files.device_filling.DRAWING", {"cpu"})
    monkeypatch.setattr(filling, "plain_addresses", lambda tensors, *_: [0] * len(tensors))
    monkeypatch.setattr("tensorseed.files.device_filling.PIECE", 1 << 12)
    monkeypatch.setattr("tensorseed.files.device_filling.MIN_RUN", 64)
    monkeypatch.setattr(filling, "STAGED_BYTES", 1 << 14)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float8_e5m2"])
@pytest.mark.parametrize("init", INITS, ids=str)
@pytest.mark.usefixtures("drawing")
def test_a_device_that_draws(init: object, dtype: str):
    for shape, more in (([90, 70], {}), ([90, 70], {"padding_idx": 3}), ([0, 4], {})):
        tensor = torch.zeros(shape, dtype=getattr(torch, dtype))
        fill(tensor, resolved(shape, init, dtype, **more))
        assert same(tensor, expected(shape, init, dtype, **more))
        tensor = torch.zeros(shape[::-1], dtype=getattr(torch, dtype)).T
        fill(tensor, resolved(shape, init, dtype, **more))
        assert same(tensor, expected(shape, init, dtype, **more))


BOXES = [
    (slice(3, 90),),
    (slice(1, 2),),
    (slice(None), slice(1, 4)),
    (slice(2, 80), slice(5, 70)),
    (slice(5, 5),),
]


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float8_e4m3fn"])
@pytest.mark.parametrize("shape", [[90, 70], [90, 7, 11]], ids=str)
@pytest.mark.usefixtures("drawing")
def test_a_part_on_a_device_that_draws(shape: list[int], dtype: str, monkeypatch: pytest.MonkeyPatch):
    whole = expected(shape, dtype=dtype, padding_idx=3)
    drawn = resolved(shape, dtype=dtype, padding_idx=3)
    monkeypatch.setattr(CompiledExecutor, "draw", None)
    for box in BOXES:
        wanted = whole[box]
        starts = [cut.start or 0 for cut in box] + [0] * (len(shape) - len(box))
        tensor = torch.zeros(wanted.shape, dtype=wanted.dtype)
        fill_part(tensor, drawn, Box(tuple(shape), tuple(starts), tuple(wanted.shape)), SEED)
        assert same(tensor, wanted), box
