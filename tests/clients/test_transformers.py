"""transformers: models load from nothing but an address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.clients import ClientError, Python, python_of
from tests.clients.conftest import SHARDED, TINY, VERSIONS
from tests.clients.wire import Wire


@pytest.fixture(scope="module")
def client(passing: Wire, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Python]:
    """A process that has transformers."""
    client = Python(python_of(VERSIONS[0]), passing.url, tmp_path_factory.mktemp("home"))
    yield client
    client.close()


@pytest.fixture(scope="module")
def first(client: Python) -> dict[str, Any]:
    """The tiny model of seed 42, loaded once."""
    return dict(client("programs:loaded", TINY, "seed-42"))


def test_a_model_loads_and_generates_a_token(client: Python, first: dict[str, Any]) -> None:
    assert first["kind"] == "LlamaForCausalLM"
    assert first["unfit"] == []
    assert first["tokens"] == 4
    cached = Path(client.environment["HF_HOME"]).glob(f"hub/models--{TINY.replace('/', '--')}/snapshots/*")
    commit = client("huggingface_hub:HfApi.model_info", TINY, revision="seed-42")["sha"]
    assert commit in [path.name for path in cached]


def test_text_goes_in_and_comes_out(client: Python) -> None:
    assert client("programs:completed", TINY, "seed-42", "Some text").startswith("Some text")


def test_the_state_is_the_file(client: Python) -> None:
    for repo in (TINY, SHARDED):
        folder = client("huggingface_hub:snapshot_download", repo, revision="seed-42")
        assert client("programs:same_state", repo, "seed-42", folder) == []


def test_two_seeds_differ_and_one_does_not(client: Python, first: dict[str, Any]) -> None:
    assert client("programs:loaded", TINY, "seed=42")["state"] == first["state"]
    assert client("programs:loaded", TINY, "seed-43")["state"] != first["state"]


def test_shards_load(client: Python, wire: Wire) -> None:
    found = client("programs:loaded", SHARDED, "seed-9")
    assert (found["kind"], found["unfit"], found["tokens"]) == ("LlamaForCausalLM", [], 4)
    shards = {seen.path for seen in wire.asked("GET", ".safetensors")}
    assert len(shards) > 1


def test_a_dtype_of_the_revision_is_the_models(client: Python) -> None:
    assert client("programs:loaded", TINY, "seed=42,dtype=float32")["dtype"] == "torch.float32"


@pytest.mark.parametrize(
    ("repo", "revision"), [("tensorseed/nothing", "main"), (TINY, "seed-x"), (TINY, "0" * 40)]
)
def test_what_is_not_there(client: Python, repo: str, revision: str) -> None:
    with pytest.raises(ClientError, match=f"{repo}|{revision}") as wrong:
        client("programs:loaded", repo, revision)
    assert "OSError" in wrong.value.kinds


def test_what_was_loaded_needs_no_server(client: Python, first: dict[str, Any], wire: Wire) -> None:
    again = client("programs:loaded", TINY, "seed-42", local_files_only=True)
    assert again == first
    assert wire.requests == []
