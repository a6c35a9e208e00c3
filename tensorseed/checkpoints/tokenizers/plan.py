"""Plan of a tokenizer: all that decides its files, from a config."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tensorseed.checkpoints.derivation.configs import TEXT_CONFIGS, architecture_of
from tensorseed.checkpoints.tokenizers.families import (
    CLIP,
    GPT2,
    QWEN,
    ROBERTA,
    T5,
    TEXTLESS,
    WHISPER,
    Family,
    Kind,
    family_of,
)
from tensorseed.checkpoints.tokenizers.special_tokens import SpecialTokens, special_tokens
from tensorseed.checkpoints.tokenizers.whisper import add_whisper_tokens

VERSION = 2  # raised with every change of what is made from a plan

MAX_VOCABULARY = 1 << 20  # tokens: 20 MB of JSON
MIN_SPECIAL = 16  # ids beside those of bytes that are enough for the special tokens of nearly all configs
SENTINELS = 100  # of T5

_LENGTHS = ("max_position_embeddings", "n_positions", "max_target_positions", "seq_length")
_UNBOUNDED = 10**30  # as transformers writes it
_WRITES = ("ForCausalLM", "LMHeadModel")


@dataclass(frozen=True)
class TokenizerPlan:
    """A tokenizer but for its text.

    Attributes:
        kind: The algorithm.
        class_name: The class in transformers.
        size: The number of ids.
        roles: The tokens by role.
        special: The special tokens by id.
        pieces: Further tokens by id.
        members: The tokens by member of the config, such as `image_token`.
        begins: Whether a text begins with `bos`.
        chats: Whether there is a chat template.
        max_length: The positions of the model.
        model: The file for SentencePiece, if there is one.
    """

    kind: Kind
    class_name: str
    size: int
    roles: Mapping[str, str]
    special: Mapping[int, str]
    pieces: Mapping[int, str]
    members: Mapping[str, str]
    begins: bool
    chats: bool
    max_length: int
    model: str | None

    @property
    def source(self) -> str:
        """The plan as JSON, with the version of what is made from it."""
        return json.dumps({"version": VERSION, **asdict(self)})


class VocabularyError(ValueError):
    """A vocabulary is of no tokenizer; `pointer` is that of its size in the config."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(detail)
        self.pointer = pointer


class TooFewIdsError(VocabularyError):
    """A vocabulary has fewer ids than its tokenizer needs."""

    def __init__(self, pointer: str, size: int, needed: int) -> None:
        detail = f"a vocabulary of {size:,} ids has no room for a tokenizer, so the repository has none"
        super().__init__(pointer, f"{detail}: {needed:,} are enough")


class TooManyIdsError(VocabularyError):
    """A vocabulary has more ids than a tokenizer may."""

    def __init__(self, pointer: str, size: int) -> None:
        detail = f"a vocabulary of {size:,} ids is too large for a tokenizer, so the repository has none"
        super().__init__(pointer, f"{detail}: at most {MAX_VOCABULARY:,} have one")


def plan_tokenizer(config: Mapping[str, Any]) -> TokenizerPlan | None:
    """The plan of a config's tokenizer; None where its model reads no text.

    A model of text and images has the tokenizer of its `text_config`.

    Raises:
        TooFewIdsError: The vocabulary has no room for it.
        TooManyIdsError: The vocabulary has more than MAX_VOCABULARY ids.
    """
    folder, text = _text_config(config)
    size = text.get("vocab_size")
    kind = _model_type(config, text)
    if type(size) is not int or {kind, _model_type(config, {})} & TEXTLESS:
        return None
    if size > MAX_VOCABULARY:
        raise TooManyIdsError(f"{folder}/vocab_size", size)
    configs = [text] if text is config else [text, config]
    family = family_of(kind, _first_special(configs))
    least = _required(family) + MIN_SPECIAL
    if size < 2 * MIN_SPECIAL:
        raise TooFewIdsError(f"{folder}/vocab_size", size, least)
    found = special_tokens(configs, size, family, masks=architecture_of(config).endswith("ForMaskedLM"))
    pieces: dict[int, str] = {}
    if family is WHISPER:
        pieces = add_whisper_tokens(found)
    if family is T5:
        for place in range(min(SENTINELS, size // 8)):
            found.add(size - 1 - place, f"<extra_id_{place}>")
    needed = len(found.texts) + len(pieces) + _required(family)
    if size < needed:
        raise TooFewIdsError(f"{folder}/vocab_size", size, max(needed, least))
    return TokenizerPlan(
        family.kind,
        family.class_name,
        size,
        _roles(found, family),
        dict(sorted(found.texts.items())),
        pieces,
        found.members,
        family.begins and "bos" in found.roles,
        _chats(config, text),
        _max_length(text, is_offset=family is ROBERTA and kind not in {"bart", "led", "mvp"}),
        family.sentencepiece,
    )


def _text_config(config: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The config that has the vocabulary, after the pointer to it.

    A model of text and images has that of its text; a size at the top says nothing there. Of an encoder and
    a decoder the vocabulary at the top is that of both.
    """
    inner = [(f"/{name}", part) for name in TEXT_CONFIGS if isinstance(part := config.get(name), dict)]
    whole = ("", config)
    is_pair = config.get("is_encoder_decoder") is True or "decoder" in config
    order = [whole, *inner] if is_pair else [*inner, whole]
    return next((each for each in order if "vocab_size" in each[1]), whole)


def _model_type(config: Mapping[str, Any], text: Mapping[str, Any]) -> str:
    kind = text.get("model_type") or config.get("model_type")
    return kind if isinstance(kind, str) else ""


def _first_special(configs: list[Mapping[str, Any]]) -> int:
    """The id of `bos`, else that of `eos`; 0 where the config has neither."""
    for name in ("bos_token_id", "eos_token_id"):
        for config in configs:
            id_ = config.get(name)
            if type(id_) is int:
                return id_
    return 0


def _required(family: Family) -> int:
    """The tokens that a kind needs beside the special ones."""
    if family is CLIP:
        return 2 * 256
    beside = 2 if family.sentencepiece else 0  # the space as a byte, and an unknown token
    return {Kind.WORD_PIECE: 2 * 94, Kind.UNIGRAM: 256 + 95}.get(family.kind, 256 + beside)


def _roles(found: SpecialTokens, family: Family) -> dict[str, str]:
    """The tokens by role, as the class names its arguments.

    What has no padding of its own pads with `eos`, else with `bos`. GPT-2's classes name `eos` as the unknown
    token, which no text has.
    """
    roles = {role: text for role in found.roles if (text := found.text(role)) and role != "decoder_start"}
    if family is QWEN:
        roles.setdefault("pad", roles.get("bos") or roles.get("eos") or "")
    elif "eos" not in roles and "bos" in roles:
        roles.setdefault("pad", roles["bos"])
    if "eos" in roles:
        roles.setdefault("pad", roles["eos"])
        if family in {GPT2, CLIP, WHISPER}:
            roles.setdefault("unk", roles["eos"])
    return {role: text for role, text in roles.items() if text}


def _chats(config: Mapping[str, Any], text: Mapping[str, Any]) -> bool:
    name = architecture_of(config)
    return name.endswith(_WRITES) or (name.endswith("ForConditionalGeneration") and text is not config)


def _max_length(text: Mapping[str, Any], *, is_offset: bool) -> int:
    """The longest input. Positions with an offset begin behind that of the padding, which is 1."""
    lengths = (text.get(name) for name in _LENGTHS)
    found = next((length for length in lengths if type(length) is int and length > 0), _UNBOUNDED)
    return int(found) - 2 if is_offset and 2 < found < _UNBOUNDED else int(found)
