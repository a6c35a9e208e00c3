"""Canonical recipe: one text for equivalent specs, others otherwise."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.spec.canonical import number
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec
from tests.tensorseed.spec.test_spec import conv, linear, parse, tensor

NUMBERS = st.floats(-1e30, 1e30)
INITS = st.one_of(
    st.sampled_from(["zeros", "xavier_uniform", "glorot_uniform", "he_normal", "lecun_normal"]),
    st.builds(lambda mean, std: {"kind": "normal", "mean": mean, "std": std}, NUMBERS, st.floats(0, 1e30)),
    st.builds(lambda value: {"kind": "constant", "value": value}, NUMBERS | st.integers(-(2**60), 2**60)),
    st.builds(
        lambda a: {"kind": "kaiming_uniform", "a": a, "nonlinearity": "leaky_relu"}, st.floats(-10, 10)
    ),
)
DTYPES = st.sampled_from([None, "float64", "float32", "bfloat16"])
ENTRIES = st.one_of(
    st.builds(
        lambda init, dtype: {"type": "Tensor", "shape": [2, 3], "init": init, "dtype": dtype}, INITS, DTYPES
    ),
    st.builds(
        lambda weight, bias, dtype: linear(init={"weight": weight} if bias else {}, bias=bias, dtype=dtype),
        INITS,
        st.booleans(),
        DTYPES,
    ),
)


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    entries = draw(st.lists(ENTRIES, max_size=6))
    names = draw(st.permutations(["a", "b.0", "b.1", "b.{3..5}.x.{0..1}", "c1{0..2}", "c.08"]))
    layers = [{**entry, "name": name} for entry, name in zip(entries, names, strict=False)]
    return {"layers": layers, "dtype": draw(DTYPES) or "float32", "seed": draw(st.integers(0, 2**64 - 1))}


@given(specs(), st.randoms())
def test_the_recipe_is_its_own_recipe(spec: dict[str, Any], chance: random.Random) -> None:
    resolved = parse_spec(json.dumps(spec).encode(), Limits())
    again = parse_spec(resolved.recipe.encode(), Limits())
    assert again == resolved
    chance.shuffle(spec["layers"])
    assert parse_spec(json.dumps(spec).encode(), Limits()).recipe == resolved.recipe


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([tensor(name="a.{0..1}")], [tensor(name="a.1"), tensor(name="a.0")]),
        ([tensor(name="a1{0..1}")], [tensor(name="a{10..11}")]),
        ([tensor(init="glorot_normal")], [tensor(init={"kind": "xavier_normal", "gain": 1})]),
        (
            [tensor(init={"kind": "normal", "std": 2})],
            [tensor(init={"kind": "normal", "std": 2.0, "mean": 0.0})],
        ),
        ([tensor(stream="w")], [tensor()]),
        ([tensor(name="a.{0..0}", stream="a.0")], [tensor(name="a.0")]),
        (
            [tensor(name="a.{0..1}", stream="a.0")],
            [tensor(name="a.0"), tensor(name="a.1", stream="a.0")],
        ),
        (
            [tensor(init={"kind": "he_normal", "a": 3, "nonlinearity": "relu"})],
            [tensor(init={"kind": "he_normal", "nonlinearity": "relu"})],
        ),
        (
            [
                tensor(),
                {"name": "n", "type": "LayerNorm", "normalized_shape": 3, "elementwise_affine": False},
            ],
            [tensor()],
        ),
        ([tensor(fan_axes={"in": -1, "out": 0})], [tensor()]),
        ([tensor(padding_idx=-1)], [tensor(padding_idx=1)]),
        ([tensor(fan_axes={"in": -2, "out": -1})], [tensor(fan_axes={"in": 0, "out": 1})]),
        ([linear()], [linear(bias=True, init={})]),
        ([linear()], [linear(init={"weight": {"kind": "he_uniform", "a": 5**0.5}})]),
        ([conv(kernel_size=[3, 3])], [conv(stride=1)]),
        (
            [tensor(init={"kind": "values", "data": [[1, 2, 3]] * 2})],
            [tensor(init={"kind": "values", "data": [[1.0, 2, 3]] * 2})],
        ),
    ],
)
def test_equal_meanings(one: list[Any], other: list[Any]) -> None:
    assert parse(*one).recipe == parse(*other).recipe
    made, again = ([t._replace(default=False) for t in parse(*layers).tensors] for layers in (one, other))
    assert made == again  # but for who asked for the init


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (tensor(init={"kind": "constant", "value": 0.0}), tensor(init={"kind": "constant", "value": -0.0})),
        (tensor(init={"kind": "normal", "mean": -0.0}), tensor(init="normal")),
        (tensor(shape=[2, 3]), tensor(shape=[3, 2])),
        (tensor(name="a.1"), tensor(name="a.01")),
        (tensor(), tensor(stream="v")),
        (linear(), linear(init={"bias": "zeros"})),
        (linear(), linear(dtype="float64")),
        (tensor(init="zeros"), tensor(init="ones")),
    ],
)
def test_different_meanings(one: Any, other: Any) -> None:
    assert parse(one).recipe != parse(other).recipe


def test_minus_zero_does_not_hide_behind_an_equal_entry() -> None:
    entries = [
        tensor(name=f"w.{i}", init={"kind": "constant", "value": value})
        for i, value in enumerate([0.0, -0.0])
    ]
    assert [str(t.distribution.value) for t in parse(*entries).tensors] == ["0.0", "-0.0"]  # type: ignore[union-attr]


def test_the_dtype_of_the_spec_is_written_per_entry() -> None:
    assert parse(tensor(), dtype="float16").recipe == parse(tensor(dtype="float16")).recipe
    assert parse(tensor(dtype="float32"), dtype="float16").recipe == parse(tensor()).recipe


def test_device_does_not_matter() -> None:
    assert parse(tensor(), device="cpu").recipe == parse(tensor(), device="cuda:1").recipe


def test_the_text() -> None:
    resolved = parse(
        linear(init={"weight": "he_normal"}), tensor(name="é", init={"kind": "normal", "std": 0.02}), seed=7
    )
    assert resolved.recipe == (
        '{"layers":['
        '{"in_features":3,"init":{"weight":"kaiming_normal"},"name":"fc","out_features":2,"type":"Linear"},'
        '{"init":{"kind":"normal","std":0.02},"name":"é","shape":[2,3],"type":"Tensor"}'
        '],"seed":"7"}'
    )


def test_a_name_that_looks_like_the_text_around_it() -> None:
    awkward = tensor(name='"name":0', stream='","name":0')
    assert [t.name for t in parse(awkward).tensors] == ['"name":0']
    assert json.loads(parse(awkward).recipe)["layers"] == [awkward]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_survive(value: float) -> None:
    assert str(float(json.loads(json.dumps(number(value))))) == str(value)
