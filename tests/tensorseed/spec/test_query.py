"""Tensors by query parameters against JSON, and faults by parameter."""

from __future__ import annotations

from typing import Any

import pytest

from tensorseed.errors import SpecError
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_query
from tests.tensorseed.spec.test_spec import parse, tensor

LIMITS = Limits()


@pytest.mark.parametrize(
    ("params", "entry", "top"),
    [
        (
            {"shape": "256,784", "init": "xavier_uniform", "seed": "42"},
            tensor(name="weight", shape=[256, 784], init="xavier_uniform"),
            {"seed": 42},
        ),
        ({"shape": "", "init": "zeros", "name": "w"}, tensor(shape=[]), {}),
        (
            {"shape": "2,2", "init": "sinusoidal", "endpoint": "false"},
            tensor(name="weight", shape=[2, 2], init={"kind": "sinusoidal", "endpoint": False}),
            {},
        ),
        (
            {
                "shape": "2,3",
                "init": "he_normal",
                "nonlinearity": "relu",
                "dtype": "bfloat16",
                "device": "cpu",
            },
            tensor(name="weight", init={"kind": "kaiming_normal", "nonlinearity": "relu"}, dtype="bfloat16"),
            {"device": "cpu"},
        ),
        (
            {"shape": "2", "init": "values", "data": "[1, -2.5]", "generator": "philox"},
            tensor(name="weight", shape=[2], init={"kind": "values", "data": [1, -2.5]}),
            {},
        ),
    ],
)
def test_the_query_is_the_spec(params: dict[str, str], entry: Any, top: dict[str, Any]) -> None:
    assert parse_query(params, LIMITS) == parse(entry, **top)


@pytest.mark.parametrize(
    ("params", "pointer", "detail"),
    [
        ({"init": "zeros"}, "shape", "shape is required"),
        ({"shape": "2"}, "init", "init is required"),
        ({"shape": "2,x", "init": "zeros"}, "shape", "integer"),
        ({"shape": "2,,", "init": "zeros"}, "shape", "integer"),
        ({"shape": "-2", "init": "zeros"}, "shape", "at least 0"),
        ({"shape": "2", "init": "nope"}, "init", "unknown scheme"),
        ({"shape": "2", "init": "xavier_normal"}, "init", "two dimensions"),
        ({"shape": "2", "init": "normal", "std": "-1"}, "std", "at least 0"),
        ({"shape": "2", "init": "normal", "std": "x"}, "std", "must be a number"),
        ({"shape": "2", "init": "normal", "std": "1e999"}, "std", "must be a number"),
        ({"shape": "2", "init": "normal", "std": "NaN"}, "std", "must be a number"),
        ({"shape": "2", "init": "normal", "std": "1e300"}, "std", "overflow"),
        ({"shape": "2", "init": "uniform", "a": "2"}, "a", "a is greater than b"),
        ({"shape": "2", "init": "values", "data": "[1,2"}, "data", "not valid JSON"),
        ({"shape": "2", "init": "values", "data": "{}"}, "data", "not valid JSON"),
        ({"shape": "2", "init": "zeros", "name": "a{0..3}"}, "name", "braces are not allowed"),
        ({"shape": "2", "init": "normal", "foo": "1"}, "foo", "valid are shape, init"),
        ({"shape": "2", "init": "constant"}, "value", "value is required"),
        ({"shape": "2", "init": "values", "data": "[1,true]"}, "data", "numbers only"),
        ({"shape": "2,2", "init": "he_normal", "mode": "fan"}, "mode", "fan_in, fan_out"),
        ({"shape": "2", "init": "zeros", "seed": "-1"}, "seed", "0 to 18446744073709551615"),
        ({"shape": "2", "init": "zeros", "dtype": "int8"}, "dtype", "one of"),
        ({"shape": "2", "init": "zeros", "name": "\ud800"}, "name", "U+D800"),
        ({"shape": "2", "init": "zeros", "dtype": "\ud800"}, "dtype", "valid Unicode"),
        ({"shape": "9" * 30, "init": "zeros"}, "shape", "overflow"),
        ({"shape": "2", "init": "normal", "std": "9" * 400}, "std", "must be a number"),
        ({"shape": "2", "init": "zeros", "generator": "mt"}, "generator", "philox"),
        ({"shape": "2", "init": "zeros", "torch_version": "2.13.0"}, "torch_version", "leave it out"),
        ({"shape": "2", "init": "normal(std=0.1)"}, "init", "write init=normal&std=0.1"),
        ({"shape": "2", "init": '{"kind": "normal"}'}, "init", "write init=normal"),
        ({"shape": "2", "init": '{"kind":"uniform","a":-2}'}, "init", "write init=uniform&a=-2"),
        ({"shape": "2", "init": "xavier_normal:gain=2"}, "init", "write init=xavier_normal&gain=2"),
        ({"shape": "2", "init": "normal(0, 0.5)"}, "init", "write init=normal&mean=0&std=0.5"),
        ({"shape": "2", "init": "values(1,2,3)"}, "init", "write init=values"),
        ({"shape": "2", "init": '{"std": 0.5}'}, "init", "write init=normal&std=0.02"),
        ({"shape": "2,2", "init": "lecun_normal", "generator": "torch"}, "init", "torch has no lecun_normal"),
    ],
)
def test_faults_name_the_parameter(params: dict[str, str], pointer: str, detail: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_query(params, LIMITS)
    assert [fault.pointer for fault in caught.value.faults] == [pointer]
    assert detail in caught.value.faults[0].detail
