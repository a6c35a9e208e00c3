"""Repositories with weights in several folders, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import safetensors

from service.server.app import create_app
from service.settings import Settings
from tests.conftest import started
from tests.tensorseed.checkpoints.test_weight_sets import HALF, UNET, VAE, pipeline

BASE = "/tests/pipeline/resolve/seed-7"
API = "/api/models/tests/pipeline"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("recipes")
    document = pipeline(shard_bytes=300)
    document["components"]["vae"]["seed_from"] = "unet"
    (folder / "0.json").write_text(json.dumps(document))
    settings = Settings.model_construct(threads=1, chunk_bytes=4_096, recipes=folder)
    with started(create_app(settings)) as client:
        yield client


def test_files_of_folders_are_served_by_range(hub: Any) -> None:
    path = UNET.replace(".safetensors", "-00002-of-00003.safetensors")
    whole = hub.get(f"{BASE}/{path}")
    assert {name for name, _ in safetensors.deserialize(whole.content)} == {"w.1"}
    head = hub.head(f"{BASE}/{path}")
    assert (head.headers["content-length"], head.headers["etag"]) == (
        str(len(whole.content)),
        whole.headers["etag"],
    )
    part = hub.get(f"{BASE}/{path}", headers={"Range": "bytes=-9"})
    assert part.content == whole.content[-9:]
    assert part.headers["x-repo-commit"] == whole.headers["x-repo-commit"]
    assert hub.get(f"{BASE}/{path.replace('unet', 'vae')}").content == whole.content
    assert hub.get(f"{BASE}/model.safetensors").headers["x-error-code"] == "EntryNotFound"


def test_folders_are_listed(hub: Any) -> None:
    tree = hub.get(f"{API}/tree/seed-7").json()
    folders = [row["path"] for row in tree if row["type"] == "directory"]
    assert folders == ["text_encoder", "unet", "vae"]
    inside = hub.get(f"{API}/tree/seed-7/vae").json()
    assert f"{VAE}.index.json" in [row["path"] for row in inside]
    for row in inside:
        assert len(hub.get(f"{BASE}/{row['path']}").content) == row["size"]
    (row,) = hub.post(f"{API}/paths-info/seed-7", json={"paths": ["vae/config.json"]}).json()
    assert row["type"] == "file"


def test_what_a_listing_says(hub: Any) -> None:
    info = hub.get(f"{API}/revision/seed-7").json()
    assert info["safetensors"] == {"parameters": {"F32": 400, "F16": 200}, "total": 600}
    assert (info["library_name"], info["pipeline_tag"]) == ("diffusers", "text-to-image")
    assert "diffusers:StableDiffusionPipeline" in info["tags"]
    summary = hub.get("/v1/recipes/tests/pipeline").json()
    assert (summary["dtype"], summary["parameters"]) == ("float16, float32", 600)
    assert summary["recipe"]["components"]["text_encoder"]["weights"] == HALF


def test_headers_of_the_shards_of_a_folder(hub: Any) -> None:
    index = hub.get(f"/tests/pipeline/resolve/main/{UNET}.index.json").json()
    answer = hub.get(f"{API}/safetensors-metadata/{UNET}.index.json").json()
    assert sorted(answer["headers"]) == sorted(set(index["weight_map"].values()))
    assert answer["index"] == {"metadata": index["metadata"]}
    refused = hub.get(f"{API}/safetensors-metadata/unet/config.json")
    assert f"{UNET}.index.json" in refused.json()["error"]
