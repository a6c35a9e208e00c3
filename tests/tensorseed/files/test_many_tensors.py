"""Files of many tensors: the bytes of each tensor by itself."""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.files.elements import DrawnElements, element_source
from tensorseed.files.virtual_file import VirtualFile, open_file
from tensorseed.sampling.dtypes import TENSOR_DTYPES
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec
from tests.tensorseed.draws import executors

EXECUTORS = dict(executors())
FLOATS = [name for name in TENSOR_DTYPES if name not in ("int64", "bool")]
INITS: list[Any] = [
    "normal",
    "xavier_uniform",
    "trunc_normal",
    {"kind": "trunc_normal", "std": 0.1, "a": -0.3, "b": 0.3},
    {"kind": "constant", "value": 0.3},
    "zeros",
    "orthogonal",
    {"kind": "sparse", "sparsity": 0.5},
    "eye",
]


def file_of(layers: list[dict[str, Any]], **more: Any) -> VirtualFile:
    return open_file(parse_spec(json.dumps({"layers": layers, **more}).encode(), Limits()))


def tensor(name: str, shape: list[int], init: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "Tensor", "shape": shape, "init": init, **more}


def one_by_one(file: VirtualFile) -> bytes:
    """The plain path: the header, and every tensor by a call of its own."""
    source, found = element_source(file.resolved), [file.header]
    for entry in file.entries():
        out = np.empty(entry.tensor.numel, entry.tensor.dtype.storage)
        source.fill(entry.tensor, 0, out)
        found.append(out.tobytes())
    return b"".join(found)


MIXED = file_of(
    [
        *(
            tensor(f"{dtype}.{number}.{{0..4}}", [3 + number, 5], init, dtype=dtype)
            for number, init in enumerate(INITS)
            for dtype in FLOATS
        ),
        *(tensor(f"plain.{size}", [size, 1], "normal") for size in range(12)),
        *(tensor(f"bf16.{size}", [size], "normal", dtype="bfloat16") for size in range(12)),
        *(tensor(f"nothing.{{0..9}}.{name}", [0, 3], "xavier_normal", dtype=name) for name in FLOATS),
        *(tensor(f"whole.{name}.{{0..9}}", [5], "ones", dtype=name) for name in ("int64", "bool")),
        tensor("own.{0..9}", [7], "normal", seed=5),
        tensor("other.{0..9}", [7], "normal", seed=5, stream="fc.weight"),
        {"name": "fc.{0..9}", "type": "Linear", "in_features": 7, "out_features": 3},
        {"name": "norm.{0..9}", "type": "BatchNorm1d", "num_features": 3},
        tensor("q.{0..9}.weight", [128, 128], "normal", dtype="bfloat16", quantization="fp8"),
    ],
    seed=7,
)


@cache
def plain() -> bytes:
    return one_by_one(MIXED)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_file_is_its_tensors_one_by_one(executor: str) -> None:
    source = DrawnElements(MIXED.resolved, EXECUTORS[executor])
    assert MIXED.read(0, MIXED.size, source).tobytes() == plain()


@given(data=st.data())
def test_a_range_may_begin_and_end_within_a_tensor_and_within_an_element(data: Any) -> None:
    middle = st.integers(len(MIXED.header), MIXED.size)
    cuts = sorted(data.draw(st.lists(middle, max_size=30)))
    parts = [MIXED.read(start, stop).tobytes() for start, stop in pairwise([0, *cuts, MIXED.size])]
    assert b"".join(parts) == plain()


def test_a_range_leaves_the_memory_around_it() -> None:
    start, stop = len(MIXED.header) + 8, MIXED.size - 8
    around = np.full(stop - start + 64, 9, np.uint8)
    MIXED.read_into(around[32:-32], start, DrawnElements(MIXED.resolved))
    assert (around[:32] == 9).all()
    assert (around[-32:] == 9).all()
    assert around[32:-32].tobytes() == plain()[start:stop]


def test_a_file_of_generator_torch_is_read_alike() -> None:
    file = file_of([tensor("a.{0..9}", [3], "normal"), tensor("b.{0..9}", [0], "zeros")], generator="torch")
    assert file.read(0, file.size).tobytes() == one_by_one(file)


@given(data=st.data())
def test_portions_are_the_bytes_of_a_range_by_kind(data: Any) -> None:
    start = data.draw(st.integers(0, MIXED.size))
    stop = data.draw(st.integers(start, MIXED.size))
    found: dict[str, int] = {}
    for portion in MIXED.portions(start, stop):
        name = portion.entry.tensor.dtype.name
        found[name] = found.get(name, 0) + portion.tensors * max(portion.stop - portion.start, 0)
    expected = dict.fromkeys(found, 0)
    for entry in MIXED.entries_within(start, stop):
        expected[entry.tensor.dtype.name] += max(min(stop, entry.stop) - max(start, entry.start), 0)
    assert found == expected


def test_tensors_of_a_kind_differ_in_names_and_seeds_alone() -> None:
    tensors = MIXED.entries().tensors
    first: dict[int, Any] = {}
    for tensor_, number in zip(tensors, tensors.numbers.tolist(), strict=True):
        assert tensor_[2:-1] == first.setdefault(number, tensor_)[2:-1] == tensors.kinds[number]
    assert 1 < len(first) < len(tensors)
