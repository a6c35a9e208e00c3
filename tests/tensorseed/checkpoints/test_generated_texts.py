"""Generated texts: identified unmade, made once, cached in bounds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pytest

from tensorseed.checkpoints import generated_files
from tensorseed.checkpoints.generated_texts import (
    MAX_CACHED_BYTES,
    GeneratedText,
    TextCache,
    UnmadeTextError,
)
from tensorseed.checkpoints.recipe import Recipe
from tensorseed.checkpoints.tokenizers import tokenizer_texts
from tensorseed.checkpoints.tokenizers.plan import MAX_VOCABULARY
from tests.tensorseed.checkpoints.recipes import repository


class Counting:
    """A text that counts how often it is made."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.made = 0

    def __call__(self) -> bytes:
        self.made += 1
        return self.text


def generate(monkeypatch: pytest.MonkeyPatch, path: str, source: str, make: Counting) -> None:
    """Give every repository the text at `path`."""

    def texts(_recipe: Recipe) -> Mapping[str, GeneratedText]:
        return {path: GeneratedText(source, make)}

    monkeypatch.setattr(generated_files, "SOURCES", (texts,))


def test_a_text_is_made_once_for_all_repositories(monkeypatch: pytest.MonkeyPatch) -> None:
    make = Counting(b"made")
    generate(monkeypatch, "tokens/a.txt", "a v1", make)
    repo = repository()
    first, second = (repo.snapshot(name).file("tokens/a.txt") for name in ("main", "seed-1,dtype=float32"))
    assert make.made == 0
    assert first == second
    assert first.size == 4
    assert first.oid == hashlib.sha1(b"blob 4\0made").hexdigest()
    assert second.text == b"made"
    assert make.made == 1


def test_weights_and_commits_make_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    make = Counting(b"made")
    generate(monkeypatch, "a.txt", "a v1", make)
    repo = repository()
    snapshot = repo.snapshot("seed-7")
    file = repo.snapshot(snapshot.commit).file("model.safetensors")
    assert (file.size, len(file.oid)) == (repository().snapshot("seed-7").file(file.path).size, 40)
    assert make.made == 0


def test_a_commit_says_what_a_text_is_made_from(monkeypatch: pytest.MonkeyPatch) -> None:
    commits = [repository().snapshot("main").commit]
    for path, source in (("a.txt", "a v1"), ("a.txt", "a v2"), ("b.txt", "a v1")):
        generate(monkeypatch, path, source, Counting(b"made"))
        commits.append(repository().snapshot("main").commit)
    assert len(set(commits)) == len(commits)


def test_a_file_of_the_recipe_stands_before_a_generated_one(monkeypatch: pytest.MonkeyPatch) -> None:
    generate(monkeypatch, "Notes/A.txt", "a v1", Counting(b"made"))
    snapshot = repository().snapshot("main")
    assert "Notes/A.txt" not in [file.path for file in snapshot.files]
    assert snapshot.file("notes/a.txt").text == b"as it is"


def test_the_cache_is_bounded_and_keeps_what_it_knows() -> None:
    cache = TextCache(max_bytes=10, max_compressed_bytes=0)
    makes = [Counting(bytes(6)), Counting(bytes(7))]
    texts = [GeneratedText(f"{place}", make) for place, make in enumerate(makes)]
    facts = [cache.facts(text) for text in texts]
    assert [fact.size for fact in facts] == [6, 7]
    assert cache.peek(texts[0]) is None
    assert cache.peek(texts[1]) == bytes(7)
    assert [cache.facts(text) for text in texts] == facts
    assert [make.made for make in makes] == [1, 1]
    assert cache.read(texts[0]) == bytes(6)
    assert [make.made for make in makes] == [2, 1]


def test_a_text_beyond_the_bound_is_made_once_too() -> None:
    make = Counting(bytes(1_000))
    cache = TextCache(max_bytes=10)
    text = GeneratedText("a v1", make)
    assert [cache.read(text) for _ in range(3)] == [bytes(1_000)] * 3
    assert cache.facts(text).size == 1_000
    assert make.made == 1


def test_the_largest_vocabulary_fits() -> None:
    config = {"model_type": "gpt2", "vocab_size": MAX_VOCABULARY, "eos_token_id": 0}
    text = tokenizer_texts(config)["tokenizer.json"]
    cache = TextCache()
    assert len(cache.read(text)) > MAX_CACHED_BYTES
    again = GeneratedText(text.source, Counting(b""))
    assert cache.read(again) == cache.read(text)
    assert cache.facts(again).size > MAX_CACHED_BYTES


def test_a_text_that_cannot_be_made_is_tried_once(caplog: pytest.LogCaptureFixture) -> None:
    tries: list[None] = []

    def make() -> bytes:
        tries.append(None)
        raise KeyError("translate")

    cache = TextCache()
    text = GeneratedText("a v1", make)
    for _ in range(2):
        with pytest.raises(UnmadeTextError, match="cannot be made"):
            cache.facts(text)
    assert cache.knows(text)
    assert len(tries) == len(caplog.records) == 1


def test_a_source_that_fails_costs_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(recipe: Recipe) -> Mapping[str, GeneratedText]:
        raise TypeError(recipe.id)

    def texts(_recipe: Recipe) -> Mapping[str, GeneratedText]:
        return {"a.txt": GeneratedText("a v1", Counting(b"made"))}

    monkeypatch.setattr(generated_files, "SOURCES", (fails, texts))
    assert repository().snapshot("main").file("a.txt").text == b"made"
    assert "has no generated fails" in caplog.text
