"""Requests that reading parts of a 140 GB checkpoint costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tensorseed.checkpoints.library import shipped
from tests.clients.clients import Python
from tests.clients.conftest import CONFIG, INDEX, LARGE, SHARDED, read
from tests.clients.wire import Wire

API = "huggingface_hub:HfApi"
PARAMETERS = 70_553_706_496
NAME = "model.layers.41.post_attention_layernorm.weight"
RANDOM = "model.layers.79.self_attn.k_proj.weight"


def shards(hub: Python, repo: str) -> list[dict[str, Any]]:
    """The entries of a repository's weight files."""
    entries = hub(f"{API}.list_repo_tree", repo, revision="seed-3", recursive=True)
    return [entry for entry in entries if entry["path"].endswith(".safetensors")]


def head_of(port: int, path: str) -> tuple[int, dict[str, Any]]:
    """Where the tensors of a remote safetensors file begin, and its header, read by two ranges."""
    first = int.from_bytes(read(port, path, Range="bytes=0-7").body, "little")
    return 8 + first, json.loads(read(port, path, Range=f"bytes=8-{7 + first}").body)


def test_it_is_listed_as_a_small_one_is(hub: Python, wire: Wire) -> None:
    counts = []
    for repo in (SHARDED, LARGE):
        wire.clear()
        found = shards(hub, repo)
        info = hub(f"{API}.model_info", repo, revision="seed-3", files_metadata=True)
        counts.append(len(wire.requests))
    assert counts[0] == counts[1]
    assert info["safetensors"]["total"] == PARAMETERS
    assert len(found) == 30
    assert sum(entry["size"] for entry in found) > 2 * PARAMETERS
    assert max(entry["size"] for entry in found) < 50_000_000_000


def test_a_head_of_a_shard_tells_its_size(hub: Python, wire: Wire) -> None:
    for entry in shards(hub, LARGE)[::7]:
        wire.clear()
        url = f"{wire.url}/{LARGE}/resolve/seed-3/{entry['path']}"
        found = hub("huggingface_hub:get_hf_file_metadata", url)
        assert found["size"] == entry["size"]
        assert [seen.method for seen in wire.requests] == ["HEAD"]


def test_the_heads_of_all_shards_are_read(hub: Python, wire: Wire) -> None:
    found = hub(f"{API}.get_safetensors_metadata", LARGE, revision="seed-3")
    assert found["parameter_count"] == {"BF16": PARAMETERS}
    assert len(found["weight_map"]) == 723
    assert sum(len(head["tensors"]) for head in found["files_metadata"].values()) == 723
    assert wire.answered < 4_000_000  # bytes, of 141 GB


def test_the_file_system_reads_any_place(hub: Python, wire: Wire) -> None:
    last = shards(hub, LARGE)[-2]
    wire.clear()
    got = hub("programs:part", f"{LARGE}@seed-3/{last['path']}", last["size"] - 4_000, 4_000)
    assert len(got) == 8_000
    assert wire.answered < 100_000


@pytest.mark.parametrize("name", [NAME, RANDOM])
def test_any_tensor_is_what_the_recipe_says(port: int, name: str) -> None:
    """Its bytes in the shard are those that the weights' own address gives for the whole spec."""
    base = f"/{LARGE}/resolve/seed-3"
    shard = json.loads(read(port, f"{base}/{INDEX}").body)["weight_map"][name]
    start, header = head_of(port, f"{base}/{shard}")
    first, last = (start + offset for offset in header[name]["data_offsets"])
    part = read(port, f"{base}/{shard}", Range=f"bytes={first}-{last - 1}")
    assert part.status == 206
    weights = json.loads((shipped() / "llama-3-70b.json").read_text())["weights"]
    plan = json.loads(read(port, "/v1/weights/plan", "POST", json.dumps(weights | {"seed": 3}).encode()).body)
    alone = read(port, f"{plan['url']}/tensors/{name}").body
    assert alone[-len(part.body) :] == part.body
    assert len(set(part.body)) > 1


def test_its_small_files_download(hub: Python, wire: Wire, tmp_path: Path) -> None:
    given = {"cache_dir": tmp_path, "allow_patterns": ["*.json", "*.md"], "ignore_patterns": ["tokenizer*"]}
    folder = Path(hub("huggingface_hub:snapshot_download", LARGE, revision="seed-3", **given))
    assert json.loads((folder / CONFIG).read_text())["num_hidden_layers"] == 80
    index = json.loads((folder / INDEX).read_text())
    assert index["metadata"]["total_size"] == 2 * PARAMETERS
    assert wire.answered < 1_000_000
