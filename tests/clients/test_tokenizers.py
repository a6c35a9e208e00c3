"""Tokenizers under transformers 4."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from tests.clients.clients import BUILD, REMEDY, Python
from tests.clients.conftest import read
from tests.clients.wire import Wire

CLASSES = {
    "bert": "BertTokenizerFast",
    "clip": "CLIPTokenizerFast",
    "gemma-3": "GemmaTokenizerFast",
    "gpt2": "GPT2TokenizerFast",
    "llama": "PreTrainedTokenizerFast",
    "qwen3": "Qwen2TokenizerFast",
    "roberta": "RobertaTokenizerFast",
    "t5": "PreTrainedTokenizerFast",
    "whisper": "WhisperTokenizerFast",
}
SLOW = ("bert", "clip", "gpt2", "qwen3", "roberta", "whisper")  # those of files of a vocabulary alone
TEXTS = ["hello world", "  two  spaces  ", "tab\tline\n\n x", "nul\0", "émoji 🚀 日本語", "<0x41> </s2>"]
CHATS = {"gemma-3", "gpt2", "llama", "qwen3"}


@pytest.fixture(scope="module")
def found(passing: Wire, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What transformers 4 reads of each family."""
    python = BUILD / "transformers-4" / "bin" / "python"
    if not python.exists():
        pytest.skip(f"transformers 4 is not installed: {REMEDY}")
    client = Python(python, passing.url, tmp_path_factory.mktemp("home"))
    yield {
        **client("programs:read_texts", [f"tensorseed/tiny-{name}" for name in CLASSES], TEXTS),
        "slow": client("programs:read_slowly", [f"tensorseed/tiny-{name}" for name in SLOW], TEXTS),
    }
    client.close()


@pytest.mark.parametrize("name", CLASSES)
def test_a_family_has_its_class_and_reads_texts(
    name: str, found: dict[str, Any], port: int, tmp_path: Path
) -> None:
    repo = f"tensorseed/tiny-{name}"
    path = tmp_path / "tokenizer.json"
    path.write_bytes(read(port, f"/{repo}/resolve/main/tokenizer.json").body)
    plain, own = Tokenizer.from_file(str(path)), found[repo]
    assert (own["kind"], own["size"]) == (CLASSES[name], 1_000)
    assert own["ids"] == [plain.encode(text, add_special_tokens=False).ids for text in TEXTS]
    assert own["framed"] == plain.encode(TEXTS[0]).ids
    if name not in {"bert", "clip"}:
        assert own["texts"] == TEXTS
    assert (own["chat"] or "").endswith("\n") is (name in CHATS)


@pytest.mark.parametrize("name", SLOW)
def test_the_tokenizer_in_python_gives_the_same_ids(name: str, found: dict[str, Any]) -> None:
    repo = f"tensorseed/tiny-{name}"
    for text, slow, fast in zip(TEXTS, found["slow"][repo], found[repo]["ids"], strict=True):
        if name != "clip" or (text.isascii() and text.isprintable()):  # CLIP's reads words as BERT's does
            assert slow == fast, text
