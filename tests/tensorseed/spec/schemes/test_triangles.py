"""Triangular matrices of ones, and the dtype of masks."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from tensorseed.files.virtual_file import VirtualFile, open_file
from tensorseed.sampling.dtypes import DTYPES, TENSOR_DTYPES
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import in_dtype
from tests.tensorseed.spec.schemes.test_moments import moments
from tests.tensorseed.spec.test_spec import parse, tensor

SHAPES = [(5, 7), (7, 5), (1, 1, 9, 9), (2, 3, 4, 6)]
DIAGONALS = [-20, -5, -1, 0, 2, 5, 20]


def file_of(shape: tuple[int, ...], init: Any, dtype: str) -> VirtualFile:
    return open_file(parse(tensor(shape=list(shape), init=init, dtype=dtype)))


def loaded(file: VirtualFile) -> torch.Tensor:
    return safetensors.torch.load(file.read(0, file.size).tobytes())["w"]


@pytest.mark.parametrize("dtype", TENSOR_DTYPES)
def test_they_are_those_of_torch(dtype: str) -> None:
    for shape in SHAPES:
        for diagonal in DIAGONALS:
            found = loaded(file_of(shape, {"kind": "tril", "diagonal": diagonal}, dtype))
            expected = torch.ones(shape).tril(diagonal).to(getattr(torch, dtype))
            assert found.dtype == expected.dtype
            assert torch.equal(found, expected)


@pytest.mark.parametrize("dtype", ["float32", "bool"])
def test_slices_equal_the_whole(dtype: str) -> None:
    file = file_of((3, 40, 30), {"kind": "tril", "diagonal": -4}, dtype)
    whole = file.read(0, file.size).tobytes()
    for start in range(0, file.size, 97):
        assert file.read(start, min(start + 313, file.size)).tobytes() == whole[start : start + 313]


def test_moments_are_those_of_the_ones() -> None:
    for shape in SHAPES:
        for diagonal in DIAGONALS:
            resolved = parse(tensor(shape=list(shape), init={"kind": "tril", "diagonal": diagonal}))
            ones = torch.ones(shape).tril(diagonal).numpy()
            assert moments(resolved.tensors[0]) == pytest.approx((np.mean(ones), np.std(ones)), abs=1e-6)


def test_a_diagonal_beyond_the_matrix_is_the_one_outside_it() -> None:
    for given, kept in ((100, 6), (6, 6), (-100, -5), (-4, -4)):
        recipe = parse(tensor(shape=[2, 5, 7], init={"kind": "tril", "diagonal": given})).recipe
        assert json.loads(recipe)["layers"][0]["init"] == {"kind": "tril", "diagonal": kept}
    main = parse(tensor(shape=[5, 7], init={"kind": "tril", "diagonal": 0}))
    assert json.loads(main.recipe)["layers"][0]["init"] == "tril"


def test_a_mask_in_parts_and_with_a_row_of_zeros() -> None:
    init = {"kind": "parts", "parts": [{"size": 3, "init": "tril"}, {"init": "ones"}]}
    file = open_file(parse(tensor(shape=[5, 3], init=init, dtype="bool", padding_idx=4)))
    assert loaded(file).tolist() == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
        [True, True, True],
        [False, False, False],
    ]


def test_bool_stays_bool_in_another_dtype() -> None:
    resolved = parse(tensor(dtype="torch.bool", init="tril", shape=[2, 2]), tensor(name="v"))
    halves = in_dtype(resolved, "float16", Limits())
    assert {one.name: one.dtype.name for one in halves.tensors} == {"w": "bool", "v": "float16"}


def test_bool_is_the_last_in_a_file() -> None:
    assert next(reversed(DTYPES)) == "bool"
    parts = {"a": torch.ones(2, dtype=torch.bool), "b": torch.ones(2, dtype=torch.uint8)}
    header = safetensors.torch.save(parts)
    assert header.index(b'"b"') < header.index(b'"a"')
