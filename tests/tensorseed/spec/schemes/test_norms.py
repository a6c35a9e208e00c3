"""The scheme of norms: shapes, faults, and the canonical recipe."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tensorseed.errors import SpecError
from tensorseed.files.virtual_file import open_file
from tensorseed.spec import lint
from tests.tensorseed.draws import tensor_arrays
from tests.tensorseed.spec.test_spec import parse, tensor

NORM = {"kind": "weight_norm", "of_shape": [4, 3, 5], "a": -1, "b": 2}


def of(shape: list[int], **init: Any) -> dict[str, Any]:
    return tensor(name="conv.original0", shape=shape, init={**NORM, **init})


@pytest.mark.parametrize(
    ("shape", "axes"), [([4, 1, 1], (1, 2)), ([1, 3, 1], (0, 2)), ([1, 1, 5], (0, 1)), ([], (0, 1, 2))]
)
def test_norms_and_directions_of_one_file(shape: list[int], axes: tuple[int, ...]) -> None:
    uniform = {"kind": "uniform", "a": -1, "b": 2}
    directions = tensor(name="conv.original1", shape=[4, 3, 5], init=uniform)
    file = open_file(parse(of(shape), directions))
    arrays = {found.name: numbers for found, numbers in tensor_arrays(file)}
    norms = np.sqrt((arrays["conv.original1"].astype(np.float64) ** 2).sum(axis=axes))
    assert np.allclose(arrays["conv.original0"].flatten(), norms.flatten(), rtol=1e-7)


@pytest.mark.parametrize(
    ("shape", "init", "pointer", "detail"),
    [
        ([4, 3, 1], {}, "/of_shape", "all but one axis"),
        ([3, 1, 1], {}, "/of_shape", "but for the axes of size 1"),
        ([4, 1], {}, "/of_shape", "but for the axes of size 1"),
        ([4, 1, 1], {"std": 1}, "", "give a and b of a uniform tensor, or std"),
        ([4, 1, 1], {"b": -2}, "/a", "a is greater than b"),
        ([1, 1, 5], {"of_shape": [1 << 11, 1 << 10, 5]}, "/of_shape", "at most 1,048,576 elements"),
        ([4, 1, 1], {"of": "a.b"}, "/of", "of is not valid"),
    ],
)
def test_faults(shape: list[int], init: dict[str, Any], pointer: str, detail: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(of(shape, **init))
    (fault,) = caught.value.faults
    assert fault.pointer == f"/layers/0/init{pointer}"
    assert detail in fault.detail


def test_the_recipe_leaves_defaults_out() -> None:
    recipe = json.loads(parse(of([4, 1, 1], of="original1", mean=0.0)).recipe)
    assert recipe["layers"][0]["init"] == NORM


UNIFORM = {"kind": "uniform", "a": -1, "b": 2}


@pytest.mark.parametrize(
    ("shape", "init", "options", "differing"),
    [
        ([4, 3, 5], UNIFORM, {}, None),
        ([4, 3, 5], {"kind": "kaiming_uniform"}, {}, "init"),
        ([4, 5, 3], UNIFORM, {}, "shape"),
        ([4, 3, 5], UNIFORM, {"dtype": "float16"}, "dtype"),
        ([4, 3, 5], UNIFORM, {"seed": 5}, "seed"),
        ([4, 3, 5], UNIFORM, {"stream": "v"}, "stream"),
        ([4, 3], "ones", {}, "shape and init"),
        ([4, 3, 5], "ones", {"name": "conv.bias"}, None),  # the norms of a tensor that another file holds
    ],
)
def test_norms_of_another_tensor_are_a_warning(
    shape: list[int], init: Any, options: dict[str, Any], differing: str | None
) -> None:
    beside = tensor(**{"name": "conv.original1", "shape": shape, "init": init, **options})
    found = lint.warnings(parse(of([4, 1, 1]), beside))
    about = [(one["tensor"], one["detail"]) for one in found if one["code"] == "other_norms"]
    detail = (
        f"the norms are not those of the original1 beside it, which has another {differing}: make them equal"
    )
    assert about == ([] if differing is None else [("conv.original0", detail)])
