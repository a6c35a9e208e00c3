"""The file tokenizer.json under the tokenizers library."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from tensorseed.checkpoints.tokenizers import tokenizer_texts
from tests.tensorseed.checkpoints.tokenizers.configs import ALL, DECOMPOSED, EXACT, TEXTS, WORD

TOKENIZERS = {
    name: Tokenizer.from_str(tokenizer_texts(config)["tokenizer.json"].make().decode())
    for name, config in ALL.items()
}


def decoded(name: str, text: str) -> str:
    tokenizer = TOKENIZERS[name]
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    return str(tokenizer.decode(ids, skip_special_tokens=False))


@pytest.mark.parametrize("name", ALL)
def test_it_has_a_token_for_each_id(name: str) -> None:
    tokenizer = TOKENIZERS[name]
    assert tokenizer.get_vocab_size() == 1_000
    assert sorted(tokenizer.get_vocab().values()) == list(range(1_000))
    assert all(isinstance(tokenizer.decode([id_]), str) for id_ in range(1_000))


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("text", TEXTS)
def test_a_text_comes_back(name: str, text: str) -> None:
    assert decoded(name, text) == text


@given(st.sampled_from(["gpt2", "llama", "llama-3", "roberta", "whisper"]), st.text())
def test_any_text_comes_back(name: str, text: str) -> None:
    special = [token.content for token in TOKENIZERS[name].get_added_tokens_decoder().values()]
    if not any(token in text for token in special):
        assert decoded(name, text) == text


def test_a_text_has_a_token_for_each_byte() -> None:
    for name in ("gpt2", "llama", "gemma", "qwen", "t5", "llama-3"):
        text = "aé 🚀" if name != "t5" else "é🚀"
        assert len(TOKENIZERS[name].encode(text, add_special_tokens=False).ids) == len(text.encode())


def test_what_does_not_come_back_is_what_the_classes_change() -> None:
    assert decoded("gemma", WORD) == decoded("t5", WORD) == "a b"
    assert decoded("llama", WORD) == WORD
    assert decoded("qwen", DECOMPOSED) == "é"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Hello  World", "hello world"),
        ("a, b!", "a , b !"),
        ("x12", "x 1 2"),
        (DECOMPOSED, "é"),
        ("a\u2028b\u00a0c", "a b c"),
        ("\u2028end\u00a0", "end"),
        ("日本 🚀", "日本 🚀"),
    ],
)
def test_clip_gives_words_back(text: str, found: str) -> None:
    assert decoded("clip", text).replace("</w>", " ").rstrip() == found


def test_bert_reads_characters() -> None:
    tokenizer = TOKENIZERS["bert"]
    assert tokenizer.encode("Ab c").tokens == ["[CLS]", "a", "##b", "c", "[SEP]"]
    assert tokenizer.encode("🚀").tokens == ["[CLS]", "[UNK]", "[SEP]"]


def test_clip_reads_words_of_bytes() -> None:
    tokenizer = TOKENIZERS["clip"]
    assert tokenizer.encode("Ab c").tokens == ["<|startoftext|>", "a", "b</w>", "c</w>", "<|endoftext|>"]


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("llama", ["<s>", "<0x61>"]),
        ("gemma", ["<bos>", "<0x61>"]),
        ("gpt2", ["a"]),
        ("roberta", ["<s>", "a", "</s>"]),
        ("t5", ["a", "</s>"]),
        ("whisper", ["<|startoftranscript|>", "<|notimestamps|>", "a", "<|endoftext|>"]),
    ],
)
def test_a_text_is_framed_as_its_model_expects(name: str, tokens: list[str]) -> None:
    assert TOKENIZERS[name].encode("a").tokens == tokens


DIGESTS = {
    "gpt2": "7932d35bbc417ce2",
    "llama": "5228860d4d302d69",
    "llama-3": "68f73887bdb65e18",
    "gemma": "4b26e62ab838b15c",
    "qwen": "e71583823296b26c",
    "bert": "7e0618f8d583a20c",
    "roberta": "68646552051a8c6b",
    "t5": "005126eb8995d46f",
    "clip": "dd466bd421224735",
    "whisper": "686bd97162b5394f",
}


@pytest.mark.parametrize("name", ALL)
def test_the_bytes_are_those_of_version_2(name: str) -> None:
    """A commit names the plan and its version alone: other bytes need another version."""
    running = hashlib.sha256()
    for path, text in sorted(tokenizer_texts(ALL[name]).items()):
        running.update(path.encode() + b"\n" + text.make())
    assert running.hexdigest()[:16] == DIGESTS[name]
