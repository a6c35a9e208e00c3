"""Tokenizers of bytes, with exactly as many ids as a model's vocabulary.

`docs/tokenizers.md` describes them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from fnmatch import translate
from functools import partial
from typing import Any

from tensorseed.checkpoints.derivation.configs import ConfigWarning
from tensorseed.checkpoints.generated_texts import GeneratedText
from tensorseed.checkpoints.tokenizers.families import Kind
from tensorseed.checkpoints.tokenizers.plan import TokenizerPlan, VocabularyError, plan_tokenizer
from tensorseed.checkpoints.tokenizers.sentencepiece_model import sentencepiece_model
from tensorseed.checkpoints.tokenizers.tokenizer_config import tokenizer_config
from tensorseed.checkpoints.tokenizers.tokenizer_json import tokenizer_json
from tensorseed.checkpoints.tokenizers.vocabulary import filler
from tensorseed.checkpoints.tokenizers.vocabulary_files import Maker, vocabulary_files

__all__ = [
    "TokenizerPlan",
    "described_tokenizer",
    "is_tokenizer_file",
    "plan_tokenizer",
    "tokenizer_texts",
    "tokenizer_warnings",
]

_NAMES = ("tokenizer.json", "tokenizer_config.json", "tekken.json", "vocab.*", "merges.txt", "bpe.codes")
_FORMATS = ("*.model", "tokenizer.model.*", "*.spm", "*.tiktoken", "tokenization_*.py")
_OWN = re.compile("|".join(map(translate, (*_NAMES, *_FORMATS))))


def is_tokenizer_file(name: str) -> bool:
    """Whether a file of that name in a recipe means that it has a tokenizer of its own."""
    return _OWN.match(name.lower()) is not None


def tokenizer_texts(config: Mapping[str, Any]) -> dict[str, GeneratedText]:
    """The files of the tokenizer of a model by path.

    There are none where it reads no text, or has too few ids or too many.
    """
    try:
        plan = plan_tokenizer(config)
    except VocabularyError:
        return {}
    if plan is None:
        return {}
    makers: dict[str, Maker] = {**vocabulary_files(plan), "tokenizer_config.json": tokenizer_config}
    if plan.kind is not Kind.CTC:
        makers["tokenizer.json"] = tokenizer_json
    if plan.model is not None:
        makers[plan.model] = sentencepiece_model
    source = plan.source
    return {
        path: GeneratedText(json.dumps([make.__name__, source]), partial(make, plan))
        for path, make in makers.items()
    }


_HOLDS = {
    Kind.CTC: "characters, and filler of private use that no text has",
    Kind.WORD_PIECE: "characters, and filler such as `{filler}` that no text encodes to",
}
_BYTES = "one for each of the 256 bytes, and filler such as `{filler}` that no text encodes to"


def described_tokenizer(config: Mapping[str, Any]) -> str | None:
    """What the generated tokenizer of a model holds, in one sentence; None where there is none."""
    try:
        plan = plan_tokenizer(config)
    except VocabularyError:
        return None
    if plan is None:
        return None
    holds = _HOLDS.get(plan.kind, _BYTES).format(filler=filler(plan.size - 1))
    return f"{plan.size:,} ids for `{plan.class_name}`: special tokens, {holds}."


def tokenizer_warnings(config: Mapping[str, Any]) -> list[ConfigWarning]:
    """A warning where a model reads text and has too few ids for a tokenizer, too many, or no vocab_size."""
    try:
        plan_tokenizer(config)
    except VocabularyError as error:
        return [ConfigWarning(error.pointer, "vocab_size", str(error))]
    return []
