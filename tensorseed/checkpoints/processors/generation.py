"""Generation configs: the token ids that a config has, and Whisper's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorseed.checkpoints.processors.members import part

_TEXT = ("text_config", "llm_config", "language_config", "decoder")
_IDS = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")
_CLASSES = (
    "ForCausalLM",
    "LMHeadModel",
    "ForConditionalGeneration",
    "ForSpeechSeq2Seq",
    "ForImageTextToText",
)


def generation_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The content of `generation_config.json`; empty for a model that generates no text."""
    named = config.get("architectures")
    kind = named[0] if isinstance(named, list) and named else None
    if not isinstance(kind, str) or not kind.endswith(_CLASSES):
        return {}
    inner = part(config, *_TEXT)
    found = {name: config.get(name, inner.get(name)) for name in _IDS}
    return {name: ids for name, ids in found.items() if _are_ids(ids)}


def _are_ids(value: object) -> bool:
    if isinstance(value, list):
        return 0 < len(value) <= 64 and all(type(each) is int and each >= 0 for each in value)
    return type(value) is int and value >= 0
