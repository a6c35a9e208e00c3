"""Initialisation of jax arrays, whole or sharded.

    import tensorseed.jax as tj

    params = tj.init("mlp.json", shardings)  # each process the shards of its own devices
    kernel_init = tj.initializer("xavier_uniform", name="dense/kernel", seed=42)

The second stands where the functions of `jax.nn.initializers` do.
"""

from __future__ import annotations

from tensorseed.errors import missing_framework

try:
    import jax as _  # noqa: F401
except ModuleNotFoundError:
    raise missing_framework("jax") from None

from tensorseed.jax.initialization import init
from tensorseed.jax.initializers import initializer

__all__ = ["init", "initializer"]
