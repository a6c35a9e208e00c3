"""Primitive that draws a tensor: at once, traced, mapped, sharded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import numpy.typing as npt
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir
from jax.sharding import NamedSharding, PartitionSpec

from tensorseed.concurrency.float_environment import default_float_environment
from tensorseed.devices.local import LIMITS
from tensorseed.errors import SpecError
from tensorseed.files.slices import Box
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.names import expand
from tensorseed.spec.spec import parse_spec
from tensorseed.weights.jax_arrays import check_dtypes, make_arrays, shard_shape
from tensorseed.weights.lazy_array import LazyArray
from tensorseed.weights.local import LocalWeights
from tensorseed.weights.memory import Part, allocate

OutSharding = NamedSharding | PartitionSpec | None

NAME = "/layers/0/name"


class Drawing(NamedTuple):
    """The weights of one entry, and their names in the order of the entry's range of names."""

    weights: LocalWeights
    pattern: str
    names: tuple[str, ...]

    @property
    def first(self) -> LazyArray:
        """The first tensor; all are alike."""
        return self.weights[self.names[0]]

    def check_single(self) -> None:
        """Check that there is one tensor.

        Raises:
            SpecError: there are several.
        """
        if len(self.names) > 1:
            detail = f"{self.pattern} names {len(self.names):,} tensors, and one is drawn: name one, or draw "
            raise SpecError.at(NAME, f"{detail}all of them under jax.vmap over as many keys")


@lru_cache(maxsize=256)
def open_drawing(spec: str) -> Drawing:
    """Open the JSON text of a spec that has one bare tensor.

    Raises:
        SpecError: the spec is not valid.
        TooLargeError: the spec exceeds a limit.
    """
    with default_float_environment():
        weights = LocalWeights(open_file(parse_spec(spec.encode(), LIMITS)))
    pattern = json.loads(spec)["layers"][0]["name"]
    return Drawing(weights, pattern, tuple(expand(pattern)))


def draw(key: Any, spec: str, out_sharding: OutSharding) -> jax.Array:
    """Draw the tensor of a spec; under a trace, when the traced program runs.

    A traced program calls the process back, once or for each device of `out_sharding`.
    `key` is not read. A vmap over it draws the tensors of a range of names, one for each key.

    Raises:
        SpecError: the spec is not valid, or does not draw as many tensors as are mapped over.
        TooLargeError: the spec exceeds a limit.
        UnrepresentableError: jax would round the dtype to 32 bits.
        TensorError: `out_sharding` does not fit the shape.
        TypeError: `out_sharding` is of another type.
    """
    if not isinstance(out_sharding, OutSharding):
        raise TypeError(f"out_sharding must be a NamedSharding or a PartitionSpec, not {out_sharding!r}")
    check_dtypes([open_drawing(spec).first])
    keys = (key,) if isinstance(key, jax.Array) else ()
    drawn: jax.Array = _draw.bind(*keys, spec=spec, stacked=False, out_sharding=out_sharding)
    if out_sharding is None or not isinstance(drawn, jax.core.Tracer):
        return drawn
    return _draw_shards(open_drawing(spec), out_sharding)  # the program needs `drawn` for nothing


_draw = Primitive("tensorseed_draw")


@_draw.def_impl
def _draw_now(*_keys: jax.Array, spec: str, stacked: bool, out_sharding: OutSharding) -> jax.Array:
    """Draw at once, on this process the shards of its devices."""
    drawing = open_drawing(spec)
    if stacked:
        stack: jax.Array = jax.device_put(_stack(drawing))
        return stack
    drawing.check_single()
    if isinstance(out_sharding, PartitionSpec):
        out_sharding = NamedSharding(jax.sharding.get_mesh(), out_sharding)
    return next(make_arrays(drawing.weights, [(drawing.first, out_sharding)]))


@_draw.def_abstract_eval
def _abstract(*_keys: Any, spec: str, stacked: bool, **_: Any) -> Any:
    result = _result(open_drawing(spec), stacked)
    return jax.core.ShapedArray(result.shape, result.dtype)


def _draw_traced(*_keys: jax.Array, spec: str, stacked: bool, **_: Any) -> jax.Array:
    """Draw the whole in a traced program: once, or on every device of the mesh that is set."""
    drawing = open_drawing(spec)
    result = _result(drawing, stacked)
    if not stacked:
        drawing.check_single()

    def whole() -> jax.Array:
        compute = partial(_stack, drawing) if stacked else partial(_shard, drawing, result.shape)
        drawn: jax.Array = jax.pure_callback(compute, result)
        return drawn

    if jax.sharding.get_abstract_mesh().empty:
        return whole()
    # A callback's result is on one device, which jax cannot name where the program returns it (jax 0.10).
    return jax.shard_map(whole, in_specs=(), out_specs=PartitionSpec(), check_vma=False)()


mlir.register_lowering(_draw, mlir.lower_fun(_draw_traced, multiple_results=False))


def _batch(
    keys: Sequence[Any], axes: Sequence[int], *, spec: str, stacked: bool, out_sharding: OutSharding
) -> tuple[Any, int]:
    """Draw a tensor for each of the mapped keys."""
    drawing, count = open_drawing(spec), keys[0].shape[axes[0]]
    if stacked or out_sharding is not None:
        other = "another vmap" if stacked else "with out_sharding"
        raise SpecError.at(
            NAME, f"{drawing.pattern} is drawn under a vmap and {other}: leave one of them out"
        )
    if len(drawing.names) != count:
        detail = f"a vmap over {count:,} keys draws as many tensors, and {drawing.pattern} names "
        remedy = f"give a range of names, such as layers.{{0..{count - 1}}}.kernel"
        raise SpecError.at(NAME, f"{detail}{len(drawing.names):,}: {remedy}")
    return _draw.bind(*keys, spec=spec, stacked=True, out_sharding=None), 0


batching.primitive_batchers[_draw] = _batch


def _draw_shards(drawing: Drawing, out_sharding: NamedSharding | PartitionSpec) -> jax.Array:
    """Draw in a traced program, on every device of a mesh its shard."""
    drawing.check_single()
    if isinstance(out_sharding, PartitionSpec):
        out_sharding = NamedSharding(jax.sharding.get_abstract_mesh(), out_sharding)
    array, mesh, spec = drawing.first, out_sharding.mesh, out_sharding.spec
    axes = (*spec, *(None for _ in array.shape[len(spec) :]))
    shape = shard_shape(array.name, array.shape, out_sharding)
    result = jax.ShapeDtypeStruct(shape, array.dtype)

    def shard() -> jax.Array:
        positions = [0 if axis is None else jax.lax.axis_index(axis) for axis in axes]
        drawn: jax.Array = jax.pure_callback(partial(_shard, drawing, shape), result, *positions)
        return drawn

    return jax.shard_map(shard, mesh=mesh, in_specs=(), out_specs=PartitionSpec(*axes), check_vma=False)()


def _result(drawing: Drawing, stacked: bool) -> jax.ShapeDtypeStruct:
    shape = drawing.first.shape
    return jax.ShapeDtypeStruct((len(drawing.names), *shape) if stacked else shape, drawing.first.dtype)


def _stack(drawing: Drawing) -> npt.NDArray[Any]:
    """Return all tensors, along a first axis."""
    first = drawing.first
    out = allocate((len(drawing.names), *first.shape), first.tensor_dtype.storage)
    whole = Box(first.shape, (0,) * first.ndim, first.shape)
    drawing.weights.fill_parts(
        [Part(name, whole, part) for name, part in zip(drawing.names, out, strict=True)]
    )
    return out.view(first.dtype)


def _shard(drawing: Drawing, shape: tuple[int, ...], *positions: Any) -> npt.NDArray[Any]:
    """Return the shard at a place in the grid of shards, the first without a place."""
    array = drawing.first
    out = allocate(shape, array.tensor_dtype.storage)
    along = positions or (0,) * len(shape)
    starts = tuple(int(position) * size for position, size in zip(along, shape, strict=True))
    drawing.weights.fill_parts([Part(array.name, Box(array.shape, starts, shape), out)])
    return out.view(array.dtype)
