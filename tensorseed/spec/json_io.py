"""JSON reading and writing, with a fault for every text that is no JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import orjson

from tensorseed.errors import Fault, SpecError
from tensorseed.spec.faults import MAX_FAULTS, Path, finite_fault

TOO_DEEP = "the body is nested too deeply: write fewer levels"
MAX_SEARCHED_BYTES = 1 << 20  # of a body that is read again to find its faults

_SURROGATES = (
    "the body holds half of a surrogate pair: write the character itself, or both halves of its escape"
)
_NOT_UTF8 = "the body is not UTF-8: encode it as UTF-8"
_REMEDY = "write one JSON object, in which NaN, Infinity and numbers beyond 1.8e308 do not exist"


def load(body: bytes) -> Any:
    """The document of a JSON text.

    Raises:
        SpecError: the text is no JSON, or holds a number that is not finite, at its path.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _explained(body, error) from None


def dump(document: Any) -> bytes:
    """The JSON text of a document, which distinguishes 1 from 1.0 and 0.0 from -0.0.

    Raises:
        SpecError: the document is nested too deeply.
    """
    try:
        return orjson.dumps(document)
    except TypeError:  # the writer's limit is tighter than the reader's
        raise SpecError.at("", TOO_DEEP) from None


def _explained(body: bytes, error: orjson.JSONDecodeError) -> SpecError:
    message = error.msg.lower()
    if "recursion" in message or "depth" in message:
        return SpecError.at("", TOO_DEEP)
    if "utf-8" in message or "utf8" in message:
        return SpecError.at("", _NOT_UTF8)
    if "surrogate" in message:
        return SpecError.at("", _SURROGATES)
    paths = _not_finite(body) if len(body) <= MAX_SEARCHED_BYTES else []
    if paths:
        return SpecError([Fault(*finite_fault(path)) for path in paths])
    return SpecError.at("", f"the body is not valid JSON at line {error.lineno}: {_REMEDY}")


def _not_finite(body: bytes) -> list[Path]:
    """The paths of numbers that are not finite; empty where the body has another fault."""
    try:
        document = json.loads(body, parse_constant=float, parse_int=lambda _: 0)
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
