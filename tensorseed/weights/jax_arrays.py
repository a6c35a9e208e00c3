"""Arrays of jax from lazy arrays, whole or sharded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tensorseed.errors import UnrepresentableError

if TYPE_CHECKING:
    from jax import Array
    from jax.sharding import Sharding

    from tensorseed.weights.base import Weights
    from tensorseed.weights.lazy_array import LazyArray


def to_jax(weights: Weights, shardings: Sharding | Mapping[str, Sharding] | None) -> dict[str, Array]:
    """Return every tensor as an array of jax; see `Weights.jax`."""
    import jax

    for array in weights.values():
        _check_dtype(array)
    if shardings is None:
        return {name: jax.device_put(array) for name, array in weights.numpy().items()}
    return {
        name: _sharded(array, shardings[name] if isinstance(shardings, Mapping) else shardings)
        for name, array in weights.items()
    }


def _check_dtype(array: LazyArray) -> None:
    """Refuse the dtypes that jax would round to 32 bits.

    Raises:
        UnrepresentableError: it would.
    """
    import jax

    if jax.dtypes.canonicalize_dtype(array.dtype) != array.dtype:
        raise UnrepresentableError(
            f"jax would round {array.tensor_dtype.name} of {array.name!r} to 32 bits: "
            'call jax.config.update("jax_enable_x64", True) first'
        )


def _sharded(array: LazyArray, sharding: Sharding) -> Array:
    import jax

    shards: dict[str, npt.NDArray[Any]] = {}  # replicas of a shard are computed once

    def shard(index: tuple[slice, ...] | None) -> npt.NDArray[Any]:
        key = repr(index)
        if key not in shards:
            shards[key] = np.asarray(array[... if index is None else index])
        return shards[key]

    return jax.make_array_from_callback(array.shape, sharding, shard, dtype=array.dtype)
