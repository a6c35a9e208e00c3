"""Libraries around a model: pipelines, embeddings, and converters."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.clients import ClientError, Python
from tests.clients.stack import STACK, installed
from tests.clients.wire import Wire

TEXTS = [
    "hello world",
    " leading",
    "  two  spaces  ",
    "tab\tline\n\n x",
    "nul\0",
    "émoji 🚀 日本語",
    "<0x41> </s2>",
]
CONTROL, UNKNOWN, BYTE = 3, 2, 6  # types of tokens in GGUF
UNRECOGNIZED = "BPE pre-tokenizer was not recognized"


@pytest.fixture(scope="module")
def stack(passing: Wire, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Python]:
    """A process that has the libraries."""
    client = Python(installed(), passing.url, tmp_path_factory.mktemp("home"))
    yield client
    client.close()


@pytest.fixture
def convert(stack: Python, tmp_path: Path) -> Any:
    """Converts a tiny repository to GGUF, and reads the file back."""
    if not (STACK / "llama.cpp").exists():
        pytest.skip("the converter of llama.cpp could not be fetched")

    def converted(name: str, *more: str) -> Any:
        out = tmp_path / f"{name}.gguf"
        return stack("stack_programs:gguf_of", folder_of(stack, name), str(out), *more)

    return converted


def folder_of(stack: Python, name: str) -> str:
    """The folder with the files of a tiny repository."""
    return str(stack("huggingface_hub:snapshot_download", f"tensorseed/tiny-{name}"))


@pytest.mark.parametrize("name", ["llama", "gpt2", "qwen3"])
def test_a_pipeline_goes_on_with_a_chat(name: str, stack: Python) -> None:
    found = stack("stack_programs:chatted", f"tensorseed/tiny-{name}", "Grüß dich!")
    assert found["message"]["role"] == "assistant"
    assert found["message"]["content"]
    assert "user: Grüß dich!" in found["prompt"]
    assert found["prompt"].endswith("\nassistant: ")


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_a_pipeline_fills_a_mask(name: str, stack: Python) -> None:
    found = stack("stack_programs:filled", f"tensorseed/tiny-{name}")
    assert len(found) == 5
    assert all(0 <= part["token"] < 1_000 and 0 < part["score"] < 0.1 for part in found)


def test_sentence_transformers_embeds_texts(stack: Python) -> None:
    one, same, other = stack(
        "stack_programs:embedded", "tensorseed/tiny-bert", ["one text", "one text", "any"]
    )
    assert len(one) == 32
    assert one == pytest.approx(same, rel=1e-5, abs=1e-6)
    assert math.dist(one, other) > 0.1


@pytest.mark.parametrize("name", ["llama", "mistral", "phi-3", "gemma", "qwen3", "t5"])
def test_sentencepiece_gives_the_same_ids(name: str, stack: Python) -> None:
    found = stack("stack_programs:ids_of", folder_of(stack, name), TEXTS)
    assert found["sentencepiece"] == found["transformers"]
    assert found["texts"] == TEXTS
    assert found["roles"][0][-1] == 1_000


@pytest.mark.parametrize("name", ["llama", "gpt2", "qwen3"])
def test_ctranslate2_converts_and_writes(name: str, stack: Python, tmp_path: Path) -> None:
    found = stack("stack_programs:translated", folder_of(stack, name), str(tmp_path / "model"), "hello")
    assert len(found["ids"]) == len(found["tokens"]) == 8


@pytest.mark.parametrize(
    ("name", "architecture", "eos"),
    [
        ("llama", "llama", 2),
        ("mistral", "llama", 2),
        ("qwen3", "qwen3", 1),
        ("gemma", "gemma", 1),
        ("gemma-3", "gemma3", 1),
        ("phi-3", "phi3", 2),
        ("t5", "t5", 1),
    ],
)
def test_llama_cpp_converts(name: str, architecture: str, eos: int, convert: Any) -> None:
    found = convert(name)
    assert found["architecture"] == architecture
    assert found["tensors"]["token_embd.weight"][0] == len(found["tokens"]) == 1_000
    assert found["fields"]["tokenizer.ggml.eos_token_id"] == eos
    assert found["types"][eos] == CONTROL
    assert found["types"].count(BYTE) == 256
    assert found["types"].count(UNKNOWN) <= 1
    assert "▁" in found["tokens"]
    assert ("tokenizer.chat_template" in found["fields"]) is (name != "t5")


@pytest.mark.parametrize(("name", "pre"), [("bert", "bert-bge"), ("gpt2", "gpt-2")])
def test_llama_cpp_wants_published_vocabularies_of_the_others(name: str, pre: str, convert: Any) -> None:
    """It identifies them by a hash of what it calls the pre-tokenizer; the rest converts."""
    with pytest.raises(ClientError, match=UNRECOGNIZED):
        convert(name)
    found = convert(name, pre)
    assert found["fields"]["tokenizer.ggml.pre"] == pre
    assert found["tensors"]["token_embd.weight"][0] == len(found["tokens"]) == 1_000
