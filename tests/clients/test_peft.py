"""peft: adapters of several seeds load onto one base from an address."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from safetensors import deserialize

from tests.clients.clients import Python, python_of
from tests.clients.conftest import TINY, VERSIONS, read
from tests.clients.wire import Wire

pytestmark = pytest.mark.skipif(find_spec("peft") is None, reason="peft is not installed")

ADAPTER = "tensorseed/tiny-llama-lora"


@pytest.fixture(scope="module")
def client(passing: Wire, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Python]:
    """A process that has peft."""
    client = Python(python_of(VERSIONS[0]), passing.url, tmp_path_factory.mktemp("home"))
    yield client
    client.close()


def test_adapters_of_several_seeds_change_one_base(client: Python, port: int) -> None:
    found = client("programs:adapted", TINY, ADAPTER, "seed-1", "seed-2", "seed-3")
    assert len({each["state"] for each in found}) == 3
    assert all(each["change"] > 1e-6 for each in found)
    body = read(port, f"/{ADAPTER}/resolve/seed-2/adapter_model.safetensors").body
    state = hashlib.sha256()
    for name, tensor in sorted(deserialize(body)):
        state.update(name.encode() + bytes(tensor["data"]))
    assert found[1]["state"] == state.hexdigest()
