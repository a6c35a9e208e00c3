"""Vocabulary of bytes: a token of each, special tokens, and filler."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import islice

SPACE = 0x20
BYTES = 256


class Vocabulary:
    """Tokens of the ids 0 to `size` − 1.

    Special tokens and pieces have the ids that are given. The bytes have the lowest other ids, in order, and
    the rest is filler.
    """

    def __init__(self, size: int, special: Mapping[int, str], pieces: Mapping[int, str]) -> None:
        self.size = size
        self.special = dict(sorted(special.items()))
        self.pieces = dict(sorted(pieces.items()))

    @cached_property
    def byte_ids(self) -> tuple[int, ...]:
        """The id of each byte."""
        free = (id_ for id_ in range(self.size) if id_ not in self.special and id_ not in self.pieces)
        return tuple(islice(free, BYTES))

    def filler_ids(self, count: int) -> list[int]:
        """The first ids of filler."""
        taken = {*self.byte_ids, *self.special, *self.pieces}
        return list(islice((id_ for id_ in range(self.size) if id_ not in taken), count))

    def tokens(self, bytes_: Mapping[int, str]) -> Iterator[str]:
        """Every token, by id; `bytes_` are those of the bytes, by id."""
        named = {**self.pieces, **bytes_, **self.special}
        for id_ in range(self.size):
            yield named.get(id_) or filler(id_)


def filler(id_: int) -> str:
    """The token of an id that stands for nothing."""
    return f"<extra_{id_}>"


def fallback_tokens(vocabulary: Vocabulary) -> dict[int, str]:
    """The tokens of the bytes as SentencePiece names them, by id: `<0x00>` to `<0xFF>`."""
    return {id_: f"<0x{byte:02X}>" for byte, id_ in enumerate(vocabulary.byte_ids)}


def byte_level_characters() -> list[str]:
    """The character that stands for each byte in byte-level BPE, as GPT-2's encoder maps them.

    Printable bytes stand for themselves. The others are U+0100 and on, in order.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(BYTES)]
