"""Four devices of jax on the CPU, set before anything computes."""

from __future__ import annotations

from typing import Any

import jax
import pytest

jax.config.update("jax_num_cpu_devices", 4)


@pytest.fixture(scope="session")
def meshes() -> dict[str, Any]:
    """Meshes of the devices: all in one row, as a grid, and as a grid in another order."""
    devices = jax.devices()
    assert len(devices) == 4
    return {
        "row": jax.make_mesh((4,), ("x",)),
        "pair": jax.make_mesh((2,), ("x",), devices=devices[2:]),
        "grid": jax.make_mesh((2, 2), ("x", "y")),
        "turned": jax.make_mesh((2, 2), ("x", "y"), devices=[devices[i] for i in (3, 1, 2, 0)]),
    }
