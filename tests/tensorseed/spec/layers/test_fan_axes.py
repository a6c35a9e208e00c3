"""`fan_axes`: spellings with one meaning, faults, and fans against JAX's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jax._src.nn.initializers import _compute_fans

import tensorseed
from tensorseed.spec.limits import Limits
from tensorseed.spec.schemes.fans import Fans
from tensorseed.spec.spec import parse_query, parse_spec
from tests.tensorseed.spec.test_spec import faults, parse, tensor

KERNEL = [4, 3, 8, 6]


EXPERTS = {"in": 1, "out": 2, "batch": 0}


def recipe(axes: Any, **fields: Any) -> str:
    return parse(tensor(shape=KERNEL, init="orthogonal", fan_axes=axes, **fields)).recipe


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ({"in": [1], "out": [0], "batch": [], "groups": 1}, None),
        ({"in": -3, "out": -4}, None),
        ({"in": [2], "out": -1, "groups": 1}, {"in": 2, "out": 3}),
        ({"in": [-1, 2], "out": 0, "batch": [1]}, {"batch": 1, "in": [2, 3], "out": 0}),
        ({"in": [2, 1], "out": [3, 0]}, {"in": [1, 2], "out": [0, 3]}),
        ({"in": [], "out": -1, "batch": -2}, {"batch": 2, "in": [], "out": 3}),
        ({"in": 2, "out": 3, "groups": 2}, {"groups": 2, "in": 2, "out": 3}),
        ({"in": 1, "out": 0, "groups": 2}, {"groups": 2, "in": 1, "out": 0}),
    ],
)
def test_one_meaning_has_one_recipe(written: Any, canonical: Any) -> None:
    found = recipe(written)
    (entry,) = json.loads(found)["layers"]
    assert entry.get("fan_axes") == canonical
    assert parse_spec(found.encode(), Limits()).recipe == found


def test_axes_of_several_indices_stay() -> None:
    """An orthogonal tensor is the same, and the fans of its plan are not. An axis of one index stays too."""
    one, other = (
        parse(tensor(shape=[3, 3, 6, 4], init="orthogonal", fan_axes={"in": inputs, "out": 3}))
        for inputs in (2, [0, 1, 2])
    )
    assert one.tensors[0].distribution == other.tensors[0].distribution
    assert (one.tensors[0].fans, other.tensors[0].fans) == (Fans(54, 36), Fans(54, 4))
    assert one.recipe != other.recipe
    assert (
        json.loads(parse(tensor(shape=[1, 6, 4], fan_axes=EXPERTS)).recipe)["layers"][0]["fan_axes"]
        == EXPERTS
    )


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((5, 7), {"in": 0, "out": 1}),
        ((3, 3, 16, 32), {"in": -2, "out": -1}),
        ((8, 256, 512), {"in": 1, "out": 2, "batch": 0}),
        ((32, 4, 8), {"in": 0, "out": [1, 2]}),
        ((4, 8, 32), {"in": [0, 1], "out": 2}),
        ((2, 3, 4, 5, 6), {"in": [0, 3], "out": 1, "batch": [2]}),
        ((3, 3, 16, 2), {"in": [], "out": 3, "batch": 2}),
        ((5, 7), {"in": 1, "out": []}),
    ],
)
def test_fans_are_jaxs(shape: tuple[int, ...], axes: dict[str, Any]) -> None:
    expected = _compute_fans(shape, axes["in"], axes["out"], axes.get("batch", ()))
    fans = parse(tensor(shape=list(shape), fan_axes=axes)).tensors[0].fans
    assert fans is not None
    assert (fans.fan_in, fans.fan_out) == expected


@pytest.mark.parametrize(
    ("shape", "axes", "expected"),
    [
        ([32, 1, 3, 3], {"in": 1, "out": 0}, (9, 288)),  # torch's
        ([32, 1, 3, 3], {"in": 1, "out": 0, "groups": 32}, (9, 9)),
        ([3, 3, 1, 64], {"in": 2, "out": 3, "groups": 32}, (9, 18)),
        ([3, 3, 32, 2], {"in": [], "out": 3, "batch": 2}, (9, 18)),
        ([32, 4, 3], {"in": 1, "out": 0, "groups": 8}, (12, 12)),
    ],
)
def test_fans_of_groups(shape: list[int], axes: Any, expected: tuple[int, int]) -> None:
    fans = parse(tensor(shape=shape, fan_axes=axes)).tensors[0].fans
    assert fans is not None
    assert (fans.fan_in, fans.fan_out) == expected


@pytest.mark.parametrize(
    ("axes", "pointer", "detail"),
    [
        ({"in": [0, 4], "out": 1}, "in/1", "axes -4 to 3"),
        ({"in": [0, -4], "out": 1}, "in/1", "in has this axis twice"),
        ({"in": 0, "out": 1, "batch": -3}, "", "out and batch are the same axis"),
        ({"in": [0, 1], "out": [1, 2]}, "", "in and out are the same axis"),
        ({"in": "0", "out": 1}, "in", r"several are a list of integers, such as [0, 1]"),
        ({"in": [0, True], "out": 1}, "in", "an axis is an integer"),
        ({"in": 0, "out": 1.0}, "out", "an axis is an integer"),
        ({"in": [[0]], "out": 1}, "in", "an axis is an integer"),
        ({"in": list(range(65)), "out": 1}, "in", "at most 64 axes"),
        ({"in": 0, "out": 1, "groups": 0}, "groups", "at least 1"),
        ({"in": 0, "out": 2, "groups": 3}, "groups", "divide the 8 outputs, 3 does not"),
        ({"in": 0, "out": [1, 2], "groups": 2}, "groups", "give out as one axis"),
        ({"in": 0, "out": 1, "bach": 2}, "bach", "did you mean batch"),
    ],
)
def test_faults(axes: Any, pointer: str, detail: str) -> None:
    ((where, sentence),) = faults(tensor(shape=KERNEL, fan_axes=axes))
    assert where == "/layers/0/fan_axes" + f"/{pointer}" * bool(pointer)
    assert detail in sentence


def test_by_query() -> None:
    fields = {"shape": "4,8,6", "init": "orthogonal"}
    axes = {"in": [1], "out": -1, "batch": 0}
    found = parse_query({**fields, "fan_axes": json.dumps(axes), "padding_idx": "-1"}, Limits())
    entry = tensor(name="weight", shape=[4, 8, 6], init="orthogonal", fan_axes=axes, padding_idx=3)
    assert found == parse(entry)
    for text, detail in [("{in:1}", 'such as {"in":-2,"out":-1}'), ('{"in":1}', "out is required")]:
        with pytest.raises(tensorseed.SpecError, match=detail) as caught:
            parse_query({**fields, "fan_axes": text}, Limits())
        assert caught.value.faults[0].pointer == "fan_axes"


@pytest.mark.parametrize(
    ("axes", "warned"),
    [
        ({"in": 1, "out": 0, "groups": 8}, False),  # each unit has an input of its own
        ({"in": 1, "out": 0, "groups": 4}, True),
        ({"in": 0, "out": []}, False),
        ({"in": [], "out": [0, 1]}, True),
    ],
)
def test_units_of_equal_weights(axes: Any, warned: bool) -> None:
    plan = tensorseed.open({"layers": [tensor(shape=[8, 2], init="ones", fan_axes=axes)]}).plan()
    assert [warning["code"] for warning in plan["warnings"]] == ["symmetric_rows"] * warned
