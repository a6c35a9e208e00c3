"""Files of a vocabulary alone, which slow tokenizers and converters read.

Those that run tokenizer.json read none of them.
"""

from __future__ import annotations

from collections.abc import Callable

from tensorseed.checkpoints.tokenizers.families import GENERIC, Kind
from tensorseed.checkpoints.tokenizers.plan import TokenizerPlan
from tensorseed.checkpoints.tokenizers.tokens import ids_json, tokens_of

Maker = Callable[[TokenizerPlan], bytes]

_OF_ONE_FILE = frozenset({GENERIC, "ParakeetTokenizer"})


def vocabulary_files(plan: TokenizerPlan) -> dict[str, Maker]:
    """What makes the files of a plan by path, those that its class in transformers names."""
    if plan.kind is Kind.WORD_PIECE:
        return {"vocab.txt": vocab_txt}
    if plan.kind is Kind.CTC:
        return {"vocab.json": vocab_json}
    if plan.kind is Kind.BYTE_LEVEL and plan.class_name not in _OF_ONE_FILE:
        return {"vocab.json": vocab_json, "merges.txt": merges_txt}
    return {}


def vocab_txt(plan: TokenizerPlan) -> bytes:
    """The text of vocab.txt: a token a line."""
    return "".join(f"{token}\n" for token in tokens_of(plan)).encode()


def vocab_json(plan: TokenizerPlan) -> bytes:
    """The text of vocab.json, in one line: the ids of tokens."""
    return ids_json(tokens_of(plan)) + b"\n"


def merges_txt(_: TokenizerPlan) -> bytes:
    """The text of merges.txt: its version, and no merges, whatever the plan."""
    return b"#version: 0.2\n"
