"""Characters of vocabularies without bytes: those of WordPiece and speech."""

from __future__ import annotations

from itertools import chain

from tensorseed.checkpoints.tokenizers.vocabulary import Vocabulary

ASCII = range(0x21, 0x7F)
WRITTEN = (range(0xA1, 0x250), range(0x370, 0x530), range(0x3041, 0x3100))  # Latin, Greek, Cyrillic, kana
IDEOGRAPHS = range(0x4E00, 0xA000)  # each a word of its own in BERT's tokenizer
PRIVATE = (range(0xF0000, 0xFFFFE), range(0x100000, 0x10FFFE))  # of private use, as filler
WORD_END = "|"  # what stands for a space in transcripts of speech
_LETTERS = "ETAONIHSRDLUMWCFGYPBVK'XJQZ"  # of published vocabularies of English, in their order


def character_tokens(vocabulary: Vocabulary) -> dict[int, str]:
    """The characters by id, each as the begin of a word and, after `##`, as its continuation.

    Printable ASCII comes first, then the letters of `WRITTEN`, then ideographs.
    """
    tokens = chain(
        (f"{mark}{chr(code)}" for code in chain(ASCII, *WRITTEN) for mark in ("", "##")),
        map(chr, IDEOGRAPHS),
    )
    free = (id_ for id_ in range(vocabulary.size) if id_ not in vocabulary.special)
    return dict(zip(free, tokens, strict=False))


def speech_tokens(vocabulary: Vocabulary) -> dict[int, str]:
    """The characters by id, the end of a word first, then the letters of published vocabularies of English.

    Those of 32 ids are the published one. What follows is as in `character_tokens`. Filler is characters of
    private use: the class reads a token of several characters in a time that grows with their number.
    """
    begin = (WORD_END, *_LETTERS)
    rest = (chr(code) for code in chain(ASCII, *WRITTEN, IDEOGRAPHS, *PRIVATE))
    tokens = chain(begin, (character for character in rest if character not in begin))
    free = (id_ for id_ in range(vocabulary.size) if id_ not in vocabulary.special)
    return dict(zip(free, tokens, strict=False))
