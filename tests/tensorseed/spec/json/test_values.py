"""JSON of documents of Python."""

from __future__ import annotations

import doctest
import json
import math
from types import MappingProxyType
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from tensorseed.errors import SpecError
from tensorseed.spec.json import values as json_values
from tensorseed.spec.json.values import to_json


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"a": [1, 1.0, -0.0, True, None, "ä"]}, {"a": [1, 1.0, -0.0, True, None, "ä"]}),
        ({"a": (np.int64(3), np.float32(0.5), np.bool(True))}, {"a": [3, 0.5, True]}),
        ({"a": np.arange(4).reshape(2, 2)}, {"a": [[0, 1], [2, 3]]}),
        ({"a": np.array([0.5], ml_dtypes.bfloat16)}, {"a": [0.5]}),
        (MappingProxyType({"a": MappingProxyType({"b": ()})}), {"a": {"b": []}}),
        ({"a": 10**300, "b": [np.str_("c")]}, {"a": 10**300, "b": ["c"]}),
    ],
)
def test_values_of_numpy_and_mappings_are_those_of_json(document: Any, expected: Any) -> None:
    text = to_json(document)
    assert json.dumps(json.loads(text)) == json.dumps(expected)


@pytest.mark.parametrize(
    ("document", "pointers", "words"),
    [
        ({"a": [1.0, math.nan]}, ["/a/1"], "must be a finite number"),
        ({"a": np.array([math.inf, 1.0])}, ["/a/0"], "must be a finite number"),
        ({"a": 10**5000}, ["/a"], "must be a finite number"),
        ({"a/b": {1, 2}, "c": b""}, ["/a~1b", "/c"], "has no JSON"),
        ({"a": object()}, ["/a"], "type object has no JSON"),
        ({"a": {1: np.int64(1)}}, ["/a"], "write '1' for 1"),
    ],
)
def test_a_value_that_json_lacks_is_a_fault(document: Any, pointers: list[str], words: str) -> None:
    with pytest.raises(SpecError) as raised:
        to_json(document)
    assert [fault.pointer for fault in raised.value.faults] == pointers
    assert words in raised.value.faults[0].detail


def test_a_document_within_itself_is_refused() -> None:
    endless: dict[str, Any] = {}
    endless["a"] = [endless]
    with pytest.raises(SpecError, match="nested too deeply"):
        to_json(endless)


def test_the_examples_of_the_docstrings() -> None:
    assert doctest.testmod(json_values).attempted > 0
    assert doctest.testmod(json_values).failed == 0


def test_dtypes_are_names() -> None:
    jnp, torch = pytest.importorskip("jax.numpy"), pytest.importorskip("torch")
    dtypes = [np.float32, np.dtype("float16"), jnp.bfloat16, jnp.float32, torch.float64]
    names = ["float32", "float16", "bfloat16", "float32", "torch.float64"]
    assert json.loads(to_json({"dtypes": dtypes})) == {"dtypes": names}
    with pytest.raises(SpecError, match="has no JSON"):
        to_json({"dtype": float})
