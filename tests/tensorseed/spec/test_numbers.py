"""Numbers that pass through a float: exact, or refused."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from tensorseed.errors import SpecError
from tensorseed.evaluations.optimizers import OPTIMIZERS
from tensorseed.evaluations.reader import read
from tensorseed.losses.registry import LOSSES
from tensorseed.losses.request import read_loss
from tensorseed.sampling.dtypes import TENSOR_DTYPES
from tensorseed.spec.json.numbers import MAX_CANDIDATES, InexactNumberError, check_numbers
from tensorseed.spec.json.structure import BLOCK_BYTES
from tensorseed.spec.json.text import load
from tensorseed.spec.layers import LAYERS
from tensorseed.spec.limits import Limits
from tensorseed.spec.modules import MODULES
from tensorseed.spec.numbers import inexact
from tensorseed.spec.schemes import SCHEME_CLASSES
from tensorseed.spec.spec import parse_query, parse_spec

MODELS: list[type[BaseModel]] = [
    *SCHEME_CLASSES,
    *LAYERS.values(),
    *MODULES.values(),
    *OPTIMIZERS.values(),
    *LOSSES.values(),
]
LACKING = 2**53 + 1  # the first that float64 lacks
MAX_WITHOUT_ROUNDING = 2**53


def floats() -> Iterator[Any]:
    """The fields of all models that may hold a float of this size."""
    for model in MODELS:
        for name, field in model.model_fields.items():
            form = unbounded_form(field) if float in parts(field.annotation) else None
            if form is not None:
                yield pytest.param(field, form, id=f"{model.__name__}.{name}")


def parts(annotation: Any) -> set[Any]:
    return {annotation} | {part for inner in get_args(annotation) for part in parts(inner)}


def unbounded_form(field: FieldInfo) -> str | None:
    """The form in which the field takes a float as large as an integer that float64 lacks, or None."""
    adapter = TypeAdapter(field.rebuild_annotation())
    for form in ("{0}", "[{0}]", "[{0},{0}]"):
        try:
            adapter.validate_json(form.format(1e16), strict=True)
            return form
        except ValidationError:
            pass
    return None


def test_there_are_such_fields() -> None:
    assert len([*floats()]) > 60


@pytest.mark.parametrize(("field", "form"), [*floats()])
def test_a_float_of_any_model_takes_exact_integers_alone(field: FieldInfo, form: str) -> None:
    adapter = TypeAdapter(field.rebuild_annotation())
    adapter.validate_json(form.format(LACKING - 1), strict=True)
    adapter.validate_json(form.format(f"{LACKING - 1}.0"), strict=True)
    with pytest.raises(ValidationError, match=f"float64 has no {LACKING}"):
        adapter.validate_json(form.format(LACKING), strict=True)


def resolved(init: Any, *, dtype: str = "int64", shape: str = "[2]", top: str = "") -> Any:
    layer = f'{{"name":"w","type":"Tensor","dtype":"{dtype}","shape":{shape},"init":{init}}}'
    return parse_spec(f'{{{top}"layers":[{layer}]}}'.encode(), Limits())


WAYS = {
    "constant": '{"kind":"constant","value":%s}',
    "values": '{"kind":"values","data":[1,%s]}',
}
EXACT = [
    "0",
    "-1",
    "1.0",
    "1e3",
    "4503599627370497",
    "9007199254740991",
    "9007199254740992",
    "-9007199254740992",
    "9007199254740992.0",
]
REFUSED = [
    "0.5",
    "5e-324",
    "9007199254740993",
    "-9007199254740993",
    "9007199254740993.0",
    "9007199254740994",
    "9223372036854775807",
    "-9223372036854775809",
    "18446744073709551617",
    "1e-400",
    "1e400",
    "1" * 30,
    "1" * 400,
    "1" * 5_000,
    "true",
    '"1"',
    "null",
]


@pytest.mark.parametrize("number", EXACT)
@pytest.mark.parametrize("way", WAYS)
def test_an_int64_holds_the_very_integer(way: str, number: str) -> None:
    found = resolved(WAYS[way] % number)
    distribution = found.tensors[0].distribution
    value = distribution.value if way == "constant" else distribution.data[-1]
    assert value == (int(number) if number.lstrip("-").isdecimal() else float(number))
    assert parse_spec(found.recipe.encode(), Limits()) == found


@pytest.mark.parametrize("number", REFUSED)
@pytest.mark.parametrize("way", WAYS)
def test_an_int64_holds_no_other_number(way: str, number: str) -> None:
    with pytest.raises(SpecError):
        resolved(WAYS[way] % number)


@pytest.mark.parametrize(
    "number", ["9007199254740993", "18446744073709551617", "9007199254740993.0", "1e-400"]
)
@pytest.mark.parametrize("dtype", [name for name in TENSOR_DTYPES if name not in ("int64", "bool")])
def test_a_number_that_float64_lacks_is_refused_in_every_dtype(dtype: str, number: str) -> None:
    for way in WAYS.values():
        with pytest.raises(SpecError):
            resolved(way % number, dtype=dtype)


@pytest.mark.parametrize(
    ("query", "exact"),
    [
        ({"init": "constant", "value": "9007199254740992"}, True),
        ({"init": "constant", "value": "9007199254740993"}, False),
        ({"init": "constant", "value": "18446744073709551617"}, False),
        ({"init": "constant", "value": "18446744073709551616"}, True),
        ({"init": "constant", "value": "9007199254740993.0"}, False),
        ({"init": "constant", "value": "1e-400"}, False),
        ({"init": "values", "data": "[1,9007199254740993]"}, False),
        ({"init": "values", "data": "[1,18446744073709551617]"}, False),
        ({"init": "normal", "std": "9007199254740993"}, False),
        ({"init": "zeros", "seed": "9007199254740993"}, True),
        ({"init": "zeros", "seed": "18446744073709551615"}, True),
        ({"init": "zeros", "seed": "18446744073709551616"}, False),
        ({"init": "zeros", "seed": "-1"}, False),
        ({"init": "zeros", "seed": "1e3"}, False),
        ({"init": "zeros", "seed": "1.0"}, False),
        ({"init": "zeros", "seed": "0x10"}, True),
        ({"init": "zeros", "seed": "true"}, False),
        ({"init": "zeros", "seed": "1_000"}, True),
        ({"init": "zeros", "seed": "٣"}, False),
        ({"init": "zeros", "seed": "1" * 5_000}, False),
        ({"init": "zeros", "shape": "4.0"}, False),
        ({"init": "zeros", "shape": "1e3"}, False),
        ({"init": "zeros", "shape": "9223372036854775808"}, False),
        ({"init": "zeros", "shape": "1" * 5_000}, False),
        ({"init": "zeros", "shape": "٣"}, False),
        ({"init": "dirac", "shape": "4,4,3", "groups": "2.0"}, False),
    ],
)
def test_a_query_is_exact_or_refused(query: dict[str, str], exact: bool) -> None:
    asked = {"shape": "2", **query}
    if not exact:
        with pytest.raises(SpecError):
            parse_query(asked, Limits())
        return
    found = parse_query(asked, Limits())
    assert found.seed == int(query.get("seed", "0"), 0)
    if "value" in query:
        assert found.tensors[0].distribution.value == int(query["value"])  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "seed", ["1e3", "1.0", "true", "-1", "18446744073709551616", "18446744073709551617", '"0x10"']
)
def test_a_seed_is_an_integer_of_64_bits(seed: str) -> None:
    with pytest.raises(SpecError):
        resolved('"zeros"', top=f'"seed":{seed},')


@pytest.mark.parametrize("seed", [0, 2**53 + 1, 2**63, 2**64 - 1])
def test_a_seed_is_the_very_integer(seed: int) -> None:
    for text in (str(seed), f'"{seed}"'):
        assert resolved('"zeros"', top=f'"seed":{text},').seed == seed


@pytest.mark.parametrize("size", ["1e3", "4.0", "true", '"4"', "9223372036854775808", "18446744073709551617"])
def test_a_dimension_is_an_integer(size: str) -> None:
    with pytest.raises(SpecError):
        resolved('"zeros"', shape=f"[{size}]")


def loss(**fields: str) -> Any:
    members = {"input": "[1.5, 2]", "target": "[1, 2]", **fields}
    body = ",".join(f'"{name}":{value}' for name, value in members.items())
    return read_loss("huber_loss", load(f"{{{body}}}".encode()), Limits())


@pytest.mark.parametrize(
    "fields",
    [
        {"input": "[9007199254740993, 1]"},
        {"input": '["NaN", 9007199254740993]'},
        {"input": "[18446744073709551617, 1]"},
        {"target": "[1, 9007199254740993.0]"},
        {"target": "[1, 1e-400]"},
        {"delta": "9007199254740993"},
    ],
)
def test_a_loss_refuses_what_float64_lacks(fields: dict[str, str]) -> None:
    with pytest.raises(SpecError, match=r"float64"):
        loss(**fields)
    loss(input="[9007199254740994, 1]", dtype='"float64"')


def evaluation(**fields: Any) -> Any:
    document = {
        "layers": [{"name": "a", "type": "Linear", "in_features": 3, "out_features": 2}],
        "input": {"shape": [4, 3], "init": "normal"},
        "target": {"classes": 2},
        "loss": "cross_entropy",
        **fields,
    }
    return read(json.dumps(document).encode(), Limits())


@pytest.mark.parametrize(
    "fields",
    [
        {"optimizer": {"kind": "SGD", "lr": LACKING}},
        {"optimizer": {"kind": "Adam", "betas": [0, LACKING]}},
        {"steps": 1.0},
        {"steps": 10**30},
        {"smoothing": LACKING},
        {"input": {"data": [[LACKING, 1, 2]]}},
        {"target": {"data": [1.0] * 4}},
        {"seed": 1.0},
        {"seed": 2**64 + 1},
        {"loss": {"kind": "cross_entropy", "ignore_index": 2**63}},
        {"loss": {"kind": "cross_entropy", "ignore_index": -(2**63) - 1}},
        {"loss": {"kind": "cross_entropy", "weight": [LACKING, 1]}},
        {"compare": [{"seed": 1.0}]},
        {"compare": [{"init": {"weight": {"kind": "normal", "std": LACKING}}}]},
    ],
    ids=json.dumps,
)
def test_an_evaluation_is_exact_or_refused(fields: dict[str, Any]) -> None:
    evaluation()
    with pytest.raises(SpecError):
        evaluation(**fields)


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        (b"18446744073709551617", [""]),
        (b"18446744073709551615", []),
        (b"-9223372036854775808", []),
        (b"-9223372036854775809", [""]),
        (b"18446744073709551616", []),
        (b'[1, {"a": 36893488147419103233}]', ["/1/a"]),
        (b'{"18446744073709551617": "18446744073709551617 \\" 18446744073709551617"}', []),
        (b'{"a/b": [9007199254740993.00]}', ["/a~1b/0"]),
        (b"[9007199254740993.5, 9007199254740992.0, 9007199254740993e0, 0e-400, 1e-320]", []),
        (b"[1e-400, -1E-400, 1e-0000400, 0." + b"0" * 400 + b"1]", ["/0", "/1", "/2", "/3"]),
        (b"[" + b"0." + b"1" * 400 + b"]", []),
        (b'["' + b"1" * BLOCK_BYTES + b'", 18446744073709551617]', ["/1"]),
        (b"[" + b"1," * (BLOCK_BYTES // 2 - 5) + b"18446744073709551617, 18446744073709551619]", None),
    ],
)
def test_the_parser_changes_no_number(text: bytes, paths: list[str] | None) -> None:
    if paths == []:
        check_numbers(text)
        return
    with pytest.raises(InexactNumberError) as caught:
        check_numbers(text)
    places = [fault.pointer for fault in caught.value.faults]
    first = BLOCK_BYTES // 2 - 5
    assert places == (paths or [f"/{first}", f"/{first + 1}"])


def test_a_body_of_many_long_numbers_is_refused_soon() -> None:
    with pytest.raises(SpecError, match="round them to 17 digits"):
        check_numbers(b"[" + b",".join([b"18446744073709551616"] * (MAX_CANDIDATES + 1)) + b"]")


def test_an_integer_is_inexact_where_float_changes_it() -> None:
    for number in (0, 2**53, 2**53 + 2, -(2**60), 10**22, 10**400):
        assert inexact(number) is None
    for number in (2**53 + 1, -(2**53) - 1, 10**23, 2**64 - 1):
        assert f"write {int(float(number))}" in (inexact(number) or "")
    assert math.isfinite(float(10**23))
