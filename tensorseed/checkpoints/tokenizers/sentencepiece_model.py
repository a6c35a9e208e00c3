"""Models of SentencePiece, of the same ids as tokenizer.json.

The file is a `ModelProto` of sentencepiece_model.proto, in the wire format of protocol buffers: a field is
its number and wire type as a varint, then a varint (0), a length and as many bytes (2), or four bytes (5).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from tensorseed.checkpoints.tokenizers.families import Kind
from tensorseed.checkpoints.tokenizers.plan import TokenizerPlan
from tensorseed.checkpoints.tokenizers.tokenizer_json import piece_score
from tensorseed.checkpoints.tokenizers.tokens import space_tokens, unigram_tokens
from tensorseed.checkpoints.tokenizers.vocabulary import Vocabulary, fallback_tokens

_NORMAL, _UNKNOWN, _CONTROL, _UNUSED, _BYTE = 1, 2, 3, 5, 6  # SentencePiece.Type
_UNIGRAM, _BPE = 1, 2  # TrainerSpec.ModelType
_BYTES = [bytes([value]) for value in range(0x80)]


def sentencepiece_model(plan: TokenizerPlan) -> bytes:
    """The model: special tokens as control pieces, bytes as byte pieces, the space as a piece.

    It adds no space before a text, and removes none.
    """
    vocabulary = Vocabulary(plan.size, plan.special, plan.pieces)
    special = dict(plan.special)
    if plan.kind is Kind.UNIGRAM:
        tokens: Iterable[str] = unigram_tokens(vocabulary)
    else:
        named = fallback_tokens(vocabulary) | space_tokens(vocabulary)
        if "unk" not in plan.roles:
            id_ = vocabulary.filler_ids(2)[1]
            special[id_] = named[id_] = "<unk>"
        tokens = vocabulary.tokens(named)
    unknown = plan.roles.get("unk", "<unk>")
    known = {text: id_ for id_, text in special.items()}
    bytes_ = {f"<0x{byte:02X}>" for byte in range(256)}
    ends = {
        (score, kind): _float(2, score) + _integer(3, kind)
        for score in (-1.0, -100.0)
        for kind in (_NORMAL, _UNKNOWN, _CONTROL, _UNUSED, _BYTE)
    }
    proto = bytearray()
    for id_, token in enumerate(tokens):
        kind = _NORMAL if len(token) == 1 else _UNUSED
        if id_ in special:
            kind = _UNKNOWN if token == unknown else _CONTROL
        elif token in bytes_:
            kind = _BYTE
        proto += _message(1, _text(1, token) + ends[piece_score(token), kind])
    proto += _message(2, _trainer_spec(plan, known, unknown))
    proto += _message(3, _normalizer_spec())
    return bytes(proto)


def _trainer_spec(plan: TokenizerPlan, known: dict[str, int], unknown: str) -> bytes:
    roles = {**plan.roles, "unk": unknown}
    model = _UNIGRAM if plan.kind is Kind.UNIGRAM else _BPE
    fields = [_integer(3, model), _integer(4, plan.size), _integer(35, 1)]
    for number, role in enumerate(("unk", "bos", "eos", "pad"), 40):
        fields.append(_integer(number, known.get(roles.get(role, ""), -1)))
    for number, role in enumerate(("unk", "bos", "eos", "pad"), 45):
        if role in roles:
            fields.append(_text(number, roles[role]))
    return b"".join(fields)


def _normalizer_spec() -> bytes:
    """No dummy prefix, no removal of spaces; a space is written as a piece."""
    return b"".join((_text(1, "identity"), _integer(3, 0), _integer(4, 0), _integer(5, 1)))


def _varint(value: int) -> bytes:
    """A number in groups of seven bits, the lowest first; a negative one as 64 bits."""
    if 0 <= value < 0x80:
        return _BYTES[value]
    value &= (1 << 64) - 1
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _integer(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _float(number: int, value: float) -> bytes:
    return _varint(number << 3 | 5) + struct.pack("<f", value)


def _message(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _text(number: int, text: str) -> bytes:
    return _message(number, text.encode())
