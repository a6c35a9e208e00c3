"""Kernels in JAX's layout, (in, out), as a tree of parameters.

`fan_axes` says where a kernel has its inputs and outputs, so that the scheme sees the right fans.

Usage: python examples/jax_params.py [http://127.0.0.1:8000]
"""

import json
import sys
import urllib.request
from itertools import pairwise

import jax
import jax.numpy as jnp
from safetensors.numpy import load

url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"
sizes = [784, 256, 10]
axes = {"in": -2, "out": -1}
he = {"kind": "variance_scaling", "scale": 2.0, "mode": "fan_in", "distribution": "truncated_normal"}
layers = []
for index, shape in enumerate(pairwise(sizes)):
    layers += [
        {"name": f"dense_{index}.kernel", "type": "Tensor", "shape": shape, "init": he, "fan_axes": axes},
        {"name": f"dense_{index}.bias", "type": "Tensor", "shape": shape[1:], "init": "zeros"},
    ]

body = json.dumps({"seed": 42, "layers": layers}).encode()
with urllib.request.urlopen(urllib.request.Request(f"{url}/v1/weights", data=body)) as answer:
    arrays = load(answer.read())

params: dict[str, dict[str, jax.Array]] = {}
for name, array in arrays.items():
    layer, _, leaf = name.partition(".")
    params.setdefault(layer, {})[leaf] = jnp.asarray(array)

hidden = jax.nn.relu(jnp.ones((1, 784)) @ params["dense_0"]["kernel"] + params["dense_0"]["bias"])
output = hidden @ params["dense_1"]["kernel"] + params["dense_1"]["bias"]
print("deviation of the first kernel:", round(float(params["dense_0"]["kernel"].std()), 4))
print("output:", output.shape)
