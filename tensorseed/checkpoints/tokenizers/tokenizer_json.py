"""File tokenizer.json: a vocabulary and what surrounds it, by kind.

The format is that of the tokenizers library. Where a class in transformers builds what surrounds its
vocabulary, the file has the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from tensorseed.checkpoints.tokenizers.families import Kind
from tensorseed.checkpoints.tokenizers.plan import TokenizerPlan
from tensorseed.checkpoints.tokenizers.tokens import WORD, ids_json, tokens_of

_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
_BPE = {
    "type": "BPE",
    "dropout": None,
    "unk_token": None,
    "continuing_subword_prefix": None,
    "end_of_word_suffix": None,
    "fuse_unk": False,
    "byte_fallback": False,
    "ignore_merges": False,
}
_CLIP_WORDS = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
_TO_WORD = {"type": "Replace", "pattern": {"String": " "}, "content": WORD}
_FROM_WORD = {"type": "Replace", "pattern": {"String": WORD}, "content": " "}
_BYTES_TO_TEXT = [{"type": "ByteFallback"}, {"type": "Fuse"}]

Json = dict[str, Any]


def tokenizer_json(plan: TokenizerPlan) -> bytes:
    """The text of tokenizer.json, in one line."""
    parts = {
        Kind.BYTE_LEVEL: _clip if plan.class_name == "CLIPTokenizer" else _byte_level,
        Kind.BYTE_FALLBACK: _byte_fallback,
        Kind.WORD_PIECE: _word_piece,
        Kind.UNIGRAM: _unigram,
    }[plan.kind](plan)
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": _added(plan),
        "normalizer": None,
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": None,
        **parts,
    }
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def _added(plan: TokenizerPlan) -> list[Json]:
    """The tokens that are found in a text before all else."""
    named = {**dict.fromkeys(plan.special, True), **dict.fromkeys(plan.pieces, False)}
    texts = {**plan.pieces, **plan.special}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return [{"id": id_, "content": texts[id_], **flags, "special": named[id_]} for id_ in sorted(texts)]


def _ids(plan: TokenizerPlan) -> orjson.Fragment:
    return orjson.Fragment(ids_json(tokens_of(plan)))


def _scores(tokens: Iterable[str]) -> orjson.Fragment:
    """The JSON of tokens with their scores."""
    text = bytearray(b"[")
    for token in tokens:
        text += b"[%b,%.1f]," % (orjson.dumps(token), piece_score(token))
    text[-1:] = b"]"
    return orjson.Fragment(bytes(text))


def _byte_level(plan: TokenizerPlan) -> Json:
    processor: Json | None = None
    if plan.class_name == "RobertaTokenizer":
        processor = {
            "type": "RobertaProcessing",
            **_pairs(plan, sep="sep", cls="cls"),
            "trim_offsets": True,
            "add_prefix_space": False,
        }
    elif plan.class_name == "WhisperTokenizer":
        processor = _transcript(plan)
    elif plan.begins:
        processor = _template(plan)
    return {
        "normalizer": {"type": "NFC"} if plan.class_name == "Qwen2Tokenizer" else None,
        "pre_tokenizer": _BYTE_LEVEL,
        "post_processor": processor,
        "decoder": _BYTE_LEVEL,
        "model": {**_BPE, "vocab": _ids(plan), "merges": []},
    }


def _clip(plan: TokenizerPlan) -> Json:
    """CLIP's words are lower-case; the last byte of one has the suffix `</w>`."""
    model = {**_BPE, "unk_token": plan.roles["unk"], "end_of_word_suffix": "</w>"}
    split = {"type": "Split", "pattern": {"Regex": _CLIP_WORDS}, "behavior": "Removed", "invert": True}
    return {
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "NFC"},
                {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
                {"type": "Lowercase"},
            ],
        },
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, _BYTE_LEVEL]},
        "post_processor": {
            "type": "RobertaProcessing",
            **_pairs(plan, sep="eos", cls="bos"),
            "trim_offsets": False,
            "add_prefix_space": False,
        },
        "decoder": _BYTE_LEVEL,
        "model": {**model, "vocab": _ids(plan), "merges": []},
    }


def _byte_fallback(plan: TokenizerPlan) -> Json:
    """Every character is unknown, and becomes its bytes.

    Gemma's class writes a space as a piece. So does `LlamaTokenizer`, for which the piece is there; the file
    itself reads a space as its byte.
    """
    is_gemma = plan.class_name == "GemmaTokenizer"
    split = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
    model = {**_BPE, "unk_token": plan.roles["unk"], "fuse_unk": True, "byte_fallback": True}
    return {
        "normalizer": _TO_WORD if is_gemma else None,
        "pre_tokenizer": split if is_gemma else None,
        "post_processor": _template(plan),
        "decoder": {"type": "Sequence", "decoders": [_FROM_WORD] * is_gemma + _BYTES_TO_TEXT},
        "model": {**model, "vocab": _ids(plan), "merges": []},
    }


def _unigram(plan: TokenizerPlan) -> Json:
    tokens = list(tokens_of(plan))
    eos, unk = plan.roles["eos"], plan.roles["unk"]
    end = _special_token(eos, tokens.index(eos))
    model = {
        "type": "Unigram",
        "unk_id": tokens.index(unk),
        "vocab": _scores(tokens),
        "byte_fallback": True,
    }
    return {
        "normalizer": _TO_WORD,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [_part("A"), _part(eos)],
            "pair": [_part("A"), _part(eos), _part("B"), _part(eos)],
            "special_tokens": {eos: end},
        },
        "decoder": {"type": "Sequence", "decoders": [_FROM_WORD, *_BYTES_TO_TEXT]},
        "model": model,
    }


def piece_score(token: str) -> float:
    """The logarithm of a piece's probability, up to a constant.

    A text that spells out a token, such as `<0x41>`, is more probable as characters.
    """
    return -1.0 if len(token) == 1 else -100.0


def _word_piece(plan: TokenizerPlan) -> Json:
    cls, sep = plan.roles["cls"], plan.roles["sep"]
    ids = {text: id_ for id_, text in plan.special.items()}
    return {
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [_part(cls), _part("A"), _part(sep)],
            "pair": [_part(cls), _part("A"), _part(sep), _part("B", 1), _part(sep, 1)],
            "special_tokens": {text: _special_token(text, ids[text]) for text in (cls, sep)},
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": plan.roles["unk"],
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": _ids(plan),
        },
    }


def _template(plan: TokenizerPlan) -> Json:
    """The processor that begins a text with `bos`, where one does."""
    ids = {text: id_ for id_, text in plan.special.items()}
    bos = plan.roles["bos"] if plan.begins else None
    begin = [] if bos is None else [_part(bos)]
    again = [] if bos is None else [_part(bos, 1)]
    return {
        "type": "TemplateProcessing",
        "single": [*begin, _part("A")],
        "pair": [*begin, _part("A"), *again, _part("B", 1)],
        "special_tokens": {} if bos is None else {bos: _special_token(bos, ids[bos])},
    }


def _transcript(plan: TokenizerPlan) -> Json:
    """The processor of Whisper without a language: start, no timestamps, text, end."""
    ids = {text: id_ for id_, text in plan.special.items()}
    prefix = [text for text in ("<|startoftranscript|>", "<|notimestamps|>") if text in ids]
    eos = plan.roles["eos"]
    begin = [_part(text) for text in prefix]
    return {
        "type": "TemplateProcessing",
        "single": [*begin, _part("A"), _part(eos)],
        "pair": [*begin, _part("A"), _part("B"), _part(eos)],
        "special_tokens": {text: _special_token(text, ids[text]) for text in (*prefix, eos)},
    }


def _part(name: str, type_id: int = 0) -> Json:
    kind = "Sequence" if name in {"A", "B"} else "SpecialToken"
    return {kind: {"id": name, "type_id": type_id}}


def _special_token(text: str, id_: int) -> Json:
    return {"id": text, "ids": [id_], "tokens": [text]}


def _pairs(plan: TokenizerPlan, **roles: str) -> dict[str, tuple[str, int]]:
    """Tokens with their ids, by the processor's names of them."""
    ids: Mapping[str, int] = {text: id_ for id_, text in plan.special.items()}
    return {name: (plan.roles[role], ids[plan.roles[role]]) for name, role in roles.items()}
