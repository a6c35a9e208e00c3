"""Lazy arrays: indices, dtypes, costs."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import tensorseed
from tensorseed.weights import gathering, local
from tests.tensorseed.weights.specs import SPEC, one

CUBE = tensorseed.open(SPEC)["cube"]
WHOLE = np.asarray(CUBE)
DTYPES = {
    "float64": np.float64,
    "float32": np.float32,
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
    "float8_e4m3fn": ml_dtypes.float8_e4m3fn,
    "float8_e5m2": ml_dtypes.float8_e5m2,
}

parts = st.integers(-5, 4) | st.slices(7) | st.none()


@given(st.lists(parts, max_size=3).map(tuple) | parts)
def test_an_index_reads_what_numpy_reads(index: Any) -> None:
    found, expected = CUBE[index], WHOLE[index]
    assert type(found) is type(expected)
    assert found.shape == expected.shape
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(
    "index",
    [
        ...,
        (..., 0),
        (0, ..., slice(1, 3)),
        (None, ..., None, 0),
        (),
        [1, 3, 1],
        np.array([4, 0]),
        (slice(None), [1, 2], 0),
        WHOLE > 0,
        np.int64(2),
        True,
    ],
    ids=repr,
)
def test_every_other_index_reads_what_numpy_reads(index: Any) -> None:
    assert np.array_equal(CUBE[index], WHOLE[index])


@st.composite
def arrays(draw: Any, size: int) -> Any:
    """An array or a list of positions in a dimension, or a mask of it."""
    if draw(st.booleans()):
        return np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)))
    found = draw(st.lists(st.integers(-size, size - 1), max_size=4))
    return draw(st.sampled_from([found, np.array(found, np.int16), np.array(found, np.int64)[:, None]]))


@given(st.data(), st.sampled_from([0, 1, 1 << 14]), st.sampled_from([1, 1 << 22]))
def test_arrays_read_what_numpy_reads(data: Any, min_unread: int, max_elements: int) -> None:
    index: list[Any] = [
        data.draw(arrays(size) | st.slices(size) | st.integers(-size, size - 1) | st.just(None))
        for size in CUBE.shape
    ]
    index.insert(data.draw(st.integers(0, 3)), data.draw(st.sampled_from([None, ...])))
    given_index = tuple(index[: data.draw(st.integers(1, 4))])
    try:
        expected = WHOLE[given_index]
    except IndexError:  # shapes that do not broadcast, or an empty array of floats
        with pytest.raises(IndexError):
            CUBE[given_index]
        return
    with pytest.MonkeyPatch.context() as patch:
        for module in (gathering, local):
            patch.setattr(module, "MIN_UNREAD", min_unread)
        patch.setattr(local, "MAX_BLOCK_ELEMENTS", max_elements)
        found = CUBE[given_index]
    assert type(found) is type(expected)
    assert found.shape == expected.shape
    assert np.array_equal(found, expected)


UNFIT = [5, -6, (0, 0, 7), (0, 0, 0, 0), (..., ...), (0, ..., 0, 0, 0), "fc", 1.5, [9], (None, 0, 0, 0, 0)]


@pytest.mark.parametrize("index", UNFIT, ids=repr)
def test_an_index_that_does_not_fit_is_refused(index: Any) -> None:
    with pytest.raises(IndexError):
        WHOLE[index]
    with pytest.raises(IndexError):
        CUBE[index]


def test_rows_are_read_in_turn() -> None:
    assert np.array_equal(list(CUBE), WHOLE)
    with pytest.raises(TypeError, match="without dimensions"):
        iter(tensorseed.open(SPEC)["scalar"])


def test_tensors_without_elements_or_dimensions() -> None:
    weights = tensorseed.open(SPEC)
    assert weights["empty"][1:].shape == (2, 0)
    assert np.asarray(weights["scalar"]).shape == ()
    assert weights["scalar"][()] == np.asarray(weights["scalar"])


def test_a_slice_costs_what_it_selects() -> None:
    huge = one("float32", [1 << 23, 1 << 24])
    assert huge[-1, -3:].shape == (3,)
    assert huge[7, :: 1 << 14].size == 1 << 10
    assert huge[None, 0, :2, None].shape == (1, 2, 1)
    with pytest.raises(IndexError, match="only integers"):
        huge["fc"]
    assert np.array_equal(huge[[9, 1 << 22, 9], 5:8], [huge[9, 5:8], huge[1 << 22, 5:8], huge[9, 5:8]])
    assert np.array_equal(huge[7, [1 << 23, 3]], [huge[7, 1 << 23], huge[7, 3]])
    assert np.array_equal(huge[[1 << 22, 3], [8, 9]], [huge[1 << 22, 8], huge[3, 9]])
    points = np.array([[5, 9], [9, 1 << 22]]), np.array([[1 << 23, 0], [1 << 23, 3]])
    each = [
        [huge[int(row), int(column)] for row, column in zip(*pair, strict=True)]
        for pair in zip(*points, strict=True)
    ]
    assert np.array_equal(huge[points], each)
    assert np.array_equal(huge[points[0], None, points[1]], np.expand_dims(each, -1))
    assert np.array_equal(huge[np.array(5), torch.tensor([2, 1])], huge[5, 2:0:-1])
    assert huge[np.array(5), torch.tensor(3)] == huge[5, 3]
    corners = huge[:: (1 << 23) - 1, :: -(1 << 24) + 1]
    assert corners.shape == (2, 2)
    assert corners[0, 1] == huge[0, 0]
    assert corners[1, 0] == huge[-1, -1]


def test_large_arrays_are_computed_on_all_threads() -> None:
    large = one("float64", [300, 2_000])
    whole = np.asarray(large)
    assert whole.std() == pytest.approx(1, rel=0.01)
    assert np.array_equal(large[3], whole[3])
    assert np.array_equal(large[:, 7:1999], whole[:, 7:1999])
    assert np.array_equal(large[::-1, ::2], whole[::-1, ::2])


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype(dtype: str) -> None:
    array, exact = one(dtype, [500]), np.asarray(one("float64", [500]))
    assert array.dtype == DTYPES[dtype]
    values = array[...].astype(np.float64)
    assert np.allclose(values, np.asarray(one("float32", [500])), rtol=0.13, atol=0.02) or dtype == "float64"
    assert (dtype != "float64") or np.array_equal(values, exact)
    assert array.bits.dtype == np.dtype(f"u{array[...].itemsize}")
    assert np.array_equal(array.bits[3:5], array[3:5].view(array.bits.dtype))
    assert repr(array.bits) == f"LazyArray('w', shape=(500,), dtype=bits of {dtype})"


def test_a_dtype_that_numpy_lacks_is_refused_without_ml_dtypes() -> None:
    code = (
        "import sys; sys.modules['ml_dtypes'] = None\n"
        "import tensorseed\n"
        "entry = {'name': 'w', 'type': 'Tensor', 'shape': [3], 'init': 'normal', 'dtype': 'bfloat16'}\n"
        "array = tensorseed.open({'layers': [entry]})['w']\n"
        "print(array, array.bits[0] > 0)\n"
        "try:\n    array[0]\nexcept tensorseed.UnrepresentableError as error:\n    print(error)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.splitlines() == [
        "LazyArray('w', shape=(3,), dtype=bfloat16) True",
        "numpy has no bfloat16: install ml_dtypes, or read the bits of the array, .bits[...]",
    ]


def test_an_array_is_never_a_view() -> None:
    assert np.asarray(CUBE, np.float64).dtype == np.float64
    assert np.array(CUBE, copy=True).base is not WHOLE
    with pytest.raises(ValueError, match="without a copy"):
        np.array(CUBE, copy=False)
