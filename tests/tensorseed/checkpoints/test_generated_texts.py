"""Generated texts: identified unmade, made once, cached in bounds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pytest

from tensorseed.checkpoints import generated_files
from tensorseed.checkpoints.generated_texts import GeneratedText, TextCache
from tensorseed.checkpoints.recipe import Recipe
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
    cache = TextCache(max_bytes=10)
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
