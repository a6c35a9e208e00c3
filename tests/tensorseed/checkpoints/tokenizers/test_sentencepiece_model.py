"""Models of SentencePiece, read by the schema of their format."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tensorseed.checkpoints.tokenizers import tokenizer_texts
from tests.tensorseed.checkpoints.tokenizers.configs import ALL

NORMAL, UNKNOWN, CONTROL, UNUSED, BYTE = 1, 2, 3, 5, 6
FILES = {"llama": "tokenizer.model", "llama-3": "tokenizer.model", "gemma": "tokenizer.model"}
FILES |= {"qwen": "tokenizer.model", "t5": "spiece.model"}


def fields(data: bytes) -> list[tuple[int, Any]]:
    """The fields of a message in the wire format of protocol buffers: numbers and contents."""
    found, place = [], 0

    def varint() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = data[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(data):
        key = varint()
        if key & 7 == 0:
            found.append((key >> 3, varint()))
            continue
        length = 4 if key & 7 == 5 else varint()
        found.append((key >> 3, data[place : place + length]))
        place += length
    return found


@pytest.mark.parametrize("name", FILES)
def test_it_has_the_ids_of_tokenizer_json(name: str) -> None:
    texts = tokenizer_texts(ALL[name])
    message = fields(texts[FILES[name]].make())
    pieces = [dict(fields(content)) for number, content in message if number == 1]
    trainer, normalizer = (dict(fields(dict(message)[number])) for number in (2, 3))
    tokens = [piece[1].decode() for piece in pieces]
    kinds = [piece[3] for piece in pieces]
    assert len(tokens) == len(set(tokens)) == trainer[4] == 1_000
    assert [kinds.count(kind) for kind in (UNKNOWN, BYTE)] == [1, 256]
    assert trainer[35] == 1
    assert (normalizer[3], normalizer[4], normalizer[5]) == (0, 0, 1)
    document = orjson.loads(texts["tokenizer.json"].make())
    for token in document["added_tokens"]:
        assert tokens[token["id"]] == token["content"]
        assert kinds[token["id"]] in {CONTROL, UNKNOWN}
    vocab = document["model"]["vocab"]
    ids = {token: id_ for id_, (token, _) in enumerate(vocab)} if isinstance(vocab, list) else vocab
    if name in {"llama", "llama-3", "qwen"}:
        space = ids["<0x20>"] if name == "llama" else ids["Ġ"]
        assert tokens[space] == "▁"
        assert ids["<0x41>" if name == "llama" else "A"] == tokens.index("<0x41>")
    else:
        assert [ids[token] for token in tokens] == list(range(1_000))


def test_families_without_one_in_their_publications_have_none() -> None:
    for name in set(ALL) - set(FILES):
        assert not any(path.endswith(".model") for path in tokenizer_texts(ALL[name]))
