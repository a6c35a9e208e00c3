"""Whisper's generation config: languages, tasks, timestamps by token id.

The ids are those of the generated tokenizer, which in published sizes are the published ones. The members are
those that transformers' Whisper reads. An id that the config gives another role names no task.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from tensorseed.checkpoints.generated_texts import GeneratedText
from tensorseed.checkpoints.processors.members import whole
from tensorseed.checkpoints.tokenizers import plan_tokenizer
from tensorseed.checkpoints.tokenizers.plan import VERSION, TooFewIdsError
from tensorseed.checkpoints.tokenizers.whisper import LANGUAGES

_VERSION = 1  # raised with every change of what is made from a config
_ENGLISH_SIZE = 51_864  # of the published vocabularies that know English alone
_TASKS = ("transcribe", "translate")
_PREVIOUS = "<|startofprev|>"
_MAX_INITIAL_TIMESTAMP = 50  # steps of 0.02 s, as published
MAX_HEADS = 64  # for the alignment of words


def whisper_generation(config: Mapping[str, Any], ids: Mapping[str, Any]) -> GeneratedText:
    """The text of `generation_config.json`; `ids` are those that the config itself has."""
    source = json.dumps(["whisper generation", _VERSION, VERSION, config, ids])
    return GeneratedText(source, partial(_make, config, ids))


def _make(config: Mapping[str, Any], ids: Mapping[str, Any]) -> bytes:
    found = {**ids, **_members(config, ids)}
    return f"{json.dumps(found, indent=2, sort_keys=True)}\n".encode()


def _members(config: Mapping[str, Any], ids: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "eos_token_id" in ids:
        found["pad_token_id"] = ids["eos_token_id"]  # as published: the batch is padded with the end
    if (positions := whole(config.get("max_target_positions"))) is not None:
        found["max_length"] = positions
    suppressed = config.get("begin_suppress_tokens")
    if isinstance(suppressed, list):
        found["begin_suppress_tokens"] = suppressed
    elif type(end := ids.get("eos_token_id")) is int:
        found["begin_suppress_tokens"] = [end]  # it does not begin with its end
    try:
        plan = plan_tokenizer(config)
    except TooFewIdsError:
        plan = None
    places = {text: id_ for id_, text in plan.special.items()} if plan is not None else {}
    if plan is None or "<|notimestamps|>" not in places:
        return found
    is_multilingual = config.get("vocab_size") != _ENGLISH_SIZE
    if is_multilingual:
        languages = [f"<|{code}|>" for code in LANGUAGES]
        found["lang_to_id"] = {text: places[text] for text in languages if text in places}
        tasks = {task: f"<|{task}|>" for task in _TASKS}
        found["task_to_id"] = {task: places[text] for task, text in tasks.items() if text in places}
    last, heads = whole(config.get("decoder_layers")), whole(config.get("decoder_attention_heads"))
    if last is not None and heads is not None:
        found["alignment_heads"] = [[last - 1, head] for head in range(min(heads, MAX_HEADS))]
    return {
        **found,
        "is_multilingual": is_multilingual,
        "max_initial_timestamp_index": min(_MAX_INITIAL_TIMESTAMP, max(len(plan.pieces) - 1, 0)),
        "no_timestamps_token_id": places["<|notimestamps|>"],
        **({"prev_sot_token_id": places[_PREVIOUS]} if _PREVIOUS in places else {}),
        "return_timestamps": False,
        "suppress_tokens": ids.get("suppress_tokens", []),
    }
