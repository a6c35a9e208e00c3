"""Other frameworks' initializers in entries, queries and rules."""

from __future__ import annotations

from typing import Any

import pytest

import tensorseed
from tensorseed.errors import SpecError
from tensorseed.spec.entries import rules_of
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_query
from tests.tensorseed.spec.test_spec import faults, linear, parse, tensor

HE = {"kind": "variance_scaling", "scale": 2}
KERNEL: dict[str, Any] = {"fan_axes": {"in": -2, "out": -1}}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (tensor(init="keras.HeNormal"), tensor(init=HE, **KERNEL)),
        (tensor(init="keras.initializers.he_normal"), tensor(init=HE, **KERNEL)),
        (tensor(init="tf.keras.initializers.HeNormal"), tensor(init=HE, **KERNEL)),
        (tensor(init="flax.linen.initializers.kaiming_normal"), tensor(init=HE, **KERNEL)),
        (tensor(init={"kind": "jax.he_normal"}), tensor(init=HE, **KERNEL)),
        (tensor(init="glorot_uniform_initializer"), tensor(init="xavier_uniform", **KERNEL)),
        (tensor(init="tf.orthogonal_initializer"), tensor(init="orthogonal", **KERNEL)),
        (tensor(init="jax.orthogonal", fan_axes=None), tensor(init="orthogonal", **KERNEL)),
        (tensor(init={"kind": "jax.orthogonal", "column_axis": -1}), tensor(init="orthogonal", **KERNEL)),
        (
            tensor(init="keras.HeNormal", fan_axes={"in": 1, "out": 0}),
            tensor(init=HE),
        ),
        (tensor(init="keras.HeNormal", fan_axes={"in": 0, "out": 1}), tensor(init=HE, **KERNEL)),
        (tensor(init="keras.RandomNormal"), tensor(init={"kind": "normal", "std": 0.05})),
        (tensor(init="jax.ones"), tensor(init="ones")),
        (tensor(init="jax.normal", shape=[3]), tensor(init={"kind": "normal", "std": 0.01}, shape=[3])),
        (tensor(init="caffe.xavier"), tensor(init="lecun_uniform")),
        (tensor(init={"kind": "caffe.gaussian", "sparse": -1}), tensor(init="normal")),
        (
            tensor(init={"kind": "jax.he_normal", "in_axis": 0}),
            tensor(init=HE, fan_axes={"in": 0, "out": -1}),
        ),
        (
            tensor(init={"kind": "jax.he_normal", "in_axis": [0], "out_axis": 1, "batch_axis": []}),
            tensor(init=HE, fan_axes={"in": 0, "out": 1}),
        ),
        (
            tensor(init={"kind": "keras.HeNormal", "input_axes": [0], "output_axes": [1], "seed": None}),
            tensor(init=HE, fan_axes={"in": 0, "out": 1}),
        ),
        (tensor(init="truncated_normal_initializer"), tensor(init="trunc_normal")),
        (
            tensor(init={"kind": "jax.truncated_normal", "stddev": 0.5, "lower": "-Infinity"}),
            tensor(init={"kind": "trunc_normal", "std": 0.5, "a": "-Infinity", "b": 1}),
        ),
        (
            tensor(init={"kind": "torch.nn.init.trunc_normal_", "b": "Infinity"}),
            tensor(init={"kind": "trunc_normal", "b": "inf"}),
        ),
        (
            tensor(init={"kind": "keras.TruncatedNormal", "mean": 0.1, "stddev": 0.3}),
            tensor(init={"kind": "trunc_normal", "mean": 0.1, "std": 0.3, "cutoff": 2}),
        ),
        (tensor(init="identity"), tensor(init="eye")),
        (tensor(init="kaiming_uniform_"), tensor(init="he_uniform")),
        (linear(init={"weight": "keras.HeNormal"}), linear(init={"weight": HE})),
        (
            linear(init={"weight": "zeros", "bias": {"kind": "tf.constant_initializer", "value": 2}}),
            linear(init={"weight": "zeros", "bias": {"kind": "constant", "value": 2}}),
        ),
    ],
)
def test_the_recipe_is_that_of_the_scheme(written: Any, meant: Any) -> None:
    assert parse(written).recipe == parse(meant).recipe


@pytest.mark.parametrize(
    ("entry", "pointer", "detail"),
    [
        (tensor(init="keras.HeNorml"), "/init", "did you mean HeNormal?"),
        (tensor(init={"kind": "keras.HeNorml"}), "/init/kind", "unknown initializer of Keras"),
        (tensor(init="keras.STFT"), "/init", "there is no keras.STFT here"),
        (tensor(init="tf.initializers.random_normal"), "/init", "tf.random_normal_initializer"),
        (tensor(init="mxnet.Orthogonal"), "/init", "use orthogonal"),
        (tensor(init="jax.constant"), "/init", "jax.constant needs value"),
        (tensor(init={"kind": "jax.constant"}), "/init/value", "value is required"),
        (tensor(init={"kind": "keras.RandomNormal", "std": 1}), "/init/std", "did you mean stddev?"),
        (tensor(init={"kind": "keras.RandomNormal", "stddev": "1"}), "/init/stddev", "must be a number"),
        (tensor(init={"kind": "keras.RandomNormal", "stddev": 1e39}), "/init", "overflow"),
        (tensor(init={"kind": "keras.RandomUniform", "minval": 1}), "/init/minval", "greater than maxval"),
        (tensor(init={"kind": "jax.truncated_normal", "lower": 3}), "/init/lower", "greater than upper"),
        (tensor(init={"kind": "keras.HeNormal", "seed": 1}), "/init/seed", "the entry's own"),
        (tensor(init={"kind": "keras.HeNormal", "dtype": "float64"}), "/init/dtype", "beside init"),
        (tensor(init={"kind": "jax.orthogonal", "column_axis": 0}), "/init/column_axis", "fan_axes"),
        (tensor(init={"kind": "jax.normal", "column_axis": -1}), "/init/column_axis", "fan_axes"),
        (tensor(init={"kind": "caffe.gaussian", "sparse": 2}), "/init/sparse", "scheme sparse"),
        (tensor(init="jax.he_normal", shape=[3]), "/init", "at least two dimensions"),
        (tensor(init={"kind": "jax.he_normal", "in_axis": "0"}), "/init/in_axis", "list of axes"),
        (
            tensor(init={"kind": "keras.HeNormal", "input_axes": [0]}),
            "/init/input_axes",
            "output_axes is missing",
        ),
        (
            tensor(init={"kind": "jax.he_normal", "in_axis": 0}, fan_axes={"in": 0, "out": 1}),
            "/init/in_axis",
            "leave one of them out",
        ),
        (
            linear(init={"weight": {"kind": "jax.he_normal", "in_axis": 0}}),
            "/init/weight/in_axis",
            "for a Tensor",
        ),
        (linear(init={"weight": {"kind": "keras.Normal"}}), "/init/weight/kind", "initializer of Keras"),
        (tensor(init={"kind": "lasagne.HeNormal", "gain": "elu"}), "/init/gain", "or relu"),
    ],
)
def test_a_fault_points_at_the_field_as_it_was_sent(entry: Any, pointer: str, detail: str) -> None:
    [(where, said)] = faults(entry)
    assert where == f"/layers/0{pointer}"
    assert detail in said


@pytest.mark.parametrize(
    ("init", "name"),
    [
        ({"kind": "jax.lecun_normal", "in_axis": 7}, "in_axis"),
        ({"kind": "jax.lecun_normal", "in_axis": 0, "out_axis": [7]}, "out_axis"),
        ({"kind": "jax.lecun_normal", "out_axis": -2}, "out_axis"),
        ({"kind": "jax.lecun_normal", "in_axis": 0, "out_axis": 0}, "in_axis"),
        ({"kind": "keras.HeNormal", "input_axes": [9], "output_axes": [1]}, "input_axes"),
    ],
)
def test_a_fault_of_axes_points_at_the_parameter_that_was_sent(init: Any, name: str) -> None:
    sent = tensor(init=init)
    assert [pointer for pointer, _ in faults(sent)] == [f"/layers/0/init/{name}"]
    ruled = {key: value for key, value in sent.items() if key != "init"}
    rules = [{"type": "Tensor", "match": "**", "init": init}]
    assert f"/rules/0/init/{name}" in [pointer for pointer, _ in faults(ruled, rules=rules)]


def test_a_fault_of_axes_in_a_layer_points_at_the_parameter_of_the_rule() -> None:
    rules = [{"match": "weight", "init": {"kind": "jax.lecun_normal", "in_axis": 0}}]
    found = [pointer for pointer, _ in faults(linear(), rules=rules)]
    assert found == ["/rules/0/init/in_axis"]


def test_a_query_has_the_parameters_of_the_initializer() -> None:
    query = {"shape": "3,4", "init": "keras.RandomNormal", "stddev": "0.5", "seed": "7"}
    meant = {"shape": "3,4", "init": "normal", "std": "0.5", "seed": "7"}
    assert parse_query(query, Limits()).recipe == parse_query(meant, Limits()).recipe
    axes = parse_query({"shape": "3,4", "init": "jax.lecun_normal", "in_axis": "0"}, Limits())
    assert '"fan_axes":{"in":0,"out":1}' in axes.recipe


@pytest.mark.parametrize(
    ("params", "pointer", "detail"),
    [
        ({"init": "keras.RandomNormal", "std": "1"}, "std", "did you mean stddev?"),
        ({"init": "keras.RandomNormal", "stddev": "-1"}, "stddev", "at least 0"),
        ({"init": "keras.Nothing"}, "init", "unknown initializer of Keras"),
        ({"init": "jax.he_normal", "in_axis": "0,1"}, "in_axis", "such as [0, 1]"),
    ],
)
def test_a_fault_of_a_query_names_the_parameter(params: dict[str, str], pointer: str, detail: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_query({"shape": "3,4", **params}, Limits())
    [fault] = caught.value.faults
    assert (fault.pointer, detail in fault.detail) == (pointer, True), fault


def test_rules_hold_initializers() -> None:
    written = [
        {"match": "**.bias", "init": "tf.zeros_initializer"},
        {"type": "Linear", "init": {"kind": "jax.he_normal", "in_axis": -2}},
    ]
    meant = [
        {"match": "**.bias", "init": "zeros"},
        {"type": "Linear", "init": HE, "fan_axes": {"in": -2, "out": -1}},
    ]
    assert list(rules_of(written)) == list(rules_of(meant))
    axes = {"input_axes": [0], "output_axes": [1]}
    with pytest.raises(SpecError, match="write fan_axes in their place"):
        rules_of([{"match": "**", "init": {"kind": "keras.HeNormal", **axes}}])


def test_the_library_draws_them_and_torch_what_it_has() -> None:
    spec = {"seed": 3, "generator": "torch", "layers": [tensor(init="keras.HeUniform")]}
    [(pointer, detail)] = faults(tensor(init="keras.HeUniform"), generator="torch")
    assert pointer == "/layers/0/init"
    assert "torch.nn.init knows its own axes only" in detail
    spec["layers"] = [linear(init={"weight": "keras.HeUniform"})]
    meant = {**spec, "layers": [linear(init={"weight": "kaiming_uniform"})]}
    assert (tensorseed.open(spec)["fc.weight"][:] == tensorseed.open(meant)["fc.weight"][:]).all()
    [(pointer, detail)] = faults(linear(init={"weight": "keras.HeNormal"}), generator="torch")
    assert pointer == "/layers/0/init/weight"
    assert "variance_scaling" in detail
