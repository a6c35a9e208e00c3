"""Layouts: the weights of a recipe, whatever the seed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.checkpoints.layout import Layout, plan_layout
from tensorseed.checkpoints.weight_sets import Weights
from tensorseed.errors import SpecError, TooLargeError
from tensorseed.spec.limits import Limits
from tests.tensorseed.checkpoints.recipes import document, tensor

SEEDS = st.integers(0, (1 << 64) - 1)


def laid_out(layers: list[dict[str, Any]], shard_bytes: int = 1 << 30, dtype: str | None = None) -> Layout:
    return plan_layout(Weights(layers=layers), dtype, Limits(), shard_bytes)


LAYERS = document()["weights"]["layers"]
LAYOUTS = [laid_out(LAYERS), laid_out(LAYERS, 5_000), laid_out(LAYERS, 1), laid_out([])]


@given(SEEDS, st.sampled_from(LAYOUTS))
def test_the_size_of_a_shard_is_that_of_its_file(seed: int, layout: Layout) -> None:
    resolved = layout.resolved.reseeded(seed)
    for shard in layout.shards:
        file = shard.open(resolved)
        assert file.size == shard.size(seed)
        assert shard.tensors == tuple(entry.tensor for entry in file.entries())


def test_shards_part_the_tensors() -> None:
    for layout in LAYOUTS:
        names = [tensor.name for shard in layout.shards for tensor in shard.tensors]
        assert sorted(names) == sorted(tensor.name for tensor in layout.resolved.tensors)
        assert layout.data_bytes == sum(tensor.nbytes for tensor in layout.resolved.tensors)


def test_a_shard_holds_as_much_as_it_may_and_a_larger_tensor_alone() -> None:
    layout = laid_out([tensor("a.{0..4}", [100]), tensor("b", [500]), tensor("c", [100])], 1_000)
    held = [[tensor.name for tensor in shard.tensors] for shard in layout.shards]
    assert held == [["a.0", "a.1"], ["a.2", "a.3"], ["b"], ["a.4", "c"]]


def test_an_index_goes_with_shards_alone() -> None:
    assert LAYOUTS[0].index is None
    assert LAYOUTS[1].index is not None
    assert [shard.path for shard in LAYOUTS[3].shards] == ["model.safetensors"]


@given(st.lists(SEEDS, min_size=2, max_size=2, unique=True))
def test_what_identifies_a_shard_differs_between_seeds_and_shards(seeds: list[int]) -> None:
    recipes = [LAYOUTS[2].resolved.reseeded(seed).recipe.encode() for seed in seeds]
    oids = [shard.oid(recipe) for recipe in recipes for shard in LAYOUTS[2].shards]
    assert len(set(oids)) == 2 * len(LAYOUTS[2].shards)
    assert {len(oid) for oid in oids} == {40}


def test_elements_by_dtype() -> None:
    layout = laid_out([tensor("a", [3], dtype="float64"), tensor("b", [5, 2]), tensor("c", [4])])
    assert layout.parameters == {"F64": 3, "F32": 14}


def test_how_much_each_init_draws() -> None:
    wide = {"kind": "normal", "std": 0.02}
    layout = laid_out([tensor("a.{0..2}", [5], "ones"), tensor("b", [7], wide), tensor("c", [100], wide)])
    assert [tuple(use) for use in layout.inits] == [
        ('{"kind":"normal","std":0.02}', 2, 107),
        ('"ones"', 3, 15),
    ]


def test_inits_that_are_spelled_in_two_ways_are_one() -> None:
    layout = laid_out([tensor("a", [2, 2], "glorot_normal"), tensor("b", [2, 2], {"kind": "xavier_normal"})])
    assert [tuple(use) for use in layout.inits] == [('"xavier_normal"', 2, 8)]


def test_a_tensor_that_no_file_holds() -> None:
    with pytest.raises(TooLargeError, match=r"the tensor w has 50,000,000,004 bytes"):
        laid_out([tensor("w", [12_500_000_001])])
    with pytest.raises(TooLargeError, match="another shape or dtype"):
        laid_out([tensor("w", [12_500_000_000])], dtype="float64")
    assert laid_out([tensor("w", [12_500_000_000])]).data_bytes == 50_000_000_000


def test_faults_are_those_of_the_spec() -> None:
    with pytest.raises(SpecError) as caught:
        laid_out([tensor("w", [1], "nirmal")])
    assert caught.value.faults[0].pointer == "/layers/0/init"


def test_memory_grows_with_the_tensors() -> None:
    assert laid_out([tensor("a.{0..9}", [1])]).nbytes < laid_out([tensor("a.{0..99}", [1])]).nbytes / 5


def test_rules_reach_the_tensors_of_a_recipe() -> None:
    entry = {"name": "h.{0..1}", "type": "Linear", "in_features": 3, "out_features": 2}
    rules = [{"match": "h.1.bias", "init": "zeros"}]
    ruled = plan_layout(Weights(layers=[entry], rules=rules), None, Limits(), 20)
    names = [entry | {"name": "h.0"}, entry | {"name": "h.1", "init": {"bias": "zeros"}}]
    spelled = laid_out(names, 20)
    assert ruled.resolved == spelled.resolved
    assert [shard.digest for shard in ruled.shards] == [shard.digest for shard in spelled.shards]
    assert ruled.resolved.reseeded(7).recipe == spelled.resolved.reseeded(7).recipe


@given(SEEDS)
def test_the_seeds_of_entries_stay_in_every_revision(seed: int) -> None:
    entries = [tensor("a", [3]), {**tensor("b", [3]), "seed": 0}, {**tensor("c", [3]), "seed": 7}]
    layout = laid_out(entries)
    resolved = layout.resolved.reseeded(seed)
    assert [one.stream_of(seed).seed for one in resolved.tensors] == [seed, 0, 7]
    assert [shard.open(resolved).size for shard in layout.shards] == [
        shard.size(seed) for shard in layout.shards
    ]
