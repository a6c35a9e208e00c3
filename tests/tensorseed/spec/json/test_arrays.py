"""Numbers as JSON are exact, and words where JSON has no number."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.spec.json.arrays import to_json_lists


def test_numbers_that_are_not_finite_are_strings() -> None:
    array = np.array([[np.nan, np.inf], [-np.inf, 0.1]])
    assert to_json_lists(array, "float64") == [["NaN", "Infinity"], ["-Infinity", 0.1]]
    assert to_json_lists(np.array(np.nan), "float64") == "NaN"


@pytest.mark.parametrize(("shape", "expected"), [((0,), []), ((2, 0), [[], []]), ((0, 2), [])])
def test_empty_arrays(shape: tuple[int, ...], expected: Any) -> None:
    assert to_json_lists(np.empty(shape), "float32") == expected


def test_integers_stay_integers() -> None:
    assert to_json_lists(np.array([2.0, -1.0]), "int64") == [2, -1]
    assert type(to_json_lists(np.array(2.0), "int64")) is int


@given(st.floats())
def test_any_number_comes_back(number: float) -> None:
    read = orjson.loads(orjson.dumps(to_json_lists(np.array([number]), "float64")))[0]
    back = float(read.replace("Infinity", "inf")) if isinstance(read, str) else read
    assert np.float64(back).tobytes() == np.float64(number).tobytes() or np.isnan(back) == np.isnan(number)
