"""Truncated normals: bounds in values, in deviations, and none at all."""

from __future__ import annotations

import json
import math
from typing import Any

import jax
import mpmath as mp
import numpy as np
import pytest
from scipy import stats

from tensorseed.errors import SpecError
from tensorseed.files.virtual_file import open_file
from tensorseed.sampling.distributions.trunc_normal import truncated_std
from tensorseed.spec.json.values import to_json
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_query, parse_spec
from tensorseed.spec.spec_token import decode_token, encode_token
from tests.tensorseed.draws import FLOATS, tensor_arrays
from tests.tensorseed.spec.test_spec import faults, linear, parse, tensor

NAMES = [dtype.name for dtype in FLOATS]


def truncated(**parameters: Any) -> dict[str, Any]:
    return {"kind": "trunc_normal", **parameters}


def drawn(init: Any, dtype: str = "float32", shape: tuple[int, ...] = (300, 200)) -> np.ndarray:
    ((_, values),) = tensor_arrays(open_file(parse(tensor(init=init, dtype=dtype, shape=list(shape)))))
    return values


def canonical(init: Any) -> Any:
    return json.loads(parse(tensor(init=init)).recipe)["layers"][0]["init"]


@pytest.mark.parametrize(
    ("init", "meaning"),
    [
        (truncated(cutoff=2), "trunc_normal"),
        (truncated(cutoff=2.0, std=0.02), truncated(std=0.02, a=-0.04, b=0.04)),
        (truncated(cutoff=3, std=0.1), truncated(std=0.1, a=-0.3, b=0.3)),
        (truncated(cutoff=3, std=0.1, mean=0.1), truncated(std=0.1, mean=0.1, a=-0.2, b=0.4)),
        (
            {"kind": "jax.truncated_normal", "stddev": 0.1, "lower": -3, "upper": 3},
            truncated(std=0.1, a=-0.3, b=0.3),
        ),
        (truncated(cutoff=1e-300, std=1e-30), truncated(std=1e-30, a=0, b=0)),
        (truncated(cutoff=2, mean=1, std=0.5), truncated(mean=1, std=0.5, a=0)),
        (truncated(cutoff=None), "trunc_normal"),
        (truncated(a=0, b="Infinity"), truncated(a=0, b="Infinity")),
        (truncated(a=0, b="inf"), truncated(a=0, b="Infinity")),
        (truncated(a="-inf"), truncated(a="-Infinity")),
        (truncated(a="-Infinity", b="Infinity"), "normal"),
        (truncated(a="-Infinity", b="+Infinity", mean=1, std=2), {"kind": "normal", "mean": 1, "std": 2}),
        (truncated(cutoff="Infinity", std=0.5), {"kind": "normal", "std": 0.5}),
        ({"kind": "variance_scaling", "cutoff": 2}, "variance_scaling"),
        ({"kind": "variance_scaling", "cutoff": 3}, {"kind": "variance_scaling", "cutoff": 3}),
    ],
)
def test_one_meaning_has_one_recipe(init: Any, meaning: Any) -> None:
    assert canonical(init) == meaning
    resolved = parse(tensor(init=init))
    assert resolved.recipe == parse(tensor(init=meaning)).recipe
    assert decode_token(encode_token(resolved), Limits()) == resolved


def test_queries_layers_and_python_say_the_same() -> None:
    query = {"shape": "2,3", "init": "trunc_normal", "name": "w", "a": "-1", "b": "inf"}
    spec = parse(tensor(init=truncated(a=-1, b="Infinity")))
    assert parse_query(query, Limits()) == spec
    assert parse_spec(to_json({"layers": [tensor(init=truncated(a=-1, b=math.inf))]}), Limits()) == spec
    short, long = truncated(std=0.02, cutoff=2), truncated(std=0.02, a=-0.04, b=0.04)
    assert parse(linear(init={"weight": short})).recipe == parse(linear(init={"weight": long})).recipe
    assert parse_query(
        {"shape": "2,3", "init": "trunc_normal", "name": "w", "std": "0.02", "cutoff": "2"}, Limits()
    ) == parse(tensor(init=long))


@pytest.mark.parametrize(
    ("init", "field", "detail"),
    [
        (truncated(cutoff=2, a=-1), "/cutoff", "takes the place of a and b: give cutoff alone"),
        (truncated(cutoff=2, b=2), "/cutoff", "takes the place of a and b"),
        (truncated(cutoff=0), "/cutoff", "cutoff must be greater than 0"),
        (truncated(cutoff="two"), "/cutoff", 'must be a number, or "Infinity"'),
        (truncated(cutoff=1e300, std=1e300), "/cutoff", "cutoff times std overflows"),
        (truncated(b="NaN"), "/b", 'must be a number, or "Infinity"'),
        (truncated(a="Infinity", b="Infinity"), "/a", "only a can be -Infinity"),
        (truncated(a=1e39, b="Infinity", std=1e38), "", "no float32 value lies in"),
        (truncated(b=1e39, std=1e38), "/b", "overflow float32"),
        (truncated(cutoff=9, std=1e38), "/std", "overflow float32"),
        ({"kind": "uniform", "b": "Infinity"}, "/b", "b must be a finite number"),
        ({"kind": "variance_scaling", "cutoff": 3, "distribution": "normal"}, "/cutoff", "truncated_normal"),
        ({"kind": "variance_scaling", "cutoff": 0}, "/cutoff", "at least 0.001"),
        ({"kind": "variance_scaling", "cutoff": 38}, "/cutoff", "at most 37"),
    ],
)
def test_what_has_no_meaning_is_refused(init: Any, field: str, detail: str) -> None:
    ((pointer, told),) = faults(tensor(init=init))
    assert pointer == f"/layers/0/init{field}"
    assert detail in told


def test_a_literal_infinity_of_json_is_named() -> None:
    text = json.dumps({"layers": [tensor(init=truncated(b=math.inf))]})
    with pytest.raises(SpecError, match='the string "Infinity" or "-Infinity"'):
        parse_spec(text.encode(), Limits())


@pytest.mark.parametrize("dtype", NAMES)
def test_a_bound_beyond_the_dtype_means_the_same_in_every_dtype(dtype: str) -> None:
    finite = drawn(truncated(a=-1, b=1e39), dtype, (40, 30))
    assert np.array_equal(finite, drawn(truncated(a=-1, b="Infinity"), dtype, (40, 30)))
    assert finite.min() >= -1
    assert finite.max() > 2


@pytest.mark.parametrize(("a", "b"), [(0.5, "Infinity"), ("-Infinity", -2.5), ("-Infinity", 1.5)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_one_sided_interval_has_scipys_distribution(a: Any, b: Any, dtype: str) -> None:
    reference = stats.truncnorm(float(a), float(b))
    values = drawn(truncated(a=a, b=b), dtype).ravel()
    assert stats.kstest(values, reference.cdf).pvalue > 1e-4
    found = parse(tensor(init=truncated(a=a, b=b))).tensors[0].distribution.moments((2, 3))
    assert found == pytest.approx((reference.mean(), reference.std()), rel=1e-6)


@pytest.mark.parametrize(("lower", "cutoff"), [(-2.0, 2), (-3.0, 3)])
def test_a_cutoff_is_that_of_jax(lower: float, cutoff: int) -> None:
    theirs = jax.nn.initializers.truncated_normal(0.05, lower=lower, upper=-lower)
    reference = np.asarray(theirs(jax.random.key(0), (300, 200)))
    ours = drawn(truncated(std=0.05, cutoff=cutoff))
    assert ours.std() == pytest.approx(reference.std(), rel=0.01)
    assert abs(ours).max() == pytest.approx(abs(reference).max(), rel=0.01)
    assert abs(ours).max() <= np.float32(cutoff * 0.05)


@pytest.mark.parametrize("cutoff", [0.001, 0.5, 2.0, 3.0, 6.0, 37.0])
def test_the_deviation_within_a_cutoff_is_the_nearest_number(cutoff: float) -> None:
    with mp.workdps(80):
        c = mp.mpf(cutoff)
        exact = mp.sqrt(1 - 2 * c * mp.npdf(c) / mp.erf(c / mp.sqrt(2)))
        assert truncated_std(cutoff) == float(exact)


@pytest.mark.parametrize("cutoff", [0.5, 2, 3])
def test_variance_scaling_keeps_its_variance_whatever_the_cutoff(cutoff: float) -> None:
    values = drawn({"kind": "variance_scaling", "scale": 2, "cutoff": cutoff})
    assert values.std() == pytest.approx(math.sqrt(2 / 200), rel=0.01)
    end = cutoff * math.sqrt(2 / 200) / truncated_std(cutoff)
    assert 0.98 * end < abs(values).max() <= np.float32(end)
