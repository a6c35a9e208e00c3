"""Nested lists against torch's reading, with the first wrong element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tensorseed.errors import LossError
from tensorseed.losses.inputs import flatten, floats, integers, measure

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
SPELLED = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def read(data: Any, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    sizes = measure("input", data, 64)
    members = flatten("input", data, sizes)
    return (
        integers("input", members, sizes) if dtype == torch.int64 else floats("input", members, sizes, dtype)
    )


def fault(data: Any, dtype: torch.dtype = torch.float64) -> tuple[str, str]:
    with pytest.raises(LossError) as caught:
        read(data, dtype)
    (only,) = caught.value.faults
    return only.pointer, only.detail


def spell(value: Any) -> Any:
    if isinstance(value, list):
        return [spell(part) for part in value]
    return next((word for word, known in SPELLED.items() if repr(known) == repr(value)), value)


@given(
    arrays.arrays(np.float64, arrays.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=4)),
    st.sampled_from(DTYPES),
)
def test_numbers_are_rounded_as_torch_rounds_them(array: Any, dtype: torch.dtype) -> None:
    largest = torch.finfo(dtype).max
    array = np.where(np.isfinite(array), np.clip(array, -largest, largest), array)
    data = array.tolist()
    expected = torch.tensor(data, dtype=torch.float64).to(dtype)
    assert torch.equal(read(spell(data), dtype).nan_to_num(7.0), expected.nan_to_num(7.0))
    assert torch.equal(torch.tensor(data, dtype=dtype).nan_to_num(7.0), expected.nan_to_num(7.0))


@given(arrays.arrays(np.int64, arrays.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=4)))
def test_integers(array: Any) -> None:
    assert torch.equal(read(array.tolist(), torch.int64), torch.from_numpy(np.asarray(array)))


@pytest.mark.parametrize(
    ("data", "shape"),
    [(1, ()), ([], (0,)), ([[]], (1, 0)), ([[], []], (2, 0)), ([[[1]]], (1, 1, 1)), ([1, 2.5], (2,))],
)
def test_shapes(data: Any, shape: tuple[int, ...]) -> None:
    for dtype in DTYPES:
        tensor = read(data, dtype)
        assert (tensor.shape, tensor.dtype) == (shape, dtype)


@pytest.mark.parametrize(
    ("data", "pointer", "words"),
    [
        ([[1, 2], [3]], "/input/1", "is a list of length 1, and the first one has length 2"),
        ([[1, 2], 3], "/input/1", "is 3, and the first one has length 2"),
        ([[1, 2], None], "/input/1", "is null"),
        ([[[1], [2]], [[3], [4, 5]]], "/input/1/1", "is a list of length 2, and the first one has length 1"),
        ([1, [2]], "/input/1", "has a list here"),
        ([[1, 2], [3, [4]]], "/input/1/1", "has a list here"),
        ([[], [1]], "/input/1", "is a list of length 1, and the first one has length 0"),
    ],
)
def test_ragged(data: Any, pointer: str, words: str) -> None:
    where, detail = fault(data)
    assert where == pointer
    assert words in detail


@pytest.mark.parametrize(
    ("member", "told"),
    [
        ("x", '"x"'),
        ("nan", '"nan"'),
        ("1.5", '"1.5"'),
        ("inf", '"inf"'),
        (True, "true"),
        (False, "false"),
        (None, "null"),
        ({"a": 1}, "an object"),
        ("y" * 1000, "…"),
    ],
)
def test_what_is_no_number(member: Any, told: str) -> None:
    where, detail = fault([[1.5, 2], ["NaN", member]])
    assert where == "/input/1/1"
    assert told in detail
    assert len(detail) < 400
    where, detail = fault([[1, 2], [3, member]], torch.int64)
    assert where == "/input/1/1"
    assert told in detail
    assert fault(member)[0] == "/input"


@pytest.mark.parametrize("member", [1.0, 1e30, 1 << 63, -(1 << 63) - 1, "NaN"])
def test_what_is_no_integer(member: Any) -> None:
    where, detail = fault([0, member, "x"], torch.int64)
    assert where == "/input/1"
    assert "must be an integer of 64 bits" in detail


@pytest.mark.parametrize(
    ("dtype", "number"), [(torch.float32, 1e39), (torch.float16, -65520.0), (torch.bfloat16, 3.4e38)]
)
def test_a_number_beyond_the_dtype(dtype: torch.dtype, number: float) -> None:
    where, detail = fault([["Infinity", 1], [number, number]], dtype)
    assert where == "/input/1/0"
    assert detail.endswith("use float64")
    assert read([number]).item() == number


def test_depth_is_bounded() -> None:
    data: Any = 1
    for _ in range(65):
        data = [data]
    with pytest.raises(LossError, match="at most 64 dimensions"):
        measure("input", data, 64)
    assert measure("input", data[0], 64) == (1,) * 64
