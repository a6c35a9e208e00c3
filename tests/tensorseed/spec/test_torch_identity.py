"""The identity of a file of generator torch: version, type of device, and the order of entries."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.errors import SpecError, TooLargeError, VersionError
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_query, parse_spec
from tensorseed.spec.spec_token import decode_token, encode_token
from tensorseed.spec.torch_identity import installed_version
from tests.tensorseed.spec.test_spec import faults, linear, parse, tensor
from tests.tensorseed.spec.test_spec_token import forge

VERSION = installed_version()


def recipe(*layers: Any, **top: Any) -> str:
    return parse(*layers, generator="torch", **top).recipe


def named(*names: str) -> list[dict[str, Any]]:
    return [linear(name=name) for name in names]


def names(text: str) -> list[str]:
    return [layer["name"] for layer in json.loads(text)["layers"]]


def test_the_version_is_torchs():
    assert torch.__version__.split("+")[0] == VERSION


def test_the_frozen_form():
    text = recipe(tensor(init="normal"), seed=3)
    layer = '{"init":"normal","name":"w","shape":[2,3],"type":"Tensor"}'
    head = '{"device":"cpu","generator":"torch","layers":['
    assert text == f'{head}{layer}],"seed":"3","torch_version":"{VERSION}"}}'


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
        "tensorseed.device": "cpu",
        "tensorseed.recipe": recipe(tensor()),
    }


def test_another_version_is_not_ours():
    with pytest.raises(VersionError, match=f"of torch 1.2.3 and this host has torch {VERSION}"):
        parse(tensor(), generator="torch", torch_version="1.2.3")
    foreign = forge(recipe(tensor()).replace(VERSION, "1.2.3"))
    with pytest.raises(VersionError, match=r"ask a host with torch 1\.2\.3"):
        decode_token(foreign, Limits())


@pytest.mark.parametrize("version", ["", "2", "2.13.0+cpu", "new", "2." + "1" * 40, 2.13])
def test_a_version_is_a_version(version: Any) -> None:
    ((pointer, detail),) = faults(tensor(), generator="torch", torch_version=version)
    assert pointer == "/torch_version"
    assert "such as 2.13.0" in detail


def test_philox_has_no_version():
    assert faults(tensor(), torch_version=VERSION) == [
        ("/torch_version", "torch_version goes with generator torch: leave it out")
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
    assert parse(*layers, generator=generator, limits=Limits(tensors=30)).tensors == ()
