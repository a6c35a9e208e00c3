"""Initialisers: the same bits in flax and equinox, at once and traced."""

from __future__ import annotations

import json
from typing import Any

import equinox
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import tensorseed
import tensorseed.jax as tj
from tensorseed.jax import primitive
from tests.tensorseed.jax.specs import service_bytes, tensor

SHAPE = (8, 12)
SPEC: dict[str, Any] = {"seed": 42, "layers": [tensor("w", list(SHAPE), "xavier_uniform")]}
INITIALIZE = tj.initializer("xavier_uniform", name="w", seed=42)


def draw(key: Any) -> jax.Array:
    return INITIALIZE(key, SHAPE)


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    """The array of the spec."""
    return tensorseed.open(SPEC)["w"][...]


@pytest.fixture(scope="module")
def key() -> jax.Array:
    return jax.random.key(0)


def test_the_bits_are_the_services(client: Any, key: jax.Array) -> None:
    entries = [
        (tensor("w", [64, 32], "xavier_uniform"), {}),
        (tensor("w", [3, 3, 8, 16], "kaiming_normal"), {}),
        (tensor("w", [64, 32], {"kind": "normal", "std": 0.02}, dtype="bfloat16"), {"std": 0.02}),
        (tensor("w", [8], "zeros"), {}),
        (tensor("w", [], "ones"), {}),
        (tensor("w", [16, 8], "orthogonal", dtype="float16"), {}),
        ({**tensor("w", [16, 8], "lecun_normal"), "fan_axes": {"in": 1, "out": 0}}, {}),
        ({**tensor("w", [4, 6, 8], "orthogonal"), "fan_axes": {"in": [1], "out": -1, "batch": 0}}, {}),
        (tensor("w", [3, 4, 16], "orthogonal"), {}),
    ]
    for entry, parameters in entries:
        scheme = entry["init"] if isinstance(entry["init"], str) else entry["init"]["kind"]
        dtype = jnp.dtype(entry.get("dtype", "float32"))
        for init in (scheme, {"kind": scheme}):
            initialize = tj.initializer(init, name="w", seed=42, fan_axes=entry.get("fan_axes"), **parameters)
            array = initialize(key, tuple(entry["shape"]), dtype)
            assert (array.dtype, array.shape) == (dtype, tuple(entry["shape"]))
            found = service_bytes(client, {"seed": 42, "layers": [entry]})["w"]
            assert np.asarray(array).tobytes() == found


def test_the_key_is_not_read(expected: np.ndarray, key: jax.Array) -> None:
    for any_key in (key, jax.random.key(1), jax.random.PRNGKey(3), None):
        assert np.array_equal(draw(any_key), expected)


def test_the_default_dtype_is_jaxs(key: jax.Array) -> None:
    assert draw(key).dtype == jnp.float32
    with jax.enable_x64(True):
        assert draw(key).dtype == jnp.float64
        spec = {"seed": 42, "layers": [{**SPEC["layers"][0], "dtype": "float64"}]}
        assert np.array_equal(draw(key), tensorseed.open(spec)["w"][...])
    with pytest.raises(tensorseed.UnrepresentableError, match="jax_enable_x64"):
        INITIALIZE(key, SHAPE, jnp.float64)


def test_a_traced_program_holds_no_constant(expected: np.ndarray, key: jax.Array) -> None:
    big = lambda key: INITIALIZE(key, (1 << 20, 1 << 14))  # noqa: E731 - 64 GiB
    for traced in (big, lambda key: big(None)):
        assert jax.eval_shape(traced, key).shape == (1 << 20, 1 << 14)
        text = jax.jit(traced).lower(key).as_text()
        assert len(text) < 10_000
    assert np.array_equal(jax.jit(draw)(key), expected)
    assert np.array_equal(jax.jit(lambda: draw(None))(), expected)


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit])
@pytest.mark.parametrize(
    "axes", [(), ("x",), (None, "x"), ("x", "y"), (None, ("y", "x")), (("x", "y"), None)]
)
def test_every_device_draws_its_shard(
    kind: AxisType,
    axes: tuple[Any, ...],
    expected: np.ndarray,
    key: jax.Array,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mesh, spec = jax.make_mesh((2, 2), ("x", "y"), axis_types=(kind,) * 2), PartitionSpec(*axes)
    sharding = NamedSharding(mesh, spec)
    drawn: list[tuple[int, ...]] = []
    shard = primitive._shard
    monkeypatch.setattr(primitive, "_shard", lambda *a: drawn.append(a[1]) or shard(*a))

    def sharded(key: jax.Array) -> jax.Array:
        return INITIALIZE(key, SHAPE, out_sharding=sharding)

    at_once = sharded(key)
    assert at_once.sharding == sharding
    assert np.array_equal(at_once, expected)
    program = jax.jit(sharded).lower(key).compile()
    for word in ("all-gather", "all-reduce", "all-to-all", "collective"):
        assert word not in str(program.as_text())
    traced = program(key)
    assert traced.sharding.is_equivalent_to(sharding, 2)
    assert np.array_equal(traced, expected)
    assert drawn == [sharding.shard_shape(SHAPE)] * 4
    with jax.sharding.set_mesh(mesh):
        for program in (lambda key: INITIALIZE(key, SHAPE, out_sharding=spec), draw):
            for found in (program(key), jax.jit(program)(key)):
                assert np.array_equal(found, expected)


def test_a_whole_draw_takes_any_sharding_of_jit(expected: np.ndarray, key: jax.Array, meshes: Any) -> None:
    for mesh, axes in (("row", ("x",)), ("grid", ("y", "x")), ("grid", ())):
        sharding = NamedSharding(meshes[mesh], PartitionSpec(*axes))
        found = jax.jit(draw, out_shardings=sharding)(key)
        assert found.sharding == sharding
        assert np.array_equal(found, expected)


def test_a_draw_stands_among_other_operations(expected: np.ndarray, key: jax.Array) -> None:
    gradient = jax.jit(jax.grad(lambda x, key: jnp.sum(x * draw(key))))(2.0, key)
    assert float(gradient) == pytest.approx(float(expected.sum()), rel=1e-4)
    assert np.array_equal(jax.checkpoint(draw)(key), expected)
    _, steps = jax.lax.scan(lambda carry, key: (carry, draw(key)), 0, jax.random.split(key, 3))
    assert np.array_equal(steps, np.stack([expected] * 3))  # as the docstring says


def test_a_vmap_draws_a_range_of_names(key: jax.Array, client: Any) -> None:
    name = "layers.{9..11}.kernel"  # in the order of the numbers, which the file does not have
    initialize = tj.initializer("lecun_normal", name=name, seed=3)
    found = service_bytes(client, {"seed": 3, "layers": [tensor(name, [4, 6], "lecun_normal")]})
    expected = b"".join(found[f"layers.{i}.kernel"] for i in (9, 10, 11))
    keys = jax.random.split(key, 3)

    def stack(key: jax.Array) -> jax.Array:
        return initialize(jax.random.fold_in(key, 1), (4, 6))

    for program in (jax.vmap(stack), jax.jit(jax.vmap(stack)), jax.vmap(jax.jit(stack))):
        assert np.asarray(program(keys)).tobytes() == expected
    last = jax.vmap(stack, out_axes=-1)(keys)
    assert np.moveaxis(np.asarray(last), -1, 0).tobytes() == expected


def test_a_vmap_of_one_key_draws_once(expected: np.ndarray, key: jax.Array) -> None:
    found = jax.vmap(lambda x: x * draw(key))(jnp.ones(3))
    assert np.array_equal(found, np.stack([expected] * 3))


@pytest.mark.parametrize(
    ("name", "mapped", "words"),
    [
        ("w", 3, r"a vmap over 3 keys draws as many tensors, and w names 1: .*layers\.{0\.\.2}\.kernel"),
        ("l.{0..3}", 3, r"l\.{0\.\.3} names 4"),
        ("l.{0..2}", None, r"l\.{0\.\.2} names 3 tensors, and one is drawn: .*under jax\.vmap"),
        ("", None, "name"),
    ],
)
def test_refused_names(name: str, mapped: int | None, words: str, key: jax.Array) -> None:
    initialize = tj.initializer("normal", name=name)
    for trace in (lambda program: program, jax.jit):
        program = trace(lambda key: initialize(key, SHAPE))
        with pytest.raises(tensorseed.SpecError, match=words):
            jax.vmap(program)(jax.random.split(key, mapped)) if mapped else program(key)


def test_numbers_of_numpy(key: jax.Array) -> None:
    given = tj.initializer("normal", name="w", seed=np.int64(3), std=np.float32(0.5))
    expected = tj.initializer("normal", name="w", seed=3, std=0.5)
    assert np.array_equal(given(key, np.array(SHAPE)), expected(key, SHAPE))


def test_refusals(key: jax.Array, meshes: Any) -> None:
    with pytest.raises(tensorseed.SpecError, match="std must be a finite number"):
        tj.initializer("normal", name="w", std=float("nan"))(key, SHAPE)
    with pytest.raises(tensorseed.SpecError, match="init/kind: unknown scheme"):
        tj.initializer(5, name="w")(key, SHAPE)
    with pytest.raises(TypeError, match="float"):
        INITIALIZE(key, (8.5, 4))
    with pytest.raises(tensorseed.SpecError, match="xavier_uniform needs fan_in and fan_out"):
        INITIALIZE(key, (8,))
    with pytest.raises(tensorseed.SpecError, match="unknown scheme: did you mean xavier_normal"):
        tj.initializer("xavier_norm", name="w")(key, SHAPE)
    with pytest.raises(tensorseed.SpecError, match="dtype must be one of"):
        INITIALIZE(key, SHAPE, jnp.complex64)
    with pytest.raises(TypeError, match="must be a NamedSharding or a PartitionSpec"):
        INITIALIZE(key, SHAPE, out_sharding="x")
    uneven = NamedSharding(meshes["row"], PartitionSpec(None, "x"))
    for program in (INITIALIZE, jax.jit(INITIALIZE, static_argnums=(1, 2, 3))):
        with pytest.raises(tensorseed.TensorError, match="'w' does not fit its shape"):
            program(key, (8, 10), jnp.float32, uneven)
    mapped = jax.vmap(lambda key: INITIALIZE(key, SHAPE, out_sharding=uneven))
    with pytest.raises(tensorseed.SpecError, match="under a vmap and with out_sharding"):
        mapped(jax.random.split(key, 1))
    twice = tj.initializer("normal", name="{0..1}")
    with pytest.raises(tensorseed.SpecError, match="under a vmap and another vmap"):
        jax.vmap(jax.vmap(lambda key: twice(key, SHAPE)))(jax.random.split(key, (2, 2)))


KERNELS = {
    "dense_0/kernel": ((12, 32), "kaiming_normal"),
    "dense_1/kernel": ((32, 4), "xavier_uniform"),
    "dense_1/bias": ((4,), {"kind": "normal", "std": 0.1}),
}


def kernels(client: Any) -> dict[str, bytes]:
    layers = [tensor(name, list(shape), init) for name, (shape, init) in KERNELS.items()]
    return service_bytes(client, {"seed": 7, "layers": layers})


def of(name: str) -> Any:
    return tj.initializer(KERNELS[name][1], name=name, seed=7)


class Linen(linen.Module):
    """Two layers of flax.linen."""

    @linen.compact
    def __call__(self, x: Any) -> Any:
        x = linen.Dense(32, use_bias=False, kernel_init=of("dense_0/kernel"), name="dense_0")(x)
        x = linen.relu(x)
        return linen.Dense(4, kernel_init=of("dense_1/kernel"), bias_init=of("dense_1/bias"), name="dense_1")(
            x
        )


@pytest.mark.parametrize("traced", [False, True])
def test_flax_linen(client: Any, key: jax.Array, traced: bool) -> None:
    model, x = Linen(), jnp.ones((2, 12))
    variables = (jax.jit(model.init) if traced else model.init)(key, x)
    found = {"/".join(p.key for p in path[1:]): leaf for path, leaf in jax.tree.leaves_with_path(variables)}
    assert {name: np.asarray(leaf).tobytes() for name, leaf in found.items()} == kernels(client)
    assert model.apply(variables, x).shape == (2, 4)


def test_a_tree_of_init_is_flax_linens(key: jax.Array) -> None:
    layers = [tensor(f"params/{name}", list(shape), init) for name, (shape, init) in KERNELS.items()]
    variables = tj.init({"layers": layers}, separator="/")
    model, x = Linen(), jnp.ones((2, 12))
    shapes = jax.tree.map(lambda leaf: leaf.shape, variables)
    assert shapes == jax.tree.map(lambda leaf: leaf.shape, jax.eval_shape(model.init, key, x))
    assert model.apply(variables, x).shape == (2, 4)


class Nnx(nnx.Module):
    """Two layers of flax.nnx."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.dense_0 = nnx.Linear(12, 32, use_bias=False, kernel_init=of("dense_0/kernel"), rngs=rngs)
        self.dense_1 = nnx.Linear(
            32, 4, kernel_init=of("dense_1/kernel"), bias_init=of("dense_1/bias"), rngs=rngs
        )

    def __call__(self, x: Any) -> Any:
        return self.dense_1(nnx.relu(self.dense_0(x)))


@pytest.mark.parametrize("build", [Nnx, nnx.jit(Nnx)], ids=["eager", "jit"])
def test_flax_nnx(client: Any, build: Any) -> None:
    model = build(nnx.Rngs(0))
    found = {"/".join(path): value[...] for path, value in nnx.to_flat_state(nnx.state(model, nnx.Param))}
    assert {name: np.asarray(leaf).tobytes() for name, leaf in found.items()} == kernels(client)
    assert model(jnp.ones((2, 12))).shape == (2, 4)


def test_flax_nnx_takes_the_arrays_of_init(meshes: Any) -> None:
    layers = [tensor(name, list(shape), init) for name, (shape, init) in KERNELS.items()]
    rows = NamedSharding(meshes["row"], PartitionSpec("x"))
    model = nnx.eval_shape(lambda: Nnx(nnx.Rngs(0)))
    nnx.update(model, tj.init({"seed": 7, "layers": layers}, rows, separator="/"))
    assert model.dense_0.kernel[...].sharding == rows
    assert np.array_equal(model.dense_0.kernel[...], of("dense_0/kernel")(None, (12, 32)))


def test_flax_nnx_shards_by_its_own_metadata(client: Any) -> None:
    mesh = jax.make_mesh((2, 2), ("x", "y"))
    with jax.sharding.set_mesh(mesh):
        layer = nnx.Linear(
            12,
            32,
            kernel_init=of("dense_0/kernel"),
            kernel_metadata={"out_sharding": ("x", "y")},
            rngs=nnx.Rngs(0),
        )
    kernel = layer.kernel[...]
    assert kernel.sharding.spec == PartitionSpec("x", "y")
    assert np.asarray(kernel).tobytes() == kernels(client)["dense_0/kernel"]


def test_equinox(client: Any, key: jax.Array) -> None:
    """equinox has torch's layout, (out, in), and takes arrays rather than initialisers."""
    axes = {"in": -1, "out": -2}
    initialize = tj.initializer("kaiming_uniform", name="fc.weight", seed=5, fan_axes=axes)

    @equinox.filter_jit
    def build(key: jax.Array) -> equinox.nn.Linear:
        layer = equinox.nn.Linear(12, 32, key=key)
        return equinox.tree_at(lambda layer: layer.weight, layer, initialize(key, (32, 12)))

    layer = build(key)
    entry = {"name": "fc.weight", "type": "Tensor", "shape": [32, 12], "init": "kaiming_uniform"}
    expected = service_bytes(client, {"seed": 5, "layers": [entry]})["fc.weight"]
    assert np.asarray(layer.weight).tobytes() == expected
    assert layer(jnp.ones(12)).shape == (32,)


def test_stacked_layers_of_equinox(client: Any, key: jax.Array) -> None:
    name = "layers.{0..3}.weight"
    initialize = tj.initializer("normal", name=name, seed=5)

    @equinox.filter_vmap
    def build(key: jax.Array) -> equinox.nn.Linear:
        layer = equinox.nn.Linear(6, 6, key=key)
        return equinox.tree_at(lambda layer: layer.weight, layer, initialize(key, (6, 6)))

    layers = build(jax.random.split(key, 4))
    found = service_bytes(client, {"seed": 5, "layers": [tensor(name, [6, 6], "normal")]})
    for i in range(4):
        assert np.asarray(layers.weight[i]).tobytes() == found[f"layers.{i}.weight"]


def test_a_jaxpr_holds_the_spec(key: jax.Array) -> None:
    (equation,) = jax.make_jaxpr(draw)(key).eqns
    assert tensorseed.open(json.loads(equation.params["spec"])).etag == tensorseed.open(SPEC).etag
