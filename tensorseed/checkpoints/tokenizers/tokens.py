"""Tokens of a vocabulary by id, as each kind of tokenizer writes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import orjson

from tensorseed.checkpoints.tokenizers.characters import character_tokens, speech_tokens
from tensorseed.checkpoints.tokenizers.families import Kind
from tensorseed.checkpoints.tokenizers.plan import TokenizerPlan
from tensorseed.checkpoints.tokenizers.vocabulary import (
    SPACE,
    Vocabulary,
    byte_level_characters,
    fallback_tokens,
)

WORD = "▁"  # how SentencePiece writes a space


def tokens_of(plan: TokenizerPlan) -> Iterable[str]:
    """Every token by id."""
    vocabulary = Vocabulary(plan.size, plan.special, plan.pieces)
    if plan.kind is Kind.UNIGRAM:
        return unigram_tokens(vocabulary)
    if plan.kind is Kind.WORD_PIECE:
        return vocabulary.tokens(character_tokens(vocabulary))
    if plan.kind is Kind.CTC:
        return vocabulary.tokens(speech_tokens(vocabulary))
    if plan.kind is Kind.BYTE_LEVEL:
        return _byte_level(vocabulary, has_words=plan.class_name == "CLIPTokenizer")
    tokens = fallback_tokens(vocabulary)
    is_gemma = plan.class_name == "GemmaTokenizer"
    tokens |= space_tokens(vocabulary) if is_gemma else {vocabulary.filler_ids(1)[0]: WORD}
    return vocabulary.tokens(tokens)


def space_tokens(vocabulary: Vocabulary) -> dict[int, str]:
    """The piece of a space at the id of its byte, and its byte at the first id of filler.

    SentencePiece wants a token of each byte, and writes a space as a character of its own.
    """
    return {vocabulary.byte_ids[SPACE]: WORD, vocabulary.filler_ids(1)[0]: f"<0x{SPACE:02X}>"}


def unigram_tokens(vocabulary: Vocabulary) -> list[str]:
    """The tokens of a Unigram vocabulary: bytes, the space and printable ASCII as pieces, filler."""
    pieces = [WORD, *map(chr, range(0x21, 0x7F))]
    tokens = fallback_tokens(vocabulary)
    tokens |= dict(zip(vocabulary.filler_ids(len(pieces)), pieces, strict=True))
    return list(vocabulary.tokens(tokens))


def ids_json(tokens: Iterable[str]) -> bytes:
    """The JSON of tokens with their ids, without an object for each."""
    text = bytearray(b"{")
    for id_, token in enumerate(tokens):
        text += b"%b:%d," % (orjson.dumps(token), id_)
    text[-1:] = b"}"
    return bytes(text)


def _byte_level(vocabulary: Vocabulary, *, has_words: bool) -> Iterator[str]:
    """The bytes by GPT-2's characters; with words also each at the end of one, with `</w>`."""
    characters = byte_level_characters()
    tokens = dict(zip(vocabulary.byte_ids, characters, strict=True))
    if has_words:
        taken = {*vocabulary.byte_ids, *vocabulary.special}
        free = (id_ for id_ in range(vocabulary.size) if id_ not in taken)
        tokens |= {next(free): f"{character}</w>" for character in characters}
    return vocabulary.tokens(tokens)
