"""Arrays of jax from lazy arrays, whole or sharded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import numpy.typing as npt

from tensorseed.errors import UnrepresentableError
from tensorseed.weights.lazy_array import LazyArray

if TYPE_CHECKING:
    from jax.sharding import Sharding


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


def whole_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, jax.Array]:
    """Return arrays on jax's default device; on the CPU they share the memory of the given ones."""
    return {name: jax.device_put(array) for name, array in arrays.items()}


def sharded_arrays(
    arrays: Mapping[str, LazyArray], shardings: Sharding | Mapping[str, Sharding]
) -> dict[str, jax.Array]:
    """Return arrays of which this process computes its own shards, one sharding for all or for each name."""
    return {
        name: _sharded(array, shardings[name] if isinstance(shardings, Mapping) else shardings)
        for name, array in arrays.items()
    }


def _sharded(array: LazyArray, sharding: Sharding) -> jax.Array:
    shards: dict[str, npt.NDArray[Any]] = {}  # replicas of a shard are computed once

    def shard(index: tuple[slice, ...] | None) -> npt.NDArray[Any]:
        key = repr(index)
        if key not in shards:
            shards[key] = np.asarray(array[... if index is None else index])
        return shards[key]

    return jax.make_array_from_callback(array.shape, sharding, shard, dtype=array.dtype)
