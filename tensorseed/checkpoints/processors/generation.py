"""Generation configs: what a config says of generation, and Whisper's.

transformers takes a file in the place of what it derives from the config and the defaults of its class. So a
file says all that the config does, and there is none where the class may add an id that decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorseed.checkpoints.derivation.configs import architecture_of
from tensorseed.checkpoints.processors.members import part

_TEXT = ("text_config", "llm_config", "language_config", "decoder")
_IDS = (
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
    "decoder_start_token_id",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "suppress_tokens",
    "begin_suppress_tokens",
)
_NUMBERS = (
    "max_length",
    "min_length",
    "do_sample",
    "num_beams",
    "early_stopping",
    "length_penalty",
    "no_repeat_ngram_size",
    "encoder_no_repeat_ngram_size",
    "repetition_penalty",
    "temperature",
    "top_k",
    "top_p",
)
_SEQUENCES = ("ForConditionalGeneration", "ForSpeechSeq2Seq")
_CLASSES = ("ForCausalLM", "LMHeadModel", "ForImageTextToText", *_SEQUENCES)
_FORCED = ("Bart", "MBart", "Blenderbot", "Pegasus", "BigBirdPegasus", "Mvp", "PLBart")
"""Begin the classes that force their end unless the config says otherwise."""

MAX_IDS = 4_096


def generation_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The content of `generation_config.json`; empty where there is none."""
    kind = architecture_of(config)
    if not kind.endswith(_CLASSES):
        return {}
    inner = part(config, *_TEXT)
    if any(name not in config and name not in inner for name in _deciding(kind, config, inner)):
        return {}
    found = {name: _first(config.get(name), inner.get(name)) for name in (*_IDS, *_NUMBERS)}
    ids = {name: found[name] for name in _IDS if _are_ids(found[name])}
    if not any(name.endswith("_token_id") for name in ids):
        return {}
    return ids | {name: found[name] for name in _NUMBERS if type(found[name]) in {bool, int, float}}


def _deciding(kind: str, config: Mapping[str, Any], inner: Mapping[str, Any]) -> list[str]:
    """The members that a class may set itself, and without which it generates something else."""
    if config.get("model_type") == "whisper":  # its ids follow from the tokenizer
        return []
    found = ["eos_token_id"]
    if inner is config and kind.endswith(_SEQUENCES):
        found.append("decoder_start_token_id")
    if kind.startswith(_FORCED):
        found.append("forced_eos_token_id")
    return found


def _first(value: object, otherwise: object) -> object:
    return otherwise if value is None else value


def _are_ids(value: object) -> bool:
    if isinstance(value, list):
        return 0 < len(value) <= MAX_IDS and all(type(each) is int and each >= 0 for each in value)
    return type(value) is int and value >= 0
