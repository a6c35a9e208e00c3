"""One model for any sharding: three layouts on four devices of the CPU, one digest.

A process computes the shards of its own devices alone, so the same lines serve a cluster
after `jax.distributed.initialize()`.

Usage: python examples/jax_sharded.py
"""

import hashlib
from itertools import pairwise

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

import tensorseed.jax as tj

jax.config.update("jax_num_cpu_devices", 4)

sizes, axes = [784, 256, 12], {"in": -2, "out": -1}
layers = []
for index, (inputs, outputs) in enumerate(pairwise(sizes)):
    kernel = {"name": f"params/dense_{index}/kernel", "type": "Tensor", "shape": [inputs, outputs]}
    bias = {"name": f"params/dense_{index}/bias", "type": "Tensor", "shape": [outputs]}
    layers += [{**kernel, "init": "he_normal", "fan_axes": axes}, {**bias, "init": "zeros"}]
spec = {"seed": 42, "layers": layers}

grid = jax.make_mesh((2, 2), ("data", "model"))
layouts = {
    "whole": None,
    "rows": NamedSharding(jax.make_mesh((4,), ("model",)), PartitionSpec("model")),
    "grid": {
        "*/kernel": NamedSharding(grid, PartitionSpec("data", "model")),
        "**": NamedSharding(grid, PartitionSpec("model")),
    },
}
for name, shardings in layouts.items():
    params = tj.init(spec, shardings, separator="/")["params"]
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(params):
        digest.update(np.asarray(leaf))
    shard = params["dense_0"]["kernel"].addressable_shards[0].data
    print(f"{name}: shards of {shard.shape}, sha256 {digest.hexdigest()}")
