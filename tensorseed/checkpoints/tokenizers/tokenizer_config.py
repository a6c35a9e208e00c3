"""File tokenizer_config.json: class, special tokens, chat template."""

from __future__ import annotations

import json
from typing import Any

from tensorseed.checkpoints.tokenizers.characters import WORD_END
from tensorseed.checkpoints.tokenizers.chat_template import CHAT_TEMPLATE
from tensorseed.checkpoints.tokenizers.families import GENERIC, Kind
from tensorseed.checkpoints.tokenizers.plan import TokenizerPlan

_ROLES = ("bos", "eos", "unk", "pad", "mask", "cls", "sep")


def tokenizer_config(plan: TokenizerPlan) -> bytes:
    """The text of tokenizer_config.json."""
    document: dict[str, Any] = {
        "tokenizer_class": plan.class_name,
        "model_max_length": plan.max_length,
        "clean_up_tokenization_spaces": False,
        "added_tokens_decoder": {
            str(id_): {
                "content": text,
                "lstrip": False,
                "normalized": False,
                "rstrip": False,
                "single_word": False,
                "special": True,
            }
            for id_, text in plan.special.items()
        },
        **{f"{role}_token": plan.roles.get(role) for role in _named(plan)},
        **_class_arguments(plan),
    }
    if plan.members:
        document["extra_special_tokens"] = dict(plan.members)
    if plan.chats:
        document["chat_template"] = CHAT_TEMPLATE
    return f"{json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False)}\n".encode()


def _named(plan: TokenizerPlan) -> list[str]:
    """The roles that the file names: those there are, and those that the class would fill in itself."""
    return [role for role in _ROLES if role in plan.roles or role in {"bos", "eos", "unk", "pad"}]


def _class_arguments(plan: TokenizerPlan) -> dict[str, Any]:
    if plan.kind is Kind.WORD_PIECE:
        return {"do_lower_case": True, "strip_accents": None, "tokenize_chinese_chars": True}
    if plan.kind is Kind.CTC:
        return {"do_lower_case": False, "word_delimiter_token": WORD_END, "replace_word_delimiter_char": " "}
    arguments: dict[str, Any] = {}
    if plan.class_name == GENERIC:
        arguments["add_prefix_space"] = False
        arguments["model_input_names"] = [
            "input_ids",
            "attention_mask",
        ]  # the class would add types of tokens
    if plan.kind is Kind.BYTE_LEVEL and plan.class_name != GENERIC:
        arguments |= {"add_prefix_space": False, "errors": "replace"}
    if plan.kind is not Kind.UNIGRAM:
        arguments |= {"add_bos_token": plan.begins, "add_eos_token": False}
    return arguments
