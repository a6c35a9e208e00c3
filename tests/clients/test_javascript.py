"""@huggingface/hub under Node."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from tests.clients.clients import NODE, REMEDY, ClientError, javascript
from tests.clients.conftest import CONFIG, LONG, SHARDED, TINY, WEIGHTS, read
from tests.clients.wire import Wire


@pytest.fixture
def ask(wire: Wire, tmp_path: Path) -> Any:
    """Calls a function of the client, by its name and parameters."""

    def asked(function: str, **given: Any) -> Any:
        return javascript(function, wire.url, tmp_path, **given)

    return asked


def test_files_are_listed(ask: Any) -> None:
    entries = {entry["path"]: entry for entry in ask("listFiles", repo=LONG, recursive=True, expand=True)}
    assert entries["notes"]["type"] == "directory"
    assert entries["notes/plain.txt"]["size"] == 10
    assert len(entries[CONFIG]["lastCommit"]["id"]) == 40
    assert {entry["path"] for entry in ask("listFiles", repo=LONG)} == set(entries) - {"notes/plain.txt"}


def test_a_file_is_read_whole_and_in_slices(ask: Any, wire: Wire, port: int) -> None:
    whole = read(port, f"/{TINY}/resolve/seed-42/{WEIGHTS}").body
    given = {"repo": TINY, "path": WEIGHTS, "revision": "seed=42"}
    found = ask("downloaded", **given)
    assert (found["size"], found["sha256"]) == (len(whole), hashlib.sha256(whole).hexdigest())
    wire.clear()
    slices = [[0, 8], [8, 200], [len(whole) - 3, len(whole)]]
    parts = ask("downloaded", slices=slices, **given)["parts"]
    assert parts == [whole[start:stop].hex() for start, stop in slices]
    assert all("range" in seen.headers for seen in wire.asked("GET", WEIGHTS))
    assert ask("downloaded", repo=TINY, path="nothing") is None


def test_what_is_there_and_what_is_not(ask: Any) -> None:
    assert ask("fileExists", repo=TINY, path=CONFIG, revision="seed-42")
    assert not ask("fileExists", repo=TINY, path="nothing")
    assert ask("repoExists", repo=TINY)
    assert not ask("repoExists", repo="tensorseed/nothing")
    for given in ({"repo": "tensorseed/nothing"}, {"repo": TINY, "revision": "seed-x"}):
        with pytest.raises(ClientError, match=r"seed-x|nothing"):
            ask("listFiles", **given)


def test_a_model_says_what_it_is(ask: Any, port: int) -> None:
    found = ask("modelInfo", name=TINY, additionalFields=["sha", "safetensors", "filePaths", "config"])
    told = json.loads(read(port, f"/api/models/{TINY}").body)
    assert (found["name"], found["sha"], found["safetensors"]) == (TINY, told["sha"], told["safetensors"])
    assert WEIGHTS in found["filePaths"]
    listed = ask("listModels", search={"owner": "tensorseed", "query": "tiny-llama"})
    assert TINY in [model["name"] for model in listed]


def test_a_snapshot_holds_every_file(ask: Any, port: int, tmp_path: Path) -> None:
    folder = Path(ask("snapshotDownload", repo=SHARDED, revision="seed-42", cacheDir=tmp_path / "cache"))
    answer = read(port, f"/api/models/{SHARDED}/revision/seed-42")
    assert folder.name == json.loads(answer.body)["sha"]
    for sibling in json.loads(answer.body)["siblings"]:
        name = sibling["rfilename"]
        assert (folder / name).read_bytes() == read(port, f"/{SHARDED}/resolve/seed-42/{name}").body


@pytest.mark.parametrize("repo", [TINY, SHARDED])
def test_the_heads_of_weights_are_read_alone(ask: Any, wire: Wire, port: int, repo: str) -> None:
    found = ask("parseSafetensorsMetadata", repo=repo, revision="seed-42", computeParametersCount=True)
    told = json.loads(read(port, f"/api/models/{repo}/revision/seed-42").body)["safetensors"]
    assert found["sharded"] is (repo == SHARDED)
    assert found["parameterCount"] == told["parameters"]
    assert all("range" in seen.headers for seen in wire.asked("GET", ".safetensors"))


TEXTS = ["hello world", "  two  spaces  ", "tab\tline\n\n x", "nul\0", "émoji 🚀 日本語", "<0x41> </s2>"]
CHAT = [
    {"role": "system", "content": "Be short."},
    {"role": "user", "content": [{"type": "text", "text": "Hi!"}]},
]


@pytest.mark.parametrize(
    "name", ["llama", "gemma", "qwen3", "gpt2", "roberta", "whisper", "deepseek-v3", "bert"]
)
def test_transformers_js_reads_text_as_transformers_does(
    name: str, ask: Any, port: int, tmp_path: Path
) -> None:
    """Its tokenizers are a package of their own."""
    if not (NODE / "node_modules" / "@huggingface" / "tokenizers").exists():
        pytest.skip(f"@huggingface/tokenizers is not installed: {REMEDY}")
    repo = f"tensorseed/tiny-{name}"
    path = tmp_path / "tokenizer.json"
    path.write_bytes(read(port, f"/{repo}/resolve/main/tokenizer.json").body)
    ours = Tokenizer.from_file(str(path))
    found = ask("tokenized", repo=repo, texts=TEXTS, chat=CHAT)
    assert found["ids"] == [ours.encode(text, add_special_tokens=False).ids for text in TEXTS]
    assert found["framed"] == ours.encode(TEXTS[0]).ids
    if name != "bert":
        assert found["texts"] == TEXTS
    if name not in {"bert", "roberta", "whisper"}:
        assert ": Be short." in found["chat"]
        assert found["chat"].endswith("\nassistant: ")
        assert "user: Hi!" in found["chat"]


@pytest.fixture
def transformed(ask: Any) -> Any:
    """Calls transformers.js, whose ONNX Runtime of hundreds of megabytes is left out: no model runs."""
    if not (NODE / "node_modules" / "@huggingface" / "transformers").exists():
        pytest.skip(f"@huggingface/transformers is not installed: {REMEDY}")
    return partial(ask, "transformed", revision="seed-42")


@pytest.mark.parametrize(("name", "kind"), [("bert", "bert"), ("gpt2", "gpt2"), ("gemma-3", "gemma3_text")])
def test_transformers_js_loads_config_and_tokenizer(
    name: str, kind: str, transformed: Any, port: int, tmp_path: Path
) -> None:
    repo = f"tensorseed/tiny-{name}"
    path = tmp_path / "tokenizer.json"
    path.write_bytes(read(port, f"/{repo}/resolve/seed-42/tokenizer.json").body)
    found = transformed(repo=repo, text=TEXTS[0], chat=None if name == "bert" else CHAT[:1])
    assert found["model_type"] == kind
    assert found["ids"] == Tokenizer.from_file(str(path)).encode(TEXTS[0]).ids
    assert name == "bert" or found["chat"].endswith("\nassistant: ")


def test_transformers_js_processes_images(transformed: Any) -> None:
    found = transformed(repo="tensorseed/tiny-vit", image=[50, 40])
    assert found == {"model_type": "vit", "dims": [1, 3, 32, 32]}
