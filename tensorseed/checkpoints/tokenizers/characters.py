"""Characters of a WordPiece vocabulary, as many as it has room for."""

from __future__ import annotations

from itertools import chain

from tensorseed.checkpoints.tokenizers.vocabulary import Vocabulary

ASCII = range(0x21, 0x7F)
WRITTEN = (range(0xA1, 0x250), range(0x370, 0x530), range(0x3041, 0x3100))  # Latin, Greek, Cyrillic, kana
IDEOGRAPHS = range(0x4E00, 0xA000)  # each a word of its own in BERT's tokenizer


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
