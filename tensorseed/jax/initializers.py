"""Initialisers for flax and equinox, keyed by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import index
from typing import Any

import jax
import numpy as np
import numpy.typing as npt
from jax.nn.initializers import Initializer

from tensorseed.jax.primitive import OutSharding, draw
from tensorseed.spec.json.values import to_json


def initializer(
    init: str | Mapping[str, Any] = "xavier_uniform",
    *,
    name: str,
    seed: int = 0,
    fan_axes: Mapping[str, int | Sequence[int]] | None = None,
    **parameters: Any,
) -> Initializer:
    """Return an initializer in the place of those of `jax.nn.initializers`, in flax and elsewhere.

    It is a function `(key, shape, dtype=None, out_sharding=None)`. Its arrays have the bits of the service's
    `{"name": name, "type": "Tensor", "shape": shape, "dtype": dtype, "init": init, "fan_axes": fan_axes}`.

    `key` is ignored: `name` and `seed` key the draw. `dtype` is by default jax's float, float32 or with
    `jax_enable_x64` float64. With `out_sharding`, every process computes the shards of its own devices.

    `init` is a scheme, whose `parameters` follow, such as `std=0.02`; or an object with `kind` as in a spec.
    `fan_axes` is by default JAX's layout of kernels, (*kernel, in, out): `{"in": -2, "out": -1}`.
    `in`, `out` and `batch` are an axis or several, as `in_axis`, `out_axis` and `batch_axis` in jax.

    Under `jax.jit` the traced program calls this process, and holds no constant; `jax.eval_shape` computes
    nothing. Without `out_sharding` such a program computes the whole array on one process and then shards it:
    `init` of this package is the way to a large sharded model.

    A `jax.vmap` over keys needs a range of names, `"layers.{0..3}.kernel"`, one for each key.
    A `jax.lax.scan` draws the same array at every step.

    >>> kernel_init = initializer("kaiming_normal", name="dense/kernel", seed=42, mode="fan_out")
    >>> kernel_init(None, (784, 256)).shape
    (784, 256)

    Raises, when it is called:
        SpecError: the scheme, a parameter, the dtype or the name is not valid, or the scheme does not fit
            the shape; with the sentence of the service.
        UnrepresentableError: jax would narrow the dtype.
        TensorError: `out_sharding` does not fit the shape.
    """
    scheme = {**init, **parameters} if isinstance(init, Mapping) else {"kind": init, **parameters}
    axes = {"in": -2, "out": -1} if fan_axes is None else dict(fan_axes)

    def initialize(
        key: Any,
        shape: Sequence[int],
        dtype: npt.DTypeLike | None = None,
        out_sharding: OutSharding = None,
    ) -> jax.Array:
        """Return the array of `shape`."""
        entry = {
            "name": name,
            "type": "Tensor",
            "shape": [*map(index, shape)],
            "dtype": np.dtype(jax.dtypes.canonicalize_dtype(float) if dtype is None else dtype).name,
            "init": scheme,
        }
        if len(entry["shape"]) > 1:
            entry["fan_axes"] = axes
        return draw(key, to_json({"seed": seed, "layers": [entry]}).decode(), out_sharding)

    return initialize
