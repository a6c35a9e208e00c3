"""Arrays of jax from lazy arrays, whole or sharded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from tensorseed.errors import TensorError, UnrepresentableError, missing_framework, shortened
from tensorseed.files.slices import Box
from tensorseed.sampling.distributions.base import Storage
from tensorseed.weights.lazy_array import LazyArray
from tensorseed.weights.memory import Part, allocate

try:
    import jax
    from jax.sharding import NamedSharding, Sharding
except ModuleNotFoundError:
    raise missing_framework("jax") from None

BATCH_BYTES = 1 << 30  # of shards that are computed before they go to their devices

Index = tuple[slice, ...]


class PartReader(Protocol):
    """Fills memory with parts of tensors by name."""

    def fill_parts(self, parts: Sequence[Part]) -> None:
        """Fill the memory of every part."""


def check_dtypes(arrays: Iterable[LazyArray]) -> None:
    """Refuse the dtypes that jax would round to 32 bits.

    Raises:
        UnrepresentableError: it would.
    """
    for array in arrays:
        if jax.dtypes.canonicalize_dtype(array.dtype) != array.dtype:
            raise UnrepresentableError(
                f"jax would round {array.tensor_dtype.name} of {array.name!r} to 32 bits: "
                'call jax.config.update("jax_enable_x64", True) first'
            )


def check_sharding(name: str, sharding: object) -> None:
    """Check that it is a sharding of jax, or None.

    Raises:
        TypeError: it is something else.
    """
    if sharding is not None and not isinstance(sharding, Sharding):
        raise TypeError(
            f"{shortened(repr(sharding))} is no sharding for {name!r}: give one of jax.sharding, such as "
            "NamedSharding(mesh, PartitionSpec(...)), or None"
        )


def shard_shape(name: str, shape: tuple[int, ...], sharding: Sharding) -> tuple[int, ...]:
    """Return the shape of a tensor's shards.

    Raises:
        TensorError: the sharding does not fit the tensor's shape.
    """
    fault = f"the sharding of {name!r} does not fit its shape"
    if isinstance(sharding, NamedSharding) and len(sharding.spec) > len(shape):
        raise TensorError(f"{fault}: {sharding.spec} has more dimensions than {shape}")
    try:
        return sharding.shard_shape(shape)
    except ValueError as error:
        raise TensorError(f"{fault}: {error}") from None


def make_arrays(
    reader: PartReader, placed: Sequence[tuple[LazyArray, Sharding | None]]
) -> Iterator[jax.Array]:
    """Yield the arrays of tensors, each with its sharding; None is jax's default device, uncommitted.

    This process computes the shards of its own devices, each distinct one once.

    Raises:
        UnrepresentableError: jax would round a dtype to 32 bits.
        TensorError: a sharding does not fit the shape of its tensor.
        TypeError: a sharding is none.
    """
    check_dtypes(array for array, _ in placed)
    for array, sharding in placed:
        check_sharding(array.name, sharding)
        if sharding is not None:
            shard_shape(array.name, array.shape, sharding)
    sent: list[jax.Array] = []
    for batch in _batches(placed):
        reader.fill_parts([part for shards in batch for part in shards.parts()])
        jax.block_until_ready(sent)  # type: ignore[no-untyped-call]
        sent = [shards.array() for shards in batch]
        yield from sent


class _Shards(NamedTuple):
    """A tensor, and memory for each distinct shard of this process."""

    lazy: LazyArray
    sharding: Sharding | None
    memory: Mapping[Box, Storage]

    def parts(self) -> list[Part]:
        return [Part(self.lazy.name, box, out) for box, out in self.memory.items()]

    def array(self) -> jax.Array:
        """Return the array, whose devices share the memory or have copies."""
        shape, dtype = self.lazy.shape, self.lazy.dtype
        if self.sharding is None:
            whole: jax.Array = jax.device_put(self.memory[Box.whole(shape)].view(dtype))
            return whole
        return jax.make_array_from_callback(
            shape, self.sharding, lambda index: self.memory[_box(index, shape)].view(dtype), dtype=dtype
        )


def _batches(placed: Iterable[tuple[LazyArray, Sharding | None]]) -> Iterator[list[_Shards]]:
    """Yield the shards of the tensors in order, in batches of at least `BATCH_BYTES`."""
    batch: list[_Shards] = []
    size = 0
    for lazy, sharding in placed:
        shards = _allocated(lazy, sharding)
        batch.append(shards)
        size += sum(out.nbytes for out in shards.memory.values())
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _allocated(lazy: LazyArray, sharding: Sharding | None) -> _Shards:
    boxes = {Box.whole(lazy.shape)}
    if sharding is not None:
        indices = sharding.addressable_devices_indices_map(lazy.shape).values()
        boxes = {_box(index, lazy.shape) for index in indices}
    dtype = lazy.tensor_dtype.storage
    return _Shards(lazy, sharding, {box: allocate(box.shape, dtype) for box in boxes})


def _box(index: Index | None, shape: tuple[int, ...]) -> Box:
    """Return the box of a tensor of `shape` that slices select; all of it without an index."""
    if index is None:
        return Box.whole(shape)
    bounds = [part.indices(size) for part, size in zip(index, shape, strict=True)]
    starts = tuple(start for start, _, _ in bounds)
    return Box(shape, starts, tuple(stop - start for start, stop, _ in bounds))
