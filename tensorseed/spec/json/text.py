"""JSON reading and writing, with a fault for every text that is no JSON."""

from __future__ import annotations

import json
import math
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from itertools import islice
from typing import Any

import orjson

from tensorseed.concurrency.memory import reserve
from tensorseed.errors import Fault, SpecError, TooLargeError, shortened
from tensorseed.spec.json.numbers import check_numbers
from tensorseed.spec.json.pointers import MAX_FAULTS, Path, finite_fault, pointer
from tensorseed.spec.json.rows import Rows, read_rows
from tensorseed.spec.json.structure import (
    MAX_DEPTH,
    DepthError,
    PieceError,
    Structure,
    byte_offset,
    count_members,
    parse,
    repeated_names,
    scan,
)
from tensorseed.spec.json.syntax import syntax_fault
from tensorseed.spec.limits import Limits

DEFAULTS = Limits()
SHORT_BYTES = 1 << 16  # of a text that is parsed at once, within a millisecond
TOO_DEEP = "the body is nested too deeply: write fewer levels"
MAX_SEARCHED_BYTES = 1 << 20  # of a body that is read again to find its faults

_SURROGATES = (
    "the body holds half of a surrogate pair: write the character itself, or both halves of its escape"
)
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")  # gzip and zstd
_WIDE = "the body is UTF-16 or UTF-32: encode it as UTF-8"
_NOT_UTF8 = "the body is not UTF-8: encode it as UTF-8"


class NotFiniteError(SpecError):
    """A JSON text holds numbers that are not finite, at their paths."""


def load(body: bytes, limits: Limits = DEFAULTS) -> Any:
    """The document of a JSON text in UTF-8, with or without a byte order mark; see `load_rows`."""
    document = load_rows(body, limits, in_rows=False)
    assert not isinstance(document, Rows)
    return document


def load_rows(body: bytes, limits: Limits = DEFAULTS, *, in_rows: bool = True) -> Any | Rows:
    """The document of a JSON text in UTF-8, with or without a byte order mark; `Rows` of a long list.

    Depth and size are checked before anything of it is built. The memory of a long one is reserved.

    Raises:
        SpecError: the text is no JSON, is nested too deeply, holds a number that float64 lacks, or gives a
            member of an object twice, at its path.
        TooLargeError: it holds more values than `limits` leave room for.
    """
    text = _without_mark(body)
    try:
        if len(text) <= SHORT_BYTES and text.count(b"[") + text.count(b"{") <= MAX_DEPTH:
            document, colons = orjson.loads(text), text.count(b":")
        else:
            structure = scan(text)
            _check_size(structure, limits)
            reserve(structure.nbytes)
            rows = read_rows(text, structure) if in_rows else None
            if rows is not None:
                check_numbers(text)
                return rows
            document, colons = parse(text, structure), structure.members
    except DepthError:
        raise SpecError.at("", TOO_DEEP) from None
    except PieceError as error:
        raise _explained(text, error.cause, error.offset) from None
    except orjson.JSONDecodeError as error:
        raise _explained(text, error, byte_offset(text, error.pos)) from None
    if colons > 1 and count_members(document) != colons:
        _check_names(text)
    check_numbers(text)
    return document


def _without_mark(body: bytes) -> bytes:
    """The text without its byte order mark.

    Raises:
        SpecError: the text is in UTF-16 or UTF-32, or compressed.
    """
    if body.startswith(BOM_UTF8):
        return body[len(BOM_UTF8) :]
    if body.startswith(_COMPRESSED):
        raise SpecError.at("", "the body is compressed: send the JSON text itself")
    if body.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) or b"\0" in body[:4]:
        raise SpecError.at("", _WIDE)
    return body


def _check_size(structure: Structure, limits: Limits) -> None:
    """Raise TooLargeError for more values or containers than any valid request has."""
    for count, maximum, noun in (
        (structure.containers, limits.json_containers, "lists and objects"),
        (structure.values, limits.json_values, "values"),
    ):
        if count > maximum:
            detail = f"the body holds {count:,} {noun}, the limit is {maximum:,}"
            raise TooLargeError(f"{detail}: shorten it, or send it in parts")


def _check_names(text: bytes) -> None:
    """Raise SpecError for members whose name their object has already."""
    paths = [*islice(repeated_names(text), MAX_FAULTS)]
    if paths:
        raise SpecError(
            [
                Fault(pointer(path), f"{shortened(str(path[-1]))} is given twice: keep one of them")
                for path in dict.fromkeys(paths)
            ]
        )


def dump(document: Any) -> bytes:
    """The JSON text of a document, which distinguishes 1 from 1.0 and 0.0 from -0.0.

    Raises:
        SpecError: the document is nested too deeply.
    """
    try:
        return orjson.dumps(document)
    except TypeError:  # the writer's limit is tighter than the reader's
        raise SpecError.at("", TOO_DEEP) from None


def _explained(body: bytes, error: orjson.JSONDecodeError, offset: int) -> SpecError:
    message = error.msg.lower()
    if "recursion" in message or "depth" in message:
        return SpecError.at("", TOO_DEEP)
    if "utf-8" in message or "utf8" in message:
        return SpecError.at("", _NOT_UTF8)
    if "surrogate" in message:
        return SpecError.at("", _SURROGATES)
    paths = _not_finite(body) if len(body) <= MAX_SEARCHED_BYTES else []
    if paths:
        return NotFiniteError([Fault(*finite_fault(path)) for path in paths])
    return SpecError.at("", syntax_fault(body, offset, error.msg))


def _not_finite(body: bytes) -> list[Path]:
    """The paths of numbers that are not finite; empty where the body has another fault."""
    try:
        document = json.loads(body, parse_constant=float, parse_int=float)
    except (ValueError, RecursionError):
        return []
    found: list[Path] = []
    rest: list[tuple[Path, Any]] = [((), document)]
    while rest and len(found) < MAX_FAULTS:
        path, value = rest.pop()
        if isinstance(value, float) and not math.isfinite(value):
            found.append(path)
        elif isinstance(value, dict):
            rest += [((*path, key), part) for key, part in reversed(value.items()) if _may_hold(part)]
        elif isinstance(value, list):
            parts = [*enumerate(value)]
            rest += [((*path, index), part) for index, part in reversed(parts) if _may_hold(part)]
    return found


def _may_hold(part: Any) -> bool:
    return isinstance(part, dict | list) or (isinstance(part, float) and not math.isfinite(part))
