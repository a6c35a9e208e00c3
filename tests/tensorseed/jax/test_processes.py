"""Shards of two processes, each of those of its own devices."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.serving import ROOT
from tests.tensorseed.jax.specs import SPEC, service_bytes
from tests.waiting import PROGRAM_PATIENCE

PROGRAM = """
import json, sys

import jax

port, rank, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_cpu_collectives_implementation", None)  # so that any communication fails
jax.distributed.initialize(f"127.0.0.1:{port}", num_processes=2, process_id=rank)

import numpy as np

import tensorseed.jax as tj
from tests.tensorseed.jax.specs import SPEC

assert (jax.device_count(), jax.local_device_count()) == (4, 2)
mesh = jax.make_mesh((2, 2), ("x", "y"))


def place(name, shape):
    axes = [axis if size % 2 == 0 else None for axis, size in zip(("x", "y"), shape)]
    return jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(*axes))


def write(name, array):
    for shard in array.addressable_shards:
        starts = [part.indices(size)[0] for part, size in zip(shard.index, array.shape)]
        file = f"{folder}/{shard.device.id}-{name.replace('/', '+')}"
        about = {"name": name, "starts": starts, "shape": shard.data.shape, "size": array.dtype.itemsize}
        open(f"{file}.json", "w").write(json.dumps(about))
        open(f"{file}.bytes", "wb").write(np.asarray(shard.data).tobytes())


for name, array in tj.init(SPEC, place).items():
    write(name, array)
initialize = tj.initializer("xavier_uniform", name="params/dense_0/kernel", seed=42)
sharding = place("", (256, 128))
write("by name", initialize(None, (256, 128), np.float32, sharding))
"""


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[dict[str, Any], bytes]]:
    """What the two processes held, device by device."""
    folder = tmp_path_factory.mktemp("shards")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(port), str(rank), str(folder)],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        for process in processes:
            _, errors = process.communicate(timeout=PROGRAM_PATIENCE)
            assert process.returncode == 0, errors
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    return [
        (json.loads(path.read_text()), path.with_suffix(".bytes").read_bytes())
        for path in sorted(Path(folder).glob("*.json"))
    ]


def test_the_shards_of_two_processes_are_the_services_file(shards: Any, client: Any) -> None:
    expected = service_bytes(client, SPEC)
    shapes = {entry["name"]: entry["shape"] for entry in expand(SPEC["layers"])}
    kernel = "params/dense_0/kernel"
    expected["by name"], shapes["by name"] = expected[kernel], shapes[kernel]
    for name, content in expected.items():
        parts = [(about, data) for about, data in shards if about["name"] == name]
        assert len(parts) == 4
        size = parts[0][0]["size"]
        whole = np.frombuffer(content, f"u{size}").reshape(shapes[name])
        found = np.zeros_like(whole)
        for about, data in parts:
            box = tuple(slice(a, a + n) for a, n in zip(about["starts"], about["shape"], strict=True))
            found[box] = np.frombuffer(data, f"u{size}").reshape(about["shape"])
        assert np.array_equal(found, whole)


def expand(layers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries, one for each name."""
    return [{**entry, "name": entry["name"].replace("{0..1}", str(i))} for entry in layers for i in range(2)]
