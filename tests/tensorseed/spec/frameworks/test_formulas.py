"""Initializers of frameworks that are not installed, by their formulas."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from tensorseed.sampling.distributions import TruncNormal, Uniform
from tensorseed.spec.frameworks import FRAMEWORKS
from tests.tensorseed.spec.test_spec import faults, parse, tensor

INPUTS, OUTPUTS = 300, 500  # of a weight (500, 300), and of TensorFlow's (300, 500)
AVERAGE = (INPUTS + OUTPUTS) / 2
CUT = 0.8796256610342398  # deviation of a standard normal within ±2


def uniform(low: float, high: float) -> tuple[float, float, float, float]:
    """Mean, deviation and bounds."""
    return (low + high) / 2, (high - low) / math.sqrt(12), low, high


def around(bound: float) -> tuple[float, float, float, float]:
    return uniform(-bound, bound)


def normal(mean: float, std: float) -> tuple[float, float, float, float]:
    return mean, std, -math.inf, math.inf


def truncated(mean: float, std: float) -> tuple[float, float, float, float]:
    return mean, std * CUT, mean - 2 * std, mean + 2 * std


def fixed(value: float) -> tuple[float, float, float, float]:
    return value, 0.0, value, value


ORTHOGONAL = normal(0.0, 1 / math.sqrt(OUTPUTS))
IDENTITY = (1 / OUTPUTS, math.sqrt(1 / OUTPUTS - 1 / OUTPUTS**2), 0.0, 1.0)

CASES: list[tuple[str, dict[str, Any], tuple[float, float, float, float]]] = [
    ("tf.zeros_initializer", {}, fixed(0.0)),
    ("tf.ones_initializer", {}, fixed(1.0)),
    ("tf.constant_initializer", {}, fixed(0.0)),
    ("tf.constant_initializer", {"value": 0.5}, fixed(0.5)),
    ("tf.random_uniform_initializer", {}, uniform(0.0, 1.0)),
    ("tf.random_uniform_initializer", {"minval": -2, "maxval": 3}, uniform(-2.0, 3.0)),
    ("tf.random_normal_initializer", {}, normal(0.0, 1.0)),
    ("tf.random_normal_initializer", {"mean": 1, "stddev": 0.1}, normal(1.0, 0.1)),
    ("tf.truncated_normal_initializer", {}, truncated(0.0, 1.0)),
    ("tf.truncated_normal_initializer", {"mean": 1, "stddev": 0.1}, truncated(1.0, 0.1)),
    ("tf.variance_scaling_initializer", {}, truncated(0.0, 1 / math.sqrt(INPUTS) / CUT)),
    ("tf.glorot_uniform_initializer", {}, around(math.sqrt(6 / (INPUTS + OUTPUTS)))),
    ("tf.glorot_normal_initializer", {}, truncated(0.0, math.sqrt(1 / AVERAGE) / CUT)),
    ("tf.uniform_unit_scaling_initializer", {"factor": 1.43}, around(1.43 * math.sqrt(3 / INPUTS))),
    ("tf.orthogonal_initializer", {}, ORTHOGONAL),
    ("tf.identity_initializer", {}, IDENTITY),
    ("caffe.constant", {}, fixed(0.0)),
    ("caffe.uniform", {}, uniform(0.0, 1.0)),
    ("caffe.uniform", {"min": -1, "max": 2}, uniform(-1.0, 2.0)),
    ("caffe.gaussian", {}, normal(0.0, 1.0)),
    ("caffe.gaussian", {"std": 0.01}, normal(0.0, 0.01)),
    ("caffe.xavier", {}, around(math.sqrt(3 / INPUTS))),
    ("caffe.xavier", {"variance_norm": "FAN_OUT"}, around(math.sqrt(3 / OUTPUTS))),
    ("caffe.xavier", {"variance_norm": "AVERAGE"}, around(math.sqrt(3 / AVERAGE))),
    ("caffe.msra", {}, normal(0.0, math.sqrt(2 / INPUTS))),
    ("caffe.msra", {"variance_norm": "FAN_OUT"}, normal(0.0, math.sqrt(2 / OUTPUTS))),
    ("caffe.msra", {"variance_norm": "AVERAGE"}, normal(0.0, math.sqrt(2 / AVERAGE))),
    ("caffe2.ConstantFill", {"value": 2}, fixed(2.0)),
    ("caffe2.UniformFill", {}, uniform(0.0, 1.0)),
    ("caffe2.GaussianFill", {}, normal(0.0, 1.0)),
    ("caffe2.XavierFill", {}, around(math.sqrt(3 / INPUTS))),
    ("caffe2.MSRAFill", {}, normal(0.0, math.sqrt(2 / OUTPUTS))),
    ("mxnet.Zero", {}, fixed(0.0)),
    ("mxnet.One", {}, fixed(1.0)),
    ("mxnet.Constant", {"value": 2}, fixed(2.0)),
    ("mxnet.Uniform", {}, around(0.07)),
    ("mxnet.Normal", {}, normal(0.0, 0.01)),
    ("mxnet.Xavier", {}, around(math.sqrt(3 / AVERAGE))),
    ("mxnet.Xavier", {"magnitude": 2.24, "factor_type": "in"}, around(math.sqrt(2.24 / INPUTS))),
    ("mxnet.Xavier", {"rnd_type": "gaussian", "factor_type": "out"}, normal(0.0, math.sqrt(3 / OUTPUTS))),
    ("mxnet.MSRAPrelu", {}, normal(0.0, math.sqrt(2 / (1 + 0.25**2) / AVERAGE))),
    ("mxnet.MSRAPrelu", {"factor_type": "in", "slope": 0}, normal(0.0, math.sqrt(2 / INPUTS))),
    ("paddle.Constant", {}, fixed(0.0)),
    ("paddle.Uniform", {}, uniform(-1.0, 1.0)),
    ("paddle.Normal", {}, normal(0.0, 1.0)),
    ("paddle.TruncatedNormal", {}, truncated(0.0, 1.0)),
    ("paddle.XavierUniform", {"gain": 2}, around(2 * math.sqrt(3 / AVERAGE))),
    ("paddle.XavierNormal", {}, normal(0.0, math.sqrt(1 / AVERAGE))),
    ("paddle.KaimingUniform", {}, around(math.sqrt(6 / INPUTS))),
    ("paddle.KaimingNormal", {}, normal(0.0, math.sqrt(2 / INPUTS))),
    (
        "paddle.KaimingNormal",
        {"nonlinearity": "leaky_relu", "negative_slope": 2, "mode": "fan_out"},
        normal(0.0, math.sqrt(2 / 5 / OUTPUTS)),
    ),
    ("paddle.Orthogonal", {}, ORTHOGONAL),
    ("haiku.Constant", {"constant": 2}, fixed(2.0)),
    ("haiku.RandomNormal", {"mean": 1}, normal(1.0, 1.0)),
    ("haiku.TruncatedNormal", {"stddev": 0.1}, truncated(0.0, 0.1)),
    ("haiku.RandomUniform", {"maxval": 3}, uniform(0.0, 3.0)),
    ("haiku.VarianceScaling", {}, truncated(0.0, 1 / math.sqrt(INPUTS) / CUT)),
    ("haiku.VarianceScaling", {"distribution": "normal", "scale": 2}, normal(0.0, math.sqrt(2 / INPUTS))),
    ("haiku.UniformScaling", {"scale": 3}, around(3 * math.sqrt(3 / INPUTS))),
    ("haiku.UniformScaling", {"scale": 0}, fixed(0.0)),
    ("haiku.Orthogonal", {"axis": -1}, ORTHOGONAL),
    ("haiku.Identity", {}, IDENTITY),
    ("sonnet.Zeros", {}, fixed(0.0)),
    ("sonnet.Ones", {}, fixed(1.0)),
    ("sonnet.Constant", {"value": 2}, fixed(2.0)),
    ("sonnet.RandomUniform", {}, uniform(0.0, 1.0)),
    ("sonnet.RandomNormal", {}, normal(0.0, 1.0)),
    ("sonnet.TruncatedNormal", {}, truncated(0.0, 1.0)),
    ("sonnet.VarianceScaling", {"mode": "fan_avg", "distribution": "normal"}, normal(0.0, AVERAGE**-0.5)),
    ("sonnet.Orthogonal", {}, ORTHOGONAL),
    ("sonnet.Identity", {}, IDENTITY),
    ("mindspore.Zero", {}, fixed(0.0)),
    ("mindspore.One", {}, fixed(1.0)),
    ("mindspore.Constant", {"value": 3}, fixed(3.0)),
    ("mindspore.Uniform", {}, around(0.07)),
    ("mindspore.Normal", {"mean": 1}, normal(1.0, 0.01)),
    ("mindspore.TruncatedNormal", {}, truncated(0.0, 0.01)),
    ("mindspore.XavierUniform", {"gain": 2}, around(2 * math.sqrt(3 / AVERAGE))),
    ("mindspore.XavierNormal", {}, normal(0.0, math.sqrt(1 / AVERAGE))),
    ("mindspore.HeUniform", {}, around(math.sqrt(6 / INPUTS))),
    ("mindspore.HeNormal", {"negative_slope": 2, "mode": "fan_out"}, normal(0.0, math.sqrt(2 / 5 / OUTPUTS))),
    ("mindspore.Sparse", {"sparsity": 0.5, "sigma": 2}, normal(0.0, math.sqrt(2))),
    ("mindspore.Orthogonal", {}, ORTHOGONAL),
    ("mindspore.VarianceScaling", {}, truncated(0.0, 1 / math.sqrt(INPUTS) / CUT)),
    ("mindspore.VarianceScaling", {"distribution": "untruncated_normal"}, normal(0.0, INPUTS**-0.5)),
    ("chainer.Zero", {}, fixed(0.0)),
    ("chainer.One", {}, fixed(1.0)),
    ("chainer.Constant", {"fill_value": 2}, fixed(2.0)),
    ("chainer.Uniform", {}, around(0.05)),
    ("chainer.Normal", {}, normal(0.0, 0.05)),
    ("chainer.LeCunUniform", {"scale": 3}, around(3 * math.sqrt(3 / INPUTS))),
    ("chainer.LeCunNormal", {}, normal(0.0, INPUTS**-0.5)),
    ("chainer.GlorotUniform", {"scale": 2}, around(2 * math.sqrt(3 / AVERAGE))),
    ("chainer.GlorotNormal", {}, normal(0.0, AVERAGE**-0.5)),
    ("chainer.HeUniform", {}, around(math.sqrt(6 / INPUTS))),
    ("chainer.HeNormal", {"scale": 3, "fan_option": "fan_out"}, normal(0.0, 3 * math.sqrt(2 / OUTPUTS))),
    ("chainer.HeNormal", {"scale": 0}, fixed(0.0)),
    ("chainer.Orthogonal", {}, normal(0.0, 1.1 / math.sqrt(OUTPUTS))),
    ("lasagne.Constant", {}, fixed(0.0)),
    ("lasagne.Uniform", {}, around(0.01)),
    ("lasagne.Normal", {}, normal(0.0, 0.01)),
    ("lasagne.GlorotUniform", {"gain": "relu"}, around(math.sqrt(2) * math.sqrt(3 / AVERAGE))),
    ("lasagne.GlorotNormal", {}, normal(0.0, math.sqrt(1 / AVERAGE))),
    ("lasagne.HeUniform", {}, around(math.sqrt(3 / INPUTS))),
    ("lasagne.HeNormal", {"gain": "relu"}, normal(0.0, math.sqrt(2 / INPUTS))),
    ("lasagne.HeNormal", {"gain": 3}, normal(0.0, 3 * math.sqrt(1 / INPUTS))),
    ("lasagne.Orthogonal", {}, ORTHOGONAL),
]


@pytest.mark.parametrize(("kind", "parameters", "expected"), CASES)
def test_mean_deviation_and_bounds_follow_the_formula(
    kind: str, parameters: dict[str, Any], expected: tuple[float, float, float, float]
) -> None:
    shape = (INPUTS, OUTPUTS) if kind.startswith(("tf.", "haiku.", "sonnet.")) else (OUTPUTS, INPUTS)
    resolved = parse(tensor(shape=shape, init={"kind": kind, **parameters}, dtype="float64"))
    distribution = resolved.tensors[0].distribution
    assert distribution.moments(shape) == pytest.approx(expected[:2], rel=1e-9)
    if isinstance(distribution, Uniform | TruncNormal):
        assert (distribution.low, distribution.high) == pytest.approx(expected[2:])


@pytest.mark.parametrize(
    ("name", "parameters", "init"),
    [
        ("zeros_", {}, "zeros"),
        ("ones_", {}, "ones"),
        ("constant_", {"val": 2}, {"kind": "constant", "value": 2}),
        ("uniform_", {"a": -1}, {"kind": "uniform", "a": -1}),
        ("normal_", {"std": 2}, {"kind": "normal", "std": 2}),
        ("trunc_normal_", {"std": 0.02}, {"kind": "trunc_normal", "std": 0.02}),
        ("eye_", {}, "eye"),
        ("xavier_uniform_", {"gain": 2}, {"kind": "xavier_uniform", "gain": 2}),
        ("xavier_normal_", {}, "xavier_normal"),
        ("kaiming_uniform_", {"a": 1}, {"kind": "kaiming_uniform", "a": 1}),
        ("kaiming_normal_", {"mode": "fan_out"}, {"kind": "kaiming_normal", "mode": "fan_out"}),
        ("orthogonal_", {}, "orthogonal"),
        ("sparse_", {"sparsity": 0.5}, {"kind": "sparse", "sparsity": 0.5}),
    ],
)
def test_the_functions_of_torch_are_the_schemes(name: str, parameters: dict[str, Any], init: Any) -> None:
    for prefix in ("torch.nn.init.", "nn.init.", "init.", ""):
        given = parse(tensor(init={"kind": f"{prefix}{name}", **parameters}))
        assert given.recipe == parse(tensor(init=init)).recipe


def test_every_initializer_without_its_framework_here_is_tested() -> None:
    tested = {kind for kind, *_ in CASES}
    untested = {
        f"{framework.prefixes[0]}.{initializer.names[0]}"
        for framework in FRAMEWORKS
        if framework.title not in ("Keras", "JAX", "PyTorch")
        for initializer in framework.initializers
    } - tested
    assert untested == {
        "paddle.Dirac",
        "paddle.Assign",
        "mindspore.Dirac",
        "mindspore.Identity",
        "chainer.Identity",
    }
    matrix = [[1, 2], [3, 4]]
    cases: list[tuple[list[int], Any, Any]] = [
        ([4, 2, 3], "paddle.Dirac", "dirac"),
        ([4, 2, 3], {"kind": "mindspore.Dirac", "groups": 2}, {"kind": "dirac", "groups": 2}),
        ([4, 4], "mindspore.Identity", "eye"),
        ([4, 4], {"kind": "chainer.Identity", "scale": 2}, {"kind": "eye", "gain": 2}),
        ([2, 2], {"kind": "paddle.Assign", "value": matrix}, {"kind": "values", "data": matrix}),
    ]
    for shape, init, found in cases:
        assert json.loads(parse(tensor(shape=shape, init=init)).recipe)["layers"][0]["init"] == found


@pytest.mark.parametrize(
    ("init", "where", "words"),
    [
        ("mxnet.init.LSTMBias", "", '[{"size": H, "init": "zeros"}, {"size": H, "init": "ones"}'),
        ("mx.init.FusedRNN", "", "write each as a tensor"),
        ("paddle.nn.initializer.Bilinear", "", "use bilinear with groups"),
        ("chainer.NaN", "", "use zeros"),
        ({"kind": "hk.initializers.Orthogonal", "axis": 0}, "/axis", "as out of fan_axes"),
        (
            {"kind": "hk.initializers.VarianceScaling", "fan_in_axes": [0]},
            "/fan_in_axes",
            "as in of fan_axes",
        ),
        ({"kind": "snt.initializers.RandomNormal", "seed": 1}, "/seed", "the seed is the spec's"),
        ({"kind": "chainer.initializers.HeNormal", "rng": 1}, "/rng", "the seed is the spec's"),
        ({"kind": "chainer.Orthogonal", "mode": "basis"}, "/mode", "mode must be one of auto"),
        ({"kind": "mindspore.TruncatedNormal", "a": -2}, "/a", "use trunc_normal"),
        ({"kind": "mindspore.HeNormal", "nonlinearity": "SELU"}, "/nonlinearity", "no gain for selu"),
        ({"kind": "paddle.Assign", "value": [1, "x"]}, "", "data"),
    ],
    ids=str,
)
def test_what_has_no_scheme_is_refused_with_what_to_write(init: Any, where: str, words: str) -> None:
    ((pointer, detail),) = faults(tensor(shape=[4], init=init))
    assert (pointer, words in detail) == (f"/layers/0/init{where}", True), detail


@pytest.mark.parametrize("framework", ["hk", "snt", "chainer", "mindspore"])
def test_an_identity_fills_matrices(framework: str) -> None:
    ((_, detail),) = faults(tensor(shape=[2, 3, 3], init=f"{framework}.Identity"))
    assert "for more use eye, with fan_axes" in detail


def test_kernels_of_haiku_and_sonnet_have_their_layout() -> None:
    axes = {"in": -2, "out": -1}
    for name in ("hk.initializers.Orthogonal", "snt.Orthogonal"):
        found = parse(tensor(shape=[3, 3, 4, 8], init=name)).recipe
        assert found == parse(tensor(shape=[3, 3, 4, 8], init="orthogonal", fan_axes=axes)).recipe


@pytest.mark.parametrize("kind", ["caffe.bilinear", "mxnet.Bilinear"])
def test_a_filler_of_all_pairs_of_channels_names_ours(kind: str) -> None:
    ((_, detail),) = faults(tensor(shape=[2, 2, 4, 4], init=kind))
    assert "every pair of channels" in detail
    assert "use bilinear" in detail
