"""Plan of a tokenizer: all that decides its files, from a config."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tensorseed.checkpoints.derivation.configs import OUTER_CONFIGS, TEXT_CONFIGS, architecture_of
from tensorseed.checkpoints.tokenizers.families import (
    CLIP,
    GPT2,
    QWEN,
    ROBERTA,
    SPEECH,
    T5,
    TEXTLESS,
    WHISPER,
    Family,
    Kind,
    family_of,
    reads_text,
)
from tensorseed.checkpoints.tokenizers.special_tokens import SpecialTokens, special_tokens
from tensorseed.checkpoints.tokenizers.whisper import add_whisper_tokens

VERSION = 2  # raised with every change of what is made from a plan

MAX_VOCABULARY = 1 << 20  # tokens: 20 MB of JSON
MIN_SPECIAL = 16  # ids beside those of bytes that are enough for the special tokens of nearly all configs
MAX_CHARACTERS = 1 << 17  # ids of characters: there are 131,068 of private use
SENTINELS = 100  # of T5

_LENGTHS = ("max_position_embeddings", "n_positions", "max_target_positions", "seq_length")
_UNBOUNDED = 10**30  # as transformers writes it
_WRITES = ("ForCausalLM", "LMHeadModel")
_READS = (*_WRITES, "ForMaskedLM", "ForConditionalGeneration", "ForSeq2SeqLM", "ForQuestionAnswering")


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

    def __init__(self, pointer: str, size: int, maximum: int = MAX_VOCABULARY) -> None:
        detail = f"a vocabulary of {size:,} ids is too large for a tokenizer, so the repository has none"
        super().__init__(pointer, f"{detail}: at most {maximum:,} have one")


class NoSizeError(VocabularyError):
    """A class of models reads text, and its config has no size of a vocabulary."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        name = architecture_of(config)
        super().__init__(
            "", f"{name} reads text, but its config has no vocab_size, so the repository has no tokenizer"
        )


def plan_tokenizer(config: Mapping[str, Any]) -> TokenizerPlan | None:
    """The plan of a config's tokenizer; None where its model reads no text.

    A model of text and images has the tokenizer of its `text_config`.

    Raises:
        NoSizeError: The class reads text, and its config says nothing of a vocabulary.
        TooFewIdsError: The vocabulary has no room for it.
        TooManyIdsError: The vocabulary has more ids than a tokenizer of its kind may.
    """
    pointer, configs = _text_configs(config)
    text = configs[0]
    size = text.get("vocab_size")
    kind = _model_type(config, text)
    if _model_type(config, {}) in TEXTLESS or not reads_text(kind):
        return None
    if "vocab_size" not in text and architecture_of(config).endswith(_READS):
        raise NoSizeError(config)
    if type(size) is not int:
        return None
    family = family_of(kind, _first_special(configs))
    maximum = MAX_CHARACTERS if family is SPEECH else MAX_VOCABULARY
    if size > maximum:
        raise TooManyIdsError(pointer, size, maximum)
    minimum = _required(family) + (len(family.needs) if family is SPEECH else MIN_SPECIAL)
    if size < min(2 * MIN_SPECIAL, minimum):
        raise TooFewIdsError(pointer, size, minimum)
    found = special_tokens(configs, size, family, masks=architecture_of(config).endswith("ForMaskedLM"))
    pieces: dict[int, str] = {}
    if family is WHISPER:
        pieces = add_whisper_tokens(found)
    if family is T5:
        for place in range(min(SENTINELS, size // 8)):
            found.add(size - 1 - place, f"<extra_id_{place}>")
    needed = len(found.texts) + len(pieces) + _required(family)
    if size < needed:
        raise TooFewIdsError(pointer, size, max(needed, minimum))
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


def _text_configs(config: Mapping[str, Any]) -> tuple[str, list[Mapping[str, Any]]]:
    """The pointer to the size of the vocabulary, and the config that has it before those that it is in.

    A model of text and images has that of its text; a size at the top says nothing there. Of an encoder and
    a decoder the vocabulary at the top is that of both.
    """
    found = _with_size(config, OUTER_CONFIGS)
    return ("/vocab_size", [config]) if found is None else found


def _with_size(
    config: Mapping[str, Any], outer: tuple[str, ...] = ()
) -> tuple[str, list[Mapping[str, Any]]] | None:
    """What `_text_configs` gives; None where nothing within a config has a size of a vocabulary."""
    own = ("/vocab_size", [config]) if "vocab_size" in config else None
    is_pair = config.get("is_encoder_decoder") is True or "decoder" in config
    if is_pair and own is not None:
        return own
    for name in (*TEXT_CONFIGS, *outer):
        part = config.get(name)
        if isinstance(part, dict):
            inner = _with_size(part) if name in outer else None
            if name not in outer and "vocab_size" in part:
                inner = "/vocab_size", [part]
            if inner is not None:
                return f"/{name}{inner[0]}", [*inner[1], config]
    return own


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
    if family is SPEECH:
        return 2  # the end of a word, and a letter
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
    if config.get("text_encoder") is text:  # which conditions a model of sounds
        return False
    return name.endswith(_WRITES) or (name.endswith("ForConditionalGeneration") and text is not config)


def _max_length(text: Mapping[str, Any], *, is_offset: bool) -> int:
    """The longest input. Positions with an offset begin behind that of the padding, which is 1."""
    lengths = (text.get(name) for name in _LENGTHS)
    found = next((length for length in lengths if type(length) is int and length > 0), _UNBOUNDED)
    return int(found) - 2 if is_offset and 2 < found < _UNBOUNDED else int(found)
