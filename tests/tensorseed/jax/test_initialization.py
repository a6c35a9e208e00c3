"""Arrays of a spec: the service's bits in every sharding, trees, refusals."""

from __future__ import annotations

import doctest
import sys
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec, SingleDeviceSharding

import tensorseed
import tensorseed.jax as tj
from tensorseed.sampling.dtypes import TENSOR_DTYPES
from tensorseed.weights import jax_arrays
from tensorseed.weights.base import Weights
from tensorseed.weights.local import LocalWeights
from tests.tensorseed.jax.specs import SPEC, array_bytes, digest, service_bytes, tensor

LAYOUTS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "replicated": ("row", ()),
    "rows": ("row", ("x",)),
    "columns": ("row", (None, "x")),
    "two of four devices": ("pair", ("x",)),
    "grid": ("grid", ("x", "y")),
    "grid, transposed": ("grid", ("y", "x")),
    "grid, rows alone": ("grid", ("x",)),
    "grid, both axes on the rows": ("grid", (("x", "y"),)),
    "grid, both axes on the columns": ("grid", (None, ("y", "x"))),
    "devices in another order": ("turned", ("x", "y")),
}


def fitted(mesh: Any, axes: tuple[Any, ...]) -> Any:
    """The sharding of a shape along those of the axes that divide it."""

    def sharding(name: str, shape: tuple[int, ...]) -> NamedSharding:
        def fits(axis: Any, size: int) -> bool:
            sizes = [mesh.shape[part] for part in (axis if isinstance(axis, tuple) else (axis,))]
            return size % int(np.prod(sizes)) == 0

        spec = [
            axis if axis is not None and fits(axis, size) else None
            for axis, size in zip(axes, shape, strict=False)
        ]
        return NamedSharding(mesh, PartitionSpec(*spec))

    return sharding


@pytest.fixture(scope="module")
def expected(client: Any) -> dict[str, bytes]:
    return service_bytes(client, SPEC)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_sharding_has_the_digest_of_the_services_file(
    meshes: Any, expected: dict[str, bytes], layout: str
) -> None:
    mesh, axes = LAYOUTS[layout]
    place = fitted(meshes[mesh], axes)
    arrays = tj.init(SPEC, place)
    found = array_bytes(arrays)
    assert digest(found) == digest(expected)
    assert found == expected
    for name, array in arrays.items():
        assert array.sharding == place(name, array.shape)
        for shard in array.addressable_shards:
            assert np.asarray(shard.data).tobytes() == np.asarray(array)[shard.index].tobytes()


def test_arrays_are_on_the_default_device(expected: dict[str, bytes]) -> None:
    arrays = tj.init(SPEC)
    assert array_bytes(arrays) == expected
    assert list(arrays) == list(tensorseed.open(SPEC))
    assert {(array.device, array.committed) for array in arrays.values()} == {(jax.devices()[0], False)}
    with jax.default_device(jax.devices()[2]):
        assert tj.init(SPEC)["stats/scale"].device == jax.devices()[2]


def test_one_sharding_a_mapping_or_a_function(meshes: Any, expected: dict[str, bytes]) -> None:
    rows = NamedSharding(meshes["row"], PartitionSpec("x"))
    one = SingleDeviceSharding(jax.devices()[3])
    arrays = tj.init(SPEC, {"*/kernel": one, "params/dense_*": rows, "*": None})
    assert array_bytes(arrays) == expected
    shardings = {name: array.sharding for name, array in arrays.items()}
    assert shardings["params/dense_0/kernel"] == one  # the first glob that matches
    assert shardings["params/dense_1/bias"] == rows
    assert not arrays["stats/scale"].committed
    torch_names = {
        "layers": [{"name": "blocks.{0..2}.fc", "type": "Linear", "in_features": 4, "out_features": 8}]
    }
    arrays = tj.init(torch_names, {"blocks.{1..2}.**": rows, "bias": None, "**": one})
    assert arrays["blocks.1.fc.bias"].sharding == arrays["blocks.2.fc.weight"].sharding == rows
    assert arrays["blocks.0.fc.weight"].sharding == one
    assert not arrays["blocks.0.fc.bias"].committed
    assert array_bytes(tj.init(SPEC, one)) == expected
    assert array_bytes(tj.init(SPEC, lambda name, shape: one if len(shape) == 2 else None)) == expected


def test_a_spec_is_whatever_can_be_opened(expected: dict[str, bytes]) -> None:
    weights = tensorseed.open(SPEC)
    assert array_bytes(tj.init(weights)) == expected
    assert array_bytes(tj.init(weights.token)) == expected
    assert array_bytes(weights.jax()) == expected
    assert len(tj.init("tensorseed/tiny-llama")) > 10


def test_an_array_is_computed_once_for_all_replicas(meshes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    parts: list[Any] = []
    fill = LocalWeights.fill_parts

    def recording(self: LocalWeights, found: Any) -> None:
        parts.extend(found)
        fill(self, found)

    monkeypatch.setattr(LocalWeights, "fill_parts", recording)
    spec = {"layers": [tensor("w", [8, 6], "normal")]}
    for sharding, boxes in (
        (NamedSharding(meshes["row"], PartitionSpec()), ["0:8,0:6"]),
        (NamedSharding(meshes["grid"], PartitionSpec("y")), ["0:4,0:6", "4:8,0:6"]),
        (NamedSharding(meshes["pair"], PartitionSpec(None, "x")), ["0:8,0:3", "0:8,3:6"]),
    ):
        parts.clear()
        tj.init(spec, sharding)
        assert sorted(str(part.box) for part in parts) == boxes


def test_batches_of_shards_have_the_same_bits(
    meshes: Any, expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jax_arrays, "BATCH_BYTES", 40_000)
    assert array_bytes(tj.init(SPEC, fitted(meshes["grid"], ("x", "y")))) == expected


def test_shards_that_are_read_one_by_one_have_the_same_bits(
    meshes: Any, expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalWeights, "fill_parts", Weights.fill_parts)  # as weights of a service do
    for sharding in (None, fitted(meshes["grid"], ("x", "y"))):
        assert array_bytes(tj.init(SPEC, sharding)) == expected


def test_devices_of_the_cpu_share_memory_that_donation_spares(meshes: Any) -> None:
    sharding = NamedSharding(meshes["row"], PartitionSpec())
    array = tj.init({"layers": [tensor("w", [64, 64], "ones")]}, sharding)["w"]
    pointers = {shard.data.unsafe_buffer_pointer() for shard in array.addressable_shards}
    assert len(pointers) == 1
    added = jax.jit(lambda x: x + 1, donate_argnums=0)(array)
    assert array.is_deleted()
    assert {
        float(number) for shard in added.addressable_shards for number in (shard.data.min(), shard.data.max())
    } == {2}


@pytest.fixture
def wide() -> Iterator[None]:
    """64-bit dtypes of jax."""
    with jax.enable_x64(True):
        yield


def every_dtype() -> dict[str, Any]:
    whole = {"int64": {"kind": "constant", "value": 1 << 40}, "bool": "tril"}
    return {
        "layers": [tensor(name, [8, 12], whole.get(name, "normal"), dtype=name) for name in TENSOR_DTYPES]
    }


def test_every_dtype(wide: None, meshes: Any, client: Any) -> None:
    arrays = tj.init(every_dtype(), NamedSharding(meshes["row"], PartitionSpec("x")))
    assert {name: array.dtype.name for name, array in arrays.items()} == {
        name: name for name in TENSOR_DTYPES
    }
    assert array_bytes(arrays) == service_bytes(client, every_dtype())


def test_64_bits_are_never_narrowed() -> None:
    with pytest.raises(
        tensorseed.UnrepresentableError, match=r"would round int64 of .*call .*jax_enable_x64"
    ):
        tj.init(every_dtype())


def test_a_separator_makes_a_dict_of_dicts() -> None:
    tree = tj.init(SPEC, separator="/")
    assert sorted(tree) == ["params", "stats"]
    assert sorted(tree["params"]["dense_0"]) == ["bias", "kernel"]
    assert jax.tree.structure(tree).num_leaves == 12
    flat = tj.init(SPEC)
    for path, leaf in jax.tree.leaves_with_path(tree):
        assert np.array_equal(leaf, flat["/".join(part.key for part in path)])
    layer = {"layers": [{"name": "0", "type": "Linear", "in_features": 3, "out_features": 2}]}
    assert sorted(tj.init(layer, separator=".")["0"]) == ["bias", "weight"]


@pytest.mark.parametrize("names", [("a/b", "a"), ("a", "a/b/c"), ("a/b", "a/b/c")])
def test_a_name_within_a_name_is_no_tree(names: tuple[str, str]) -> None:
    spec = {"layers": [tensor(name, [2], "ones") for name in names]}
    assert len(tj.init(spec)) == 2
    with pytest.raises(tensorseed.UnrepresentableError, match=r"would be a tensor and a dict with 'a/b"):
        tj.init(spec, separator="/")
    with pytest.raises(tensorseed.UnrepresentableError, match="separator is a text between"):
        tj.init(spec, separator="")


def test_refusals(meshes: Any) -> None:
    rows = NamedSharding(meshes["row"], PartitionSpec("x"))
    spec = {"layers": [tensor("w", [6, 4], "normal"), tensor("bias", [4], "zeros")]}
    with pytest.raises(tensorseed.TensorError, match=r"of 'w' does not fit its shape: .*\b6\b"):
        tj.init(spec, rows)
    with pytest.raises(tensorseed.TensorError, match=r"of 'bias' does not fit its shape"):
        tj.init(spec, NamedSharding(meshes["row"], PartitionSpec(None, "x")))
    with pytest.raises(tensorseed.UnknownNameError, match=r"'bias' has no sharding: .*\"\*\*\""):
        tj.init(spec, {"w": None})
    with pytest.raises(tensorseed.UnknownNameError, match=r"'bia' shards nothing: .*did you mean bias\?"):
        tj.init(spec, {"bia": rows, "*": None})
    with pytest.raises(tensorseed.UnknownNameError, match=r"is no pattern of names: a bracket is not closed"):
        tj.init(spec, {"[w": rows, "*": None})
    with pytest.raises(TypeError, match=r"is no sharding for 'bias'.*NamedSharding"):
        tj.init(spec, PartitionSpec("x"))  # type: ignore[call-overload]
    with pytest.raises(tensorseed.SpecError, match="xavier_uniform needs fan_in and fan_out"):
        tj.init({"layers": [tensor("b", [4], "xavier_uniform")]})


def test_large_shards_of_every_alignment(meshes: Any) -> None:
    """Runs of columns that begin anywhere in a block of the stream."""
    for columns in (4 * 1023, 4 * 2050, 4 * 3):
        for init in ("normal", "orthogonal"):
            spec = {"layers": [tensor("w", [130, columns] if init == "normal" else [64, 4 * 9], init)]}
            array = tj.init(spec, NamedSharding(meshes["row"], PartitionSpec(None, "x")))["w"]
            assert np.array_equal(np.asarray(array), tensorseed.open(spec)["w"][...])


def test_arrays_can_be_computed_with(meshes: Any) -> None:
    tree = tj.init(SPEC, fitted(meshes["grid"], ("x", "y")), separator="/")
    norm = jax.jit(lambda tree: sum(jnp.sum(leaf.astype("float32") ** 2) for leaf in jax.tree.leaves(tree)))
    parts = [np.sum(np.asarray(leaf, np.float64) ** 2) for leaf in jax.tree.leaves(tree)]
    assert float(norm(tree)) == pytest.approx(sum(parts), rel=1e-4)


@pytest.mark.parametrize("module", ["tensorseed.jax.initialization", "tensorseed.jax.initializers"])
def test_the_examples_of_the_docstrings(module: str) -> None:
    results = doctest.testmod(sys.modules[module])
    assert results.attempted > 0
    assert results.failed == 0
