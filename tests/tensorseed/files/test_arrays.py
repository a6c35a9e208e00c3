"""Arrays in JSON and in files: exact numbers, every dtype, clear faults."""

from __future__ import annotations

import json
import math

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch

from tensorseed.errors import SpecError, UnrepresentableError
from tensorseed.files.arrays import is_array, json_text, raw_array, write_arrays

TORCH = ["float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "int64", "int32", "uint8", "bool"]
NUMPY = [
    "float64",
    "float32",
    "float16",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "uint16",
    "uint32",
    "bool",
]


@pytest.mark.parametrize("dtype", TORCH)
def test_tensors_of_torch_keep_their_bits(dtype: str) -> None:
    tensor = torch.arange(6, dtype=torch.float64).reshape(2, 3).to(getattr(torch, dtype))
    arrays = {"turned": raw_array(tensor.T), "scalar": raw_array(tensor[1, 2]), "none": raw_array(tensor[:0])}
    found = safetensors.torch.load(write_arrays(arrays))
    for name, expected in {"turned": tensor.T, "scalar": tensor[1, 2], "none": tensor[:0]}.items():
        assert found[name].dtype == expected.dtype
        assert found[name].shape == expected.shape
        assert bytes(found[name].contiguous().view(-1).view(torch.uint8)) == bytes(
            expected.contiguous().view(-1).view(torch.uint8)
        )


@pytest.mark.parametrize("dtype", NUMPY)
def test_arrays_of_numpy_keep_their_bits(dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    found = safetensors.numpy.load(write_arrays({"a": raw_array(array.T), "b": raw_array(array[0, 0:1])}))
    assert np.array_equal(found["a"], array.T)
    assert found["a"].dtype == array.dtype


def test_arrays_of_mixed_widths_are_a_file() -> None:
    arrays = {"x": np.ones(3, np.uint8), "y": np.ones(2, ml_dtypes.bfloat16), "z": np.ones(1, ">f8")}
    found = safetensors.torch.load(write_arrays({name: raw_array(array) for name, array in arrays.items()}))
    assert {name: tensor.tolist() for name, tensor in found.items()} == {
        "x": [1] * 3,
        "y": [1.0] * 2,
        "z": [1.0],
    }


@pytest.mark.parametrize(
    "array", [np.ones(1, complex), np.array(["a"]), np.array([None]), torch.ones(1) * 1j]
)
def test_other_dtypes_are_refused(array: object) -> None:
    with pytest.raises(UnrepresentableError, match="convert it to float32"):
        raw_array(array)
    with pytest.raises(UnrepresentableError, match="convert it to float32"):
        json_text({"a": array})


def test_json_has_the_exact_numbers() -> None:
    document = {
        "numpy": np.array([0.1, 1e-45], np.float32),
        "torch": torch.tensor([[0.1], [float("nan")]], dtype=torch.bfloat16),
        "integers": np.array([2**53 - 1, -1]),
        "number": np.float16(0.1),
        "whole": np.int64(3),
        "words": (math.inf, -math.inf, [math.nan]),
        "flags": np.array([True, False]),
        "scalar": np.array(2.5),
    }
    assert json.loads(json_text(document)) == {
        "numpy": [float(np.float32(0.1)), float(np.float32(1e-45))],
        "torch": [[float(ml_dtypes.bfloat16(0.1))], ["NaN"]],
        "integers": [2**53 - 1, -1],
        "number": float(np.float16(0.1)),
        "whole": 3,
        "words": ["Infinity", "-Infinity", ["NaN"]],
        "flags": [True, False],
        "scalar": 2.5,
    }


def test_what_has_no_json_is_a_fault_at_its_place() -> None:
    with pytest.raises(SpecError) as caught:
        json_text({"a": [1, {2}]})
    assert [fault.pointer for fault in caught.value.faults] == ["/a/1"]


def test_a_number_of_numpy_is_no_array() -> None:
    assert is_array(np.ones(1))
    assert is_array(torch.ones(()))
    assert not any(map(is_array, (np.float32(1), 1.0, [1.0], "1")))
