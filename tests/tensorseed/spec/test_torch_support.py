"""Generator torch: entry order and torch.nn.init's limits."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.errors import SpecError, TooLargeError, VersionError
from tensorseed.files.virtual_file import open_file
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.spec.limits import Limits
from tensorseed.spec.schemes import SCHEME_CLASSES, SCHEMES, Scheme
from tensorseed.spec.spec import parse_query, parse_spec
from tensorseed.spec.spec_token import decode_token, encode_token
from tensorseed.spec.torch_identity import installed_version, kernels_of
from tensorseed.spec.torch_support import TORCH_KINDS
from tests.tensorseed.spec.test_spec import conv, faults, linear, parse, tensor
from tests.tensorseed.spec.test_spec_token import forge

VERSION = installed_version()
KERNELS = kernels_of("cpu").drawing
NO_FUNCTION = {"values", "logit", "siren"}  # for Tensor.copy_, constant_ and uniform_
RANDOM = sorted(kind for kind in TORCH_KINDS - NO_FUNCTION if SCHEMES[kind].is_random)


def recipe(*layers: Any, **top: Any) -> str:
    return parse(*layers, generator="torch", **top).recipe


def named(*names: str) -> list[dict[str, Any]]:
    return [linear(name=name) for name in names]


def names(text: str) -> list[str]:
    return [layer["name"] for layer in json.loads(text)["layers"]]


def test_the_version_is_torchs():
    assert torch.__version__ == VERSION


def test_the_frozen_form():
    text = recipe(tensor(init="normal"), seed=3)
    layer = '{"init":"normal","name":"w","shape":[2,3],"type":"Tensor"}'
    head = '{"device":"cpu","generator":"torch","layers":['
    assert text == f'{head}{layer}],"seed":"3","torch_kernels":"{KERNELS}","torch_version":"{VERSION}"}}'


def test_the_order_of_entries_counts():
    assert recipe(*named("a", "b")) != recipe(*named("b", "a"))
    assert names(recipe(*named("b", "a"))) == ["b", "a"]


@pytest.mark.parametrize(
    ("sent", "folded"),
    [
        (["a.0", "a.1", "a.2"], ["a.{0..2}"]),
        (["a.1", "a.0"], ["a.1", "a.0"]),
        (["a.{0..1}", "b", "a.2"], ["a.{0..1}", "b", "a.2"]),
        (["a.{0..1}", "a.{2..4}"], ["a.{0..4}"]),
    ],
)
def test_only_neighbours_are_folded(sent: list[str], folded: list[str]) -> None:
    assert names(recipe(*named(*sent))) == folded


def test_what_stands_between_keeps_entries_apart():
    text = recipe(linear(name="a.0"), tensor(), linear(name="a.1"))
    assert names(text) == ["a.0", "w", "a.1"]


def test_one_meaning_has_one_recipe():
    plain = recipe(*named("a.0", "a.1"), seed=1)
    spelled = [linear(name="a.0", bias=True, dtype="float32"), linear(name="a.1", init={})]
    assert recipe(*spelled, seed="1", device="cpu", torch_version=VERSION) == plain
    assert recipe(tensor(init="xavier_uniform")) == recipe(tensor(init={"kind": "glorot_uniform", "gain": 1}))
    # an init that draws nothing and is the default anyway changes nothing, one that draws does
    norm = {"name": "n", "type": "BatchNorm1d", "num_features": 2}
    assert recipe({**norm, "init": {"bias": "zeros"}}) == recipe(norm)
    again = {"bias": {"kind": "uniform", "a": -1 / math.sqrt(3), "b": 1 / math.sqrt(3)}}
    assert parse(linear(init=again)).recipe == parse(linear()).recipe
    assert recipe(linear(init=again)) != recipe(linear())


ENTRIES = st.sampled_from(
    [
        linear(),
        linear(init={"bias": "normal", "weight": "he_normal"}),
        tensor(init={"kind": "normal", "std": 2}, dtype="bfloat16"),
    ]
)
NAMES = ["a", "b.0", "b.1", "b.{3..5}.x.{0..1}", "c1{0..2}", "c.08", "b.2", "b.{6..7}.x.{0..1}"]


@given(st.lists(ENTRIES, max_size=8), st.permutations(NAMES), st.integers(0, 2**64 - 1))
def test_the_recipe_is_its_own_recipe(entries: list[Any], order: list[str], seed: int) -> None:
    layers = [{**entry, "name": name} for entry, name in zip(entries, order, strict=False)]
    resolved = parse(*layers, seed=seed, generator="torch")
    again = parse_spec(resolved.recipe.encode(), Limits())
    assert again == resolved
    assert [step.names for step in again.steps] == [step.names for step in resolved.steps]
    assert decode_token(encode_token(resolved), Limits()) == resolved


def test_the_type_of_device_is_part_of_it_and_its_number_is_not():
    assert parse(tensor(), generator="torch").device == "cpu"
    assert '"device":"cuda"' in recipe(tensor(), device="cuda:3")
    assert recipe(tensor(), device="cuda:3") == recipe(tensor(), device="cuda") != recipe(tensor())
    assert parse(tensor(), generator="torch", device="cuda:3").device == "cuda:3"


def test_the_query_is_the_spec():
    query = {"shape": "2,3", "init": "normal", "generator": "torch", "seed": "4", "torch_version": VERSION}
    assert parse_query(query, Limits()) == parse(
        tensor(name="weight", init="normal"), seed=4, generator="torch"
    )


def test_the_metadata_name_the_generator():
    header = open_file(parse(tensor(), generator="torch")).header
    metadata = json.loads(header[8:])["__metadata__"]
    assert metadata == {
        "format": "pt",
        "tensorseed.generator": "torch",
        "tensorseed.torch_version": VERSION,
        "tensorseed.torch_kernels": KERNELS,
        "tensorseed.device": "cpu",
        "tensorseed.recipe": recipe(tensor()),
    }


def test_another_version_is_not_ours():
    with pytest.raises(VersionError, match=re.escape(f"of torch 1.2.3 and this host has torch {VERSION}")):
        parse(tensor(), generator="torch", torch_version="1.2.3")
    foreign = forge(recipe(tensor()).replace(VERSION, "1.2.3"))
    with pytest.raises(VersionError, match=r"ask a host with torch 1\.2\.3"):
        decode_token(foreign, Limits())


@pytest.mark.parametrize(
    "version", ["", "2", "2.13.0+", "2.13.0 cpu", "new", "2." + "1" * 40, "2.13.0+" + "1" * 41, 2.13]
)
def test_a_version_is_a_version(version: Any) -> None:
    ((pointer, detail),) = faults(tensor(), generator="torch", torch_version=version)
    assert pointer == "/torch_version"
    assert "such as 2.13.0" in detail


@pytest.mark.parametrize("kernels", ["", "x86_64 avx512", "é", "a" * 161, 5])
def test_kernels_are_a_word(kernels: Any) -> None:
    ((pointer, detail),) = faults(tensor(), generator="torch", torch_kernels=kernels)
    assert pointer == "/torch_kernels"
    assert "copy it, or leave it out" in detail


@pytest.mark.parametrize(
    ("field", "value"), [("torch_version", VERSION), ("torch_kernels", KERNELS), ("init_order", "last")]
)
def test_philox_has_no_torch(field: str, value: str) -> None:
    assert faults(tensor(), **{field: value}) == [
        (f"/{field}", f"{field} goes with generator torch: leave it out")
    ]


def test_a_name_is_yielded_once():
    ((pointer, detail),) = faults(*named("a", "b.{0..2}", "b.1"), generator="torch")
    assert pointer == "/layers/2/name"
    assert "is yielded by layers 1 and 2" in detail


def test_a_whole_file_has_a_limit_of_its_own():
    limits = Limits(materialised_bytes=24)
    parse(tensor(), generator="torch", limits=limits)
    parse(tensor(shape=[7]), limits=limits)
    with pytest.raises(TooLargeError, match=r"would hold 28 bytes, the limit is 24: split"):
        parse(tensor(shape=[7]), generator="torch", limits=limits)


@pytest.mark.parametrize("generator", ["philox", "torch"])
def test_entries_without_tensors_count_too(generator: str) -> None:
    """Each costs a name, and with generator torch a module."""
    empty = {"type": "LayerNorm", "normalized_shape": 2, "elementwise_affine": False}
    layers = [{"name": f"{letter}{{0..9}}", **empty} for letter in "abc"]
    with pytest.raises(SpecError, match="the limit is 25"):
        parse(*layers, generator=generator, limits=Limits(tensors=25))
    assert not parse(*layers, generator=generator, limits=Limits(tensors=30)).tensors


@pytest.mark.parametrize("cls", SCHEME_CLASSES)
def test_a_scheme_is_in_torch_where_torch_has_a_function_of_its_name(cls: type[Scheme]) -> None:
    kind = cls.spellings()[0]
    assert cls.in_torch == (hasattr(torch.nn.init, f"{kind}_") or kind in NO_FUNCTION)


def test_every_init_of_torch_is_a_scheme() -> None:
    functions = {
        name.removesuffix("_")
        for name in vars(torch.nn.init)
        if name.endswith("_") and not name.startswith("_")
    }
    assert functions | NO_FUNCTION == TORCH_KINDS


FLOATS = ["float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"]
PHILOX_ONLY = sorted({scheme.spellings()[0] for scheme in SCHEMES.values()} - TORCH_KINDS - {"parts"})


def refused(layer: dict[str, Any], **top: Any) -> tuple[str, str]:
    (fault,) = faults(layer, generator="torch", **top)
    return fault


@pytest.mark.parametrize("kind", PHILOX_ONLY)
def test_a_scheme_that_torch_lacks(kind: str) -> None:
    kernels = {"delta_orthogonal": [3, 3, 3], "bilinear": [3, 3, 3, 3], "weight_norm": [4, 1]}
    kernels["decay"] = [2, 4, 1]
    shape = kernels.get(kind, [4, 4])
    bounds: dict[str, Any] = {"a": 0.5, "b": 2}
    needed = {"log_uniform": bounds, "log_of_uniform": bounds, "weight_norm": {**bounds, "of_shape": [4, 4]}}
    needed["decay"] = {"rates": [0.5, 0.25]}
    parameters = needed.get(kind, {})
    pointer, detail = refused(tensor(shape=shape, init={"kind": kind, **parameters}))
    assert pointer == "/layers/0/init"
    assert f"torch has no {kind}: choose one of constant, " in detail
    assert detail.endswith("or leave generator out, or say philox")
    weight = conv(in_channels=2, kernel_size=1) if kind in kernels else linear()
    assert refused({**weight, "init": {"weight": kind}})[0] == "/layers/0/init/weight"


@pytest.mark.parametrize(
    ("layer", "pointer", "detail"),
    [
        (tensor(stream="v"), "/layers/0/stream", "order of layers"),
        (tensor(stream="w"), "/layers/0/stream", "order of layers"),
        (tensor(fan_axes={"in": 0, "out": 1}), "/layers/0/fan_axes", "its own axes"),
        (tensor(fan_axes={"in": 1, "out": 0}), "/layers/0/fan_axes", "its own axes"),
        (tensor(padding_idx=0), "/layers/0/padding_idx", "fills every row: use an Embedding"),
        (tensor(init="normal", dtype="float8_e5m2"), "/layers/0/init", "draws no float8_e5m2 numbers"),
        (linear(dtype="float8_e4m3fn"), "/layers/0/dtype", "draws no float8_e4m3fn numbers: use bfloat16"),
        (
            tensor(init={"kind": "uniform", "a": -6e4, "b": 6e4}, dtype="float16"),
            "/layers/0/init",
            "interval this wide",
        ),
        (
            tensor(init={"kind": "constant", "value": 65510}, dtype="float16"),
            "/layers/0/init",
            "beyond float16's largest value",
        ),
        (tensor(init={"kind": "trunc_normal", "a": 4, "b": 1e6}), "/layers/0/init", "move the far bound"),
        (tensor(init={"kind": "eye", "gain": 0.98}), "/layers/0/init", "torch's eye_ has no gain"),
        (
            tensor(init={"kind": "eye", "gain": 0.98}, shape=[2, 2, 3]),
            "/layers/0/init",
            "torch's dirac_ has no gain",
        ),
        (
            tensor(init={"kind": "trunc_normal", "a": 3, "b": "Infinity"}),
            "/layers/0/init",
            "give two bounds that float32 holds",
        ),
    ],
)
def test_what_torch_cannot_do(layer: dict[str, Any], pointer: str, detail: str) -> None:
    found, told = refused(layer)
    assert found == pointer
    assert detail in told


def test_the_dtype_of_the_spec_is_the_entrys_fault() -> None:
    pointer, detail = refused(linear(init={"weight": "zeros", "bias": "zeros"}), dtype="float8_e5m2")
    assert pointer == "/layers/0"
    assert "draws no float8_e5m2 numbers" in detail


def test_philox_can_do_all_of_it() -> None:
    parse(tensor(stream="v", fan_axes={"in": 0, "out": 1}), linear(dtype="float8_e4m3fn"))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("kind", RANDOM)
def test_torch_draws_what_is_offered_and_nothing_else(kind: str, dtype: str) -> None:
    """If a new torch draws more, the rules can be widened: this test says so."""
    real = torch.empty(6, 4, dtype=getattr(torch, dtype))
    parameters = {"sparsity": 0.5} if kind == "sparse" else {}
    offered = DTYPES[dtype].itemsize > 1 and (kind != "orthogonal" or dtype in {"float64", "float32"})
    draw = getattr(torch.nn.init, f"{kind}_")
    if offered:
        draw(real, **parameters)
    else:
        with pytest.raises(RuntimeError, match="not implemented"):
            draw(real, **parameters)


@pytest.mark.parametrize(
    "interval", [(-2.0, 2.0), (0.0, 1e6), (-1e6, 0.3), (0.1, 0.2), (3.0, 5.0), (2.0, 2.0), (-9.0, -8.0)]
)
def test_intervals_that_torch_draws_in_good_time_are_offered(interval: tuple[float, float]) -> None:
    a, b = interval
    parse(tensor(init={"kind": "trunc_normal", "a": a, "b": b}), generator="torch")


@pytest.mark.parametrize("shape", [[1 << 28], [1]])
@pytest.mark.parametrize("interval", [(-2.0, 2.0), (-0.6, 0.2), (0.0, 0.9), (-0.4, 0.3), (4.0, 4.5)])
def test_usual_intervals_are_offered_at_any_size(interval: tuple[float, float], shape: list[int]) -> None:
    a, b = interval
    parse(tensor(shape=shape, init={"kind": "trunc_normal", "a": a, "b": b}), generator="torch")


DRAWN = {"init": {"weight": "normal"}}


@pytest.mark.parametrize(
    ("layers", "matters"),
    [
        ([linear(name="a.{0..1}", **DRAWN)], True),
        ([linear(name="a", **DRAWN), linear(name="b")], True),
        ([linear(name="a", **DRAWN)], False),
        ([linear(name="a"), linear(name="b", **DRAWN)], False),
        ([linear(name="a", init={"weight": "zeros"}), linear(name="b")], False),
        ([linear(name="a", **DRAWN), tensor(init="normal")], False),
        ([linear(name="a", **DRAWN), {"name": "n", "type": "BatchNorm1d", "num_features": 3}], False),
    ],
)
def test_a_recipe_holds_an_order_of_inits_that_changes_a_number(layers: list[Any], matters: bool) -> None:
    text = recipe(*layers, init_order="interleaved")
    assert ('"generator":"torch","init_order":"interleaved","layers":' in text) == matters
    assert (text == recipe(*layers)) != matters
    document = json.loads(text)
    assert parse(*document.pop("layers"), **document).recipe == text


@pytest.mark.parametrize("order", ["first", "", 1, ["last"]])
def test_an_order_of_inits_is_one_of_two_words(order: Any) -> None:
    ((pointer, detail),) = faults(tensor(), generator="torch", init_order=order)
    assert pointer == "/init_order"
    assert "interleaved" in detail
