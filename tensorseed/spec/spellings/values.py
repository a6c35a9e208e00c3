"""Spellings of shapes and numbers in texts, and remedies for others."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tensorseed.spec.json.syntax import plain_number
from tensorseed.spec.schemes.fans import NONLINEARITIES, gain
from tensorseed.spec.spellings.choices import MAX_CHARS

_BRACKETS = {"(": ")", "[": "]", "{": "}"}
_SIZE_MARK = re.compile(r"torch\.Size(?=\()|TensorShape(?=\()")
_BETWEEN = re.compile(r"\s*[,x×*X;]\s*|\s+")
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’"}


def unquoted(text: str) -> str:
    """The text of a parameter without the spaces and quotes around it."""
    text = text.strip()
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1]:
        return text[1:-1].strip()
    return text


def dimensions(text: str) -> list[str] | None:
    """The dimensions that a shape spells, as texts; None where they are not separated in one way.

    >>> [dimensions(text) for text in ("256,784", "256x784", "(256, 784)", "torch.Size([256, 784])", "3,")]
    [['256', '784'], ['256', '784'], ['256', '784'], ['256', '784'], ['3']]
    """
    text = _SIZE_MARK.sub("", text.strip())
    if re.fullmatch(r"0[xX][0-9a-fA-F]+", text):  # an integer in hexadecimal, or 0 and another dimension
        return None
    while text and _BRACKETS.get(text[0]) == text[-1] and len(text) > 1:
        text = text[1:-1].strip()
    if re.fullmatch(r"[0-9].*[^,\s]\s*,|[0-9]\s*,", text):  # as Python writes a tuple
        text = text[:-1].rstrip()
    if not text:
        return []
    marks = {mark.strip() for mark in _BETWEEN.findall(text)}
    return _BETWEEN.split(text) if len(marks) < 2 else None


def number_text(text: str) -> str:
    """The number of JSON that a text spells, such as 0.5 for .5; the text itself for none."""
    return plain_number(re.sub(r"(?<=[eE]) (?=[0-9])", "+", text)) or text


def integer_text(text: str) -> str:
    """The decimal digits of an integer without a fraction or exponent, such as 1000 for 1_000; else the text.

    >>> [integer_text(text) for text in ("1_000", "0x7", "+7", "007", "1e3", "7.0")]
    ['1000', '7', '7', '007', '1e3', '7.0']
    """
    if text.isdecimal() or len(text) > MAX_CHARS:
        return text
    number = plain_number(text) or ""
    return number if re.fullmatch(r"-?[0-9]+", number) else text


def type_remedy(kind: str, value: object) -> str:
    """What to write for a value of another type than a field's, as the end of a sentence; "" for most.

    `kind` is pydantic's name of the error.

    >>> type_remedy("float_type", "0.02"), type_remedy("bool_type", "True"), type_remedy("list_type", "2x3")
    (': write 0.02 without quotes', ': write true', ': write [2, 3]')
    """
    text = value.strip() if isinstance(value, str) and len(value) <= MAX_CHARS else None
    if kind == "bool_type" and str(value).casefold() in ("true", "false"):
        return f": write {str(value).casefold()}"
    if kind == "bool_type" and type(value) is int and value in (0, 1):
        return f": write {'true' if value else 'false'}"
    if kind in ("list_type", "tuple_type"):
        return _list_remedy(value)
    if kind == "int_type":
        quotes = " without quotes" if text is not None and text.isdecimal() else ""
        remedy = integer_remedy(value)
        return f"{remedy}{quotes}" if remedy else ""
    if kind != "float_type" or text is None:
        return ""
    if (number := plain_number(text)) is not None:
        return f": write {number} without quotes"
    if re.fullmatch(r"-?[0-9]+,[0-9]+", text):
        return f": write {text.replace(',', '.')}"
    if text in NONLINEARITIES:
        return f": the gain of {text} is {gain(text)!r}"
    fraction = re.fullmatch(r"(-?[0-9]{1,9})/([1-9][0-9]{0,8})", text)
    return f": write {int(fraction[1]) / int(fraction[2])!r}" if fraction else ""


def _list_remedy(value: object) -> str:
    if type(value) is int:
        return f": write [{value}]"
    parts = dimensions(value) if isinstance(value, str) and len(value) <= MAX_CHARS else None
    return f": write [{', '.join(parts)}]" if parts and all(map(str.isdecimal, parts)) else ""


def integer_remedy(value: object) -> str:
    """What to write for the integer that a text or a float means, as the end of a sentence."""
    spelled = plain_number(value.strip()) if isinstance(value, str) else None
    number = value if isinstance(value, float) else None
    if spelled is not None and len(spelled) <= MAX_CHARS:
        number = float(spelled)
    if number is None or not number.is_integer() or number < 0 or number >= 1 << 53:
        return ""
    return f": write {int(number)}"


def unquoted_values(parameters: Mapping[str, str]) -> dict[str, str]:
    """Query parameters without spaces and quotes around their values, but for a tensor's name."""
    return {key: text if key == "name" else unquoted(text) for key, text in parameters.items()}
