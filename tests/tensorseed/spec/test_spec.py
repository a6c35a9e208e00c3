"""Parsing of JSON into a resolved spec, and its faults."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from tensorseed.errors import SpecError, TooLargeError
from tensorseed.sampling.distributions import Constant, Normal, Uniform, ZeroRange
from tensorseed.spec.limits import Limits
from tensorseed.spec.resolved import ResolvedSpec
from tensorseed.spec.schemes.fans import Fans
from tensorseed.spec.spec import parse_spec

LIMITS = Limits()


def parse(*layers: Any, limits: Limits = LIMITS, **top: Any) -> ResolvedSpec:
    return parse_spec(json.dumps({"layers": layers, **top}).encode(), limits)


def tensor(**fields: Any) -> dict[str, Any]:
    return {"name": "w", "type": "Tensor", "shape": [2, 3], "init": "zeros", **fields}


def linear(**fields: Any) -> dict[str, Any]:
    return {"name": "fc", "type": "Linear", "in_features": 3, "out_features": 2, **fields}


def conv(**fields: Any) -> dict[str, Any]:
    return {"name": "c", "type": "Conv2d", "in_channels": 3, "out_channels": 2, "kernel_size": 3, **fields}


def batch_norm(init: Any) -> dict[str, Any]:
    return {"name": "n", "type": "BatchNorm1d", "num_features": 2, "init": init}


def faults(*layers: Any, limits: Limits = LIMITS, **top: Any) -> list[tuple[str, str]]:
    with pytest.raises(SpecError) as caught:
        parse(*layers, limits=limits, **top)
    return [(fault.pointer, fault.detail) for fault in caught.value.faults]


def test_a_small_network() -> None:
    resolved = parse(
        linear(init={"weight": {"kind": "he_normal", "nonlinearity": "relu"}}),
        tensor(name="b.{0..1}", dtype="bfloat16", init={"kind": "normal", "std": 2}),
        batch_norm({}),
        seed="18446744073709551615",
    )
    assert resolved.seed == 2**64 - 1
    assert (resolved.generator, resolved.device) == ("philox", "auto")
    assert [(t.name, t.dtype.name, t.shape) for t in resolved.tensors] == [
        ("n.num_batches_tracked", "int64", ()),
        ("fc.bias", "float32", (2,)),
        ("fc.weight", "float32", (2, 3)),
        ("n.bias", "float32", (2,)),
        ("n.running_mean", "float32", (2,)),
        ("n.running_var", "float32", (2,)),
        ("n.weight", "float32", (2,)),
        ("b.0", "bfloat16", (2, 3)),
        ("b.1", "bfloat16", (2, 3)),
    ]
    by_name = {t.name: t for t in resolved.tensors}
    assert by_name["fc.weight"].distribution == Normal(0.0, math.sqrt(2.0) / math.sqrt(3))
    assert by_name["fc.weight"].scheme.kind == "kaiming_normal"
    assert by_name["fc.weight"].fans == Fans(3, 2)
    assert not by_name["fc.weight"].default
    assert by_name["fc.bias"].distribution == Uniform(-1 / math.sqrt(3), 1 / math.sqrt(3))
    assert by_name["fc.bias"].default
    assert by_name["fc.bias"].fans is None
    assert (by_name["b.1"].numel, by_name["b.1"].nbytes) == (6, 12)


def test_no_layers_is_an_empty_file() -> None:
    assert not parse().tensors


@pytest.mark.parametrize("shape", [[0, 3], [0], [2, 0]])
def test_tensors_without_elements(shape: list[int]) -> None:
    assert parse(tensor(shape=shape)).tensors[0].numel == 0
    if len(shape) == 2:
        assert parse(tensor(shape=shape, init="kaiming_normal")).tensors[0].distribution == Constant(0.0)


def test_rank_zero() -> None:
    assert parse(tensor(shape=[], init="normal")).tensors[0].numel == 1


def test_fan_axes() -> None:
    kernel = tensor(shape=[3, 5, 16, 32], fan_axes={"in": -2, "out": -1}, init="lecun_normal")
    assert parse(kernel).tensors[0].fans == Fans(16 * 15, 32 * 15)


def test_streams() -> None:
    names = [t.stream for t in parse(tensor(name="a.{0..1}", stream="s"), linear(stream="s")).tensors]
    assert names == ["s", "s", "s.bias", "s.weight"]


def test_an_embeddings_padding_row() -> None:
    entry = {"name": "e", "type": "Embedding", "num_embeddings": 5, "embedding_dim": 3, "padding_idx": -1}
    assert parse(entry).tensors[0].distribution == ZeroRange(Normal(0.0, 1.0), 12, 15)
    assert parse({**entry, "init": {"weight": "normal"}}).tensors[0].distribution == Normal(0.0, 1.0)


def test_the_padding_row_of_a_bare_tensor() -> None:
    drawn = Normal(0.0, 1.0)
    assert parse(tensor(init="normal", padding_idx=1)).tensors[0].distribution == ZeroRange(drawn, 3, 6)
    assert parse(tensor(init="normal", padding_idx=-2)).tensors[0].distribution == ZeroRange(drawn, 0, 3)
    assert parse(tensor(init="normal", padding_idx=0, shape=[2, 0])).tensors[0].distribution == drawn


def test_literal_numbers_beside_a_padding_row_count() -> None:
    literal = tensor(init={"kind": "values", "data": [[1, 2, 3]] * 2}, padding_idx=0)
    found = faults(literal, {**literal, "name": "v", "padding_idx": 1}, limits=Limits(values=11))
    assert "12 literal numbers" in found[0][1]


def test_the_dtype_of_an_entry_overrides_the_specs() -> None:
    resolved = parse(tensor(), tensor(name="v", dtype="float64"), dtype="float16")
    assert [t.dtype.name for t in resolved.tensors] == ["float64", "float16"]


def test_int64_buffers_keep_their_dtype() -> None:
    counted = parse(
        batch_norm({"num_batches_tracked": {"kind": "constant", "value": 5}}), dtype="float16"
    ).tensors[0]
    assert (counted.dtype.name, counted.distribution) == ("int64", Constant(5.0))


def test_a_bare_tensor_of_whole_numbers() -> None:
    resolved = parse(tensor(dtype="int64", init="ones"), tensor(name="v"), dtype="float16")
    assert [(t.name, t.dtype.name) for t in resolved.tensors] == [("w", "int64"), ("v", "float16")]
    assert resolved.tensors[0].nbytes == 6 * 8


@pytest.mark.parametrize(
    ("layer", "pointer", "detail"),
    [
        (tensor(name=""), "/layers/0/name", "at least one character"),
        (tensor(name=5), "/layers/0/name", "must be a string"),
        ({"type": "Tensor", "shape": [], "init": "zeros"}, "/layers/0/name", "name is required"),
        (tensor(name="__metadata__"), "/layers/0/name", "reserved"),
        (tensor(name="{0..99999999}"), "/layers/0/name", "100,000,000 tensors, the limit is 262,144"),
        (tensor(name="{1..11}{1..11}"), "/layers", "twice"),
        (tensor(stream="a{0..1}"), "/layers/0/stream", "literal"),
        (tensor(stream=""), "/layers/0/stream", "at least 1 character"),
        (tensor(shape=[-1]), "/layers/0/shape/0", "at least 0"),
        (tensor(shape=[2.0]), "/layers/0/shape/0", "integer"),
        (tensor(shape=3), "/layers/0/shape", "must be a list"),
        (tensor(shape=[2**62]), "/layers/0/shape", "overflow"),
        (tensor(shape=[0, 2**40, 2**40]), "/layers/0/shape", "overflow"),
        (tensor(shape=[1] * 65), "/layers/0/shape", "at most 64 dimensions"),
        (tensor(shape=[2**64]), "/layers/0/shape/0", "each number of shape overflows"),
        (tensor(shape=["x"] * 500_000), "/layers/0/shape", "at most 64 dimensions, this one has 500,000"),
        (tensor(**{f"f{i}": 1 for i in range(1_000)}), "/layers/0", "at most 64 fields"),
        (tensor(**{"x" * 5_000_000: 1}), "/layers/0/" + "x" * 128 + "…", "unknown field: valid are"),
        (linear(init={f"w{i}": "nope" for i in range(20_000)}), "/layers/0/init", "at most 16,384 members"),
        (tensor(name="n" * 1_000 + "{0..262143}"), "/layers", "shorten them"),
        (tensor(name="a{0..3}", stream="a{0..3}"), "/layers/0/stream", "literal"),
        (tensor(init={"kind": "values", "data": {}}), "/layers/0/init/data", "a number, or a list"),
        (
            tensor(shape=[1, 10**6], init={"kind": "values", "data": [[1]]}),
            "/layers/0/init",
            "at most 65,536 literal numbers",
        ),
        (
            {"name": "n", "type": "LayerNorm", "normalized_shape": [2**62] * 20_000},
            "/layers/0/normalized_shape",
            "at most 64 dimensions",
        ),
        (tensor(shape=[3], init="xavier_uniform"), "/layers/0/init", "two dimensions"),
        (tensor(init="xavier"), "/layers/0/init", "did you mean xavier_"),
        (tensor(init="constant"), "/layers/0/init", "constant needs value"),
        (tensor(init=3), "/layers/0/init", "an init is a scheme's name, or an object"),
        (tensor(init={}), "/layers/0/init/kind", "kind is required: one of zeros"),
        (tensor(init={"name": "normal"}), "/layers/0/init/name", "name is called kind here"),
        (tensor(init={"kind": "norm"}), "/layers/0/init/kind", "did you mean normal"),
        (tensor(init={"kind": "normal", "std": -1}), "/layers/0/init/std", "at least 0"),
        (tensor(init={"kind": "normal", "std": "1"}), "/layers/0/init/std", "must be a number"),
        (tensor(init={"kind": "normal", "std": True}), "/layers/0/init/std", "must be a number"),
        (tensor(init={"kind": "normal", "sdt": 1}), "/layers/0/init/sdt", "did you mean std"),
        (tensor(init={"kind": "normal", "std": 1e300}), "/layers/0/init/std", "overflow float32"),
        (tensor(init={"kind": "uniform", "a": 2}), "/layers/0/init/a", "a is greater than b"),
        (
            tensor(init={"kind": "uniform", "a": -1e308, "b": 1e308}, dtype="float64"),
            "/layers/0/init/a",
            "overflow",
        ),
        (tensor(init={"kind": "kaiming_normal", "a": 1e200}), "/layers/0/init/a", "overflows"),
        (tensor(init={"kind": "xavier_normal", "gain": 1e308}, dtype="float64", shape=[1, 0]), "", ""),
        (tensor(init={"kind": "trunc_normal", "a": 100, "b": 101}), "/layers/0/init", "no mass"),
        (tensor(init={"kind": "values", "data": [[1, 2, 3], [4, 5]]}), "/layers/0/init/data/1", "ragged"),
        (tensor(init={"kind": "values"}), "/layers/0/init/data", "data is required"),
        (tensor(fan_axes={"in": 0}), "/layers/0/fan_axes/out", "out is required"),
        (tensor(fan_axes={"in": 0, "out": 2}), "/layers/0/fan_axes/out", "axes -2 to 1"),
        (tensor(fan_axes={"in": 0, "out": -2}), "/layers/0/fan_axes", "same axis"),
        (tensor(fan_axes={"in": 0, "out": 1}, shape=[3]), "/layers/0/fan_axes", "two dimensions"),
        (tensor(padding_idx=2), "/layers/0/padding_idx", "it has 2"),
        (tensor(padding_idx=-3), "/layers/0/padding_idx", "a row of the tensor"),
        (tensor(padding_idx=0, shape=[]), "/layers/0/padding_idx", "it has 0"),
        (tensor(padding_idx=0.5), "/layers/0/padding_idx", "padding_idx must be an integer"),
        (tensor(type="Tensr"), "/layers/0/type", "did you mean Tensor"),
        (tensor(type="ReLU"), "/layers/0/type", "ReLU owns no tensors: leave the entry out"),
        (tensor(type="Residual"), "/layers/0/type", "write an entry for each of its parts"),
        ({"name": "w"}, "/layers/0/type", "type is required"),
        ({"name": "w", "kind": "Linear"}, "/layers/0/kind", "kind is called type here"),
        (5, "/layers/0", "must be an object"),
        (linear(dtype="int8"), "/layers/0/dtype", "one of float64, float32"),
        (linear(in_feature=3), "/layers/0/in_feature", "did you mean in_features"),
        (linear(bias=1), "/layers/0/bias", "true or false"),
        (linear(init={"weigth": "zeros"}), "/layers/0/init/weigth", "did you mean weight"),
        (linear(init={"a/b~": "zeros"}), "/layers/0/init/a~1b~0", "valid are weight, bias"),
        (linear(init={"bias": "eye"}), "/layers/0/init/bias", "two dimensions"),
        (linear(init={"bias": {"kind": "normal", "std": -1}}), "/layers/0/init/bias/std", "at least 0"),
        (linear(init={"bias": 3}), "/layers/0/init/bias", "an init is"),
        (linear(init=True), "/layers/0/init", "an object of inits by parameter"),
        (linear(in_features=2**40, out_features=2**41), "/layers/0/out_features", "overflow"),
        (conv(kernel_size=[3, 2**62]), "/layers/0/kernel_size/1", "overflow"),
        (conv(out_channels=2**61, padding=2**62), "/layers/0/out_channels", "overflow"),
        (conv(kernel_size=[3, 3, 3]), "/layers/0/kernel_size", "one for each dimension"),
        (conv(kernel_size=[3]), "/layers/0/kernel_size", "one for each dimension"),
        (conv(kernel_size="3"), "/layers/0/kernel_size", "must be an integer, or a list"),
        (conv(kernel_size=[3, -1]), "/layers/0/kernel_size/1", "at least 0"),
        (conv(stride=-1), "/layers/0/stride", "at least 0"),
        (conv(padding="some"), "/layers/0/padding", "same, valid"),
        (conv(groups=2), "/layers/0/groups", "2 does not divide 3"),
        (
            batch_norm({"num_batches_tracked": "normal"}),
            "/layers/0/init/num_batches_tracked",
            "whole numbers",
        ),
        (
            batch_norm({"num_batches_tracked": {"kind": "constant", "value": 0.5}}),
            "/layers/0/init/num_batches_tracked",
            "whole numbers",
        ),
        (tensor(dtype="int64", init="normal"), "/layers/0/init", "an int64 tensor holds whole numbers"),
        (tensor(dtype="bool", init="normal"), "/layers/0/init", "a bool tensor holds 0 and 1"),
        (tensor(dtype="bool", init={"kind": "constant", "value": 2}), "/layers/0/init", "write one"),
        (linear(dtype="bool"), "/layers/0/dtype", "one of float64"),
        (
            linear(dtype="int64"),
            "/layers/0/dtype",
            "one of float64",
        ),
    ],
)
def test_faults_of_an_entry(layer: Any, pointer: str, detail: str) -> None:
    if not pointer:
        assert parse(layer).tensors
        return
    ((found, told),) = faults(layer)
    assert found == pointer
    assert detail in told


@pytest.mark.parametrize(
    ("top", "pointer", "detail"),
    [
        ({"seed": -1}, "/seed", "0 to 18446744073709551615"),
        ({"seed": 2**64}, "/seed", "0 to 18446744073709551615"),
        ({"seed": str(2**64)}, "/seed", "18446744073709551615"),
        ({"seed": 1.0}, "/seed", "integer"),
        ({"seed": True}, "/seed", "integer"),
        ({"seed": "x"}, "/seed", "decimal string"),
        ({"generator": "mt"}, "/generator", "one of philox, torch"),
        ({"device": "cuda:x"}, "/device", "cuda:N"),
        ({"dtype": "int8"}, "/dtype", "one of float64"),
        ({"sed": 1}, "/sed", "did you mean seed"),
    ],
)
def test_faults_of_the_spec(top: dict[str, Any], pointer: str, detail: str) -> None:
    ((found, told),) = faults(tensor(), **top)
    assert found == pointer
    assert detail in told


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "the body is empty"),
        (b"{", "not valid JSON"),
        (b"\xff", "encode it as UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"layers":' + b"[" * 900 + b"]" * 900 + b"}", "nested too deeply"),
        (b'{"layers": [], "device": "\\ud800"}', "half of a surrogate pair"),
        (b'{"layers": [], "device": "\\udc00"}', "half of a surrogate pair"),
        (b'{"seed": NaN' + b" " * (1 << 20) + b"}", "NaN, Infinity and numbers beyond"),
        (b"[]", "the spec must be an object"),
        (b"null", "the spec must be an object"),
        (b"{}", "layers is required"),
        (b'{"layers": {}}', "layers must be a list"),
    ],
)
def test_what_is_no_spec_at_all(body: bytes, detail: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(body, LIMITS)
    assert detail in caught.value.faults[0].detail


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"])
def test_numbers_that_are_not_finite_are_told_where_they_stand(number: str) -> None:
    entry = '{"name":"w","type":"Tensor","shape":[2],"init":{"kind":%s}}'
    normal = entry % f'"normal","mean":1,"std":{number}'
    values = entry % f'"values","data":[1,{number}]'
    with pytest.raises(SpecError) as caught:
        parse_spec(f'{{"seed":3,"layers":[{normal},{values}]}}'.encode(), LIMITS)
    assert [(fault.pointer, fault.detail) for fault in caught.value.faults] == [
        ("/layers/0/init/std", "std must be a finite number"),
        ("/layers/1/init/data/1", "each number of data must be a finite number"),
    ]


def test_literal_data_of_absurd_depth() -> None:
    body = '{"layers":[{"name":"w","type":"Tensor","shape":[],"init":{"kind":"values","data":%s}}]}'
    for depth in (190, 230, 900):
        with pytest.raises(SpecError) as caught:
            parse_spec((body % ("[" * depth + "]" * depth)).encode(), LIMITS)
        assert len(caught.value.faults) == 1
        assert len(caught.value.faults[0].detail) < 1000


def test_every_fault_is_told_at_its_own_entry() -> None:
    alike = tensor(init={"kind": "normal", "std": -1})
    found = faults(
        tensor(name="a"),
        {**alike, "name": "b"},
        linear(),
        {**alike, "name": "\n"},
        tensor(name="c", shape=[-1]),
    )
    assert [pointer for pointer, _ in found] == ["/layers/1/init/std", "/layers/3/name", "/layers/4/shape/0"]


def test_names_that_meet() -> None:
    assert faults(tensor(name="a"), tensor(name="fc.weight"), linear()) == [
        ("/layers/2/name", "fc.weight is yielded by layers 1 and 2: rename one of them")
    ]
    assert faults(tensor(name="a.{0..3}"), tensor(name="a.2", shape=[1]))[0][0] == "/layers/1/name"


def test_limits() -> None:
    assert len(parse(tensor(name="a.{1..4}"), limits=Limits(tensors=4)).tensors) == 4
    assert faults(tensor(name="a.{1..3}"), linear(), limits=Limits(tensors=4))[0][0] == "/layers"
    literal = tensor(init={"kind": "values", "data": [[1, 2, 3]] * 2})
    assert parse(literal, limits=Limits(values=6)).tensors
    assert "12 literal numbers" in faults(literal, {**literal, "name": "v"}, limits=Limits(values=11))[0][1]
    assert parse(tensor(name="a.{1..2}"), limits=Limits(file_bytes=48)).tensors
    with pytest.raises(TooLargeError, match="48 bytes, the limit is 47"):
        parse(tensor(name="a.{1..2}"), limits=Limits(file_bytes=47))


def test_messages_leak_nothing_of_the_machinery() -> None:
    found = faults(
        tensor(shape=[1.5], init={"kind": 3}), conv(stride=None, padding=[1, 2, 3]), linear(init={"bias": []})
    )
    for _, detail in found:
        assert "Input should" not in detail
        assert "pydantic" not in detail
        assert "tuple" not in detail


def test_no_more_faults_are_told_than_help() -> None:
    assert len(faults(*({f"a{i}": 1} for i in range(1_000)))) == 50
    assert len(faults(linear(init={f"w{i}": "nope" for i in range(16_000)}))) == 50
    assert faults(*[5] * 10, limits=Limits(tensors=9)) == [
        ("/layers", "layers has 10 entries, the limit is 9 tensors: split the spec")
    ]


def test_entries_without_tensors_need_names_of_their_own() -> None:
    silent = {"name": "n.{0..2}", "type": "LayerNorm", "normalized_shape": 3, "elementwise_affine": False}
    assert not parse(silent).tensors
    assert faults(silent, tensor(name="n.1")) == [
        ("/layers/1/name", "layers 0 and 1 are both called n.1: rename one of them")
    ]
    assert faults(silent, {**silent, "name": "n.2"})[0][0] == "/layers/1/name"


LSTM = {"name": "r", "type": "LSTM", "input_size": 2, "hidden_size": 3, "proj_size": 2}
ATTENTION = {"name": "a", "type": "MultiheadAttention", "embed_dim": 4, "num_heads": 2, "add_bias_kv": True}
STACK = {
    "name": "t",
    "type": "TransformerEncoder",
    "num_layers": 2,
    "encoder_layer": {"d_model": 4, "nhead": 2, "dim_feedforward": 3},
}


@pytest.mark.parametrize(
    ("entry", "names"),
    [
        (linear(), ["weight"]),
        (conv(), ["weight"]),
        (LSTM, ["weight_ih_l0", "weight_hh_l0", "weight_hr_l0"]),
        (ATTENTION, ["in_proj_weight", "out_proj.weight"]),
        (
            STACK,
            [
                f"layers.{index}.{name}.weight"
                for index in range(2)
                for name in ("self_attn.in_proj_", "self_attn.out_proj", "linear1", "linear2")
            ],
        ),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("generator", ["philox", "torch"])
@pytest.mark.parametrize("init", ["orthogonal", {"kind": "normal", "std": 0.02}], ids=["name", "object"])
def test_an_init_alone_is_that_of_the_matrices_of_weights(
    entry: dict[str, Any], names: list[str], generator: str, init: Any
) -> None:
    spelled = {name.replace("_.weight", "_weight"): init for name in names}
    alone = parse({**entry, "init": init}, generator=generator)
    assert alone == parse({**entry, "init": spelled}, generator=generator)
    assert json.loads(alone.recipe)["layers"][0]["init"] == spelled


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (batch_norm("ones"), 'name the parameter, as in {"weight": "ones"}'),
        (
            {"name": "l", "type": "LayerNorm", "normalized_shape": [2, 2], "init": "ones"},
            "no matrix of weights",
        ),
        (batch_norm("ones") | {"affine": False, "track_running_stats": False}, "leave init out"),
        (batch_norm(None), "leave it out for torch's defaults"),
    ],
)
def test_an_init_alone_needs_a_matrix(entry: dict[str, Any], words: str) -> None:
    ((pointer, detail),) = faults(entry)
    assert pointer == "/layers/0/init"
    assert words in detail


@pytest.mark.parametrize(
    ("init", "pointer", "words"),
    [
        ("nope", "", "unknown scheme"),
        ("constant", "", "constant needs value"),
        ({"kind": "nope"}, "/kind", "unknown scheme"),
        ({"kind": "normal", "std": -1}, "/std", "at least 0"),
        ({"kind": "normal", "std": 1e300}, "/std", "overflow"),
        ({"std": 0.02}, "/std", '{"kind": "normal", "std": 0.02}'),
        ({"weight": 0.5}, "/weight", '{"kind": "constant", "value": 0.5}'),
        ({"weight": {"kind": "normal", "std": -1}}, "/weight/std", "at least 0"),
    ],
)
def test_a_fault_of_an_init_alone_is_where_it_was_written(init: Any, pointer: str, words: str) -> None:
    ((found, detail),) = faults(linear(init=init))
    assert found == f"/layers/0/init{pointer}"
    assert words in detail


def test_an_entrys_own_seed_stays_in_the_recipe() -> None:
    spelled = [parse(tensor(seed=seed), seed=7) for seed in (7, "7", "007")]
    assert len({one.recipe for one in spelled}) == 1
    assert '"seed":"7","shape"' in spelled[0].recipe
    assert spelled[0].recipe != parse(tensor(), seed=7).recipe
    assert parse(tensor(seed=None)) == parse(tensor())
    (own,) = spelled[0].reseeded(8).tensors
    assert own.stream_of(8) == own.stream_of(9) == parse(tensor(), seed=7).tensors[0].stream_of(7)


@pytest.mark.parametrize(
    "seed", [-1, 1 << 64, "x", "", "1e3", 1.0, True, [1], "1" * 21, "18446744073709551616"]
)
@pytest.mark.parametrize("entry", [tensor, linear])
def test_a_wrong_seed_of_an_entry(seed: Any, entry: Any) -> None:
    detail = "a seed is an integer from 0 to 18446744073709551615, or a decimal string of one"
    assert faults(entry(seed=seed)) == [("/layers/0/seed", detail)]


def test_generator_torch_refuses_an_entrys_seed() -> None:
    ((pointer, detail),) = faults(tensor(seed=1), generator="torch")
    assert pointer == "/layers/0/seed"
    assert "draws all entries from one sequence" in detail
