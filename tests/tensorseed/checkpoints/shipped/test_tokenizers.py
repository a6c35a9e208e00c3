"""Tokenizers of shipped repositories under transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import transformers

from tensorseed.checkpoints.library import Library
from tensorseed.checkpoints.repo_files import WeightsFile
from tests.tensorseed.checkpoints.shipped.conftest import TINY

CLASSES = {
    "bert": "BertTokenizer",
    "clip": "CLIPTokenizer",
    "gemma": "GemmaTokenizer",
    "gemma2": "GemmaTokenizer",
    "gemma3_text": "GemmaTokenizer",
    "gpt2": "GPT2Tokenizer",
    "phi": "GPT2Tokenizer",
    "qwen3": "Qwen2Tokenizer",
    "qwen3_moe": "Qwen2Tokenizer",
    "roberta": "RobertaTokenizer",
    "whisper": "WhisperTokenizer",
}
GENERIC = "TokenizersBackend"
FULL = ("llama-3-8b", "t5-small", "whisper-large-v3", "clip-vit-base-patch32")
TEXT = " Two  spaces, émoji 🚀\n\tand \0"
CHAT = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi!"}]


def tokenizer(name: str, library: Library, folder: Path) -> tuple[Any, dict[str, Any]]:
    """The tokenizer of a repository and its config; none where the repository has no tokenizer."""
    snapshot = library.repository(f"tensorseed/{name}").snapshot("main")
    for file in snapshot.files:
        if not isinstance(file, WeightsFile):
            (folder / file.path).write_bytes(file.text or b"")
    config = json.loads((folder / "config.json").read_text())
    if not (folder / "tokenizer.json").exists():
        return None, config
    return transformers.AutoTokenizer.from_pretrained(folder), config


@pytest.mark.parametrize("name", [*TINY, *FULL])
def test_it_has_the_class_and_the_ids_of_its_model(name: str, library: Library, tmp_path: Path) -> None:
    found, config = tokenizer(name, library, tmp_path)
    if found is None:
        assert "vocab_size" not in config
        return
    text = config if "vocab_size" in config else config["text_config"]
    size = text["vocab_size"]
    assert type(found).__name__ == CLASSES.get(config["model_type"], GENERIC)
    assert len(found) == size
    sample = range(0, size, max(1, size // 1_000))
    assert all(isinstance(found.decode([id_]), str) for id_ in sample)
    assert found.decode(found("hello", add_special_tokens=False)["input_ids"]) == "hello"
    if config["model_type"] not in {"bert", "clip"}:
        assert found.decode(found(TEXT, add_special_tokens=False)["input_ids"]) == TEXT
        assert found.decode(found(TEXT)["input_ids"], skip_special_tokens=True) == TEXT
    whole = transformers.AutoConfig.from_pretrained(tmp_path)
    model = whole if text is config else whole.text_config
    pools_at_highest = config["model_type"] == "clip" and model.eos_token_id == 2
    named = {role: getattr(model, f"{role}_token_id", None) for role in ("bos", "eos", "pad")}
    if pools_at_highest:
        named = {"bos": size - 2, "eos": size - 1}
        assert found("a")["input_ids"][-1] == max(found("a b c")["input_ids"]) == size - 1
    for role, id_ in named.items():
        assert id_ is None or id_ == getattr(found, f"{role}_token_id")
    assert found.pad_token_id is not None
    assert all(0 <= id_ < size for id_ in found("ids are of the vocabulary ∀")["input_ids"])


@pytest.mark.parametrize("name", ["tiny-llama", "tiny-gpt2", "tiny-gemma-3", "tiny-qwen3"])
def test_it_writes_chats(name: str, library: Library, tmp_path: Path) -> None:
    found, _ = tokenizer(name, library, tmp_path)
    bos, eos = found.bos_token, found.eos_token
    written = found.apply_chat_template(CHAT, add_generation_prompt=True, tokenize=False)
    assert written == f"{bos}system: Be short.{eos}\nuser: Hi!{eos}\nassistant: "


@pytest.mark.parametrize(("name", "kind"), [("llama", "LlamaTokenizer"), ("t5", "T5Tokenizer")])
def test_a_class_that_builds_its_own_reads_words(
    name: str, kind: str, library: Library, tmp_path: Path
) -> None:
    tokenizer(f"tiny-{name}", library, tmp_path)
    found = getattr(transformers, kind).from_pretrained(tmp_path)
    assert len(found) == 1_000
    assert found.decode(found("two words")["input_ids"], skip_special_tokens=True) == "two words"


def test_a_batch_is_padded(library: Library, tmp_path: Path) -> None:
    found, _ = tokenizer("tiny-mistral", library, tmp_path)
    batch = found(["a", "bcd"], padding=True)
    assert [len(row) for row in batch["input_ids"]] == [4, 4]
    assert sum(batch["attention_mask"][0]) == 2
