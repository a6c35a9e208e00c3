"""Patterns of tensor names, compiled to regular expressions.

A pattern is matched against a whole name, component by component, the components being what dots separate:

    *          any characters of one component, none too
    ?          one character
    [ab0-9]    one of these characters; [!ab] any other
    {0..11}    a whole integer from 0 to 11, both included
    **         as a component: any number of components, none too

A pattern without a dot is matched against the last component alone, as in .gitignore: `bias` is `**.bias`.
"""

from __future__ import annotations

import re

MAX_PATTERN_CHARS = 1_024
MAX_DIGITS = 18  # of an integer of a range: its regular expression grows with their square
ANY = "**"

_RANGE = re.compile(r"\{(0|[1-9][0-9]*)\.\.(0|[1-9][0-9]*)\}")
_BESIDE_DIGIT = re.compile(r"[0-9]\{|\}[0-9]|\}\{")
_DOT = re.compile(r"\.(?![^{}]*\})")  # those of ranges separate nothing


def split_pattern(pattern: str) -> list[str]:
    """The components of a pattern."""
    return _DOT.split(pattern)


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The regular expression of a pattern, for a name and a dot behind it.

    Its groups are atomic, each taking the first match, so that no name takes more than quadratic time.

    >>> bool(compile_pattern("blocks.{0..11}.**.weight").fullmatch("blocks.7.mlp.weight."))
    True

    Raises:
        ValueError: the pattern is malformed; the message says what to write.
    """
    if not pattern:
        raise ValueError("a pattern has at least one character: write ** for every tensor")
    if len(pattern) > MAX_PATTERN_CHARS:
        raise ValueError(f"a pattern has at most {MAX_PATTERN_CHARS:,} characters: write a shorter one")
    parts = split_pattern(pattern)
    parts = parts if len(parts) > 1 else [ANY, *parts]
    if "" in parts:
        raise ValueError("a pattern has a component on both sides of a dot: write * for any")
    runs: list[str] = [""]  # the texts between the components **
    for part in parts:
        if part == ANY:
            runs.append("")
            continue
        runs[-1] += rf"{_component(part)}\."
    return re.compile(_joined(runs, r"(?:[^.]*\.)*"), re.DOTALL)


def _component(text: str) -> str:
    """The regular expression of one component."""
    chunks, position = [""], 0  # the texts between stars
    while position < len(text):
        character = text[position]
        if character == "*":
            chunks.append("")
            position += 1
            continue
        if character == "[":
            part, position = _character_class(text, position)
        elif character in "{}":
            part, position = _range(text, position)
        else:
            part, position = "[^.]" if character == "?" else re.escape(character), position + 1
        chunks[-1] += part
    return _joined(chunks, "[^.]*")


def _joined(texts: list[str], anything: str) -> str:
    """`texts` with `anything` between them; each but the first and the last takes its first match."""
    first, *rest = texts
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>{anything}?{text})" for text in middle if text) + anything + last


def _character_class(text: str, start: int) -> tuple[str, int]:
    """The class that opens at `start`, and the position behind it."""
    opening = start + 1
    negated = text[opening : opening + 1] in ("!", "^")
    opening += negated
    end = text.find("]", opening + 1)
    if end < 0:
        raise ValueError("a bracket is not closed: write [[] for the character, or close it by ]")
    inside, items = text[opening:end], ""
    while inside:
        first, last = inside[0], inside[2:3] if inside[1:2] == "-" else ""
        if last and last < first:
            raise ValueError(f"the characters {first}-{last} are none: write the smaller one first")
        items += f"{re.escape(first)}-{re.escape(last)}" if last else re.escape(first)
        inside = inside[3 if last else 1 :]
    return f"(?!\\.)[{'^' * negated}{items}]", end + 1


def _range(text: str, start: int) -> tuple[str, int]:
    """The range of integers that opens at `start`, and the position behind it."""
    found = _RANGE.match(text, start)
    if found is None:
        rule = "braces in a pattern only enclose a range of decimal integers without leading zeros"
        raise ValueError(f"{rule}, as in blocks.{{0..11}}.weight")
    if _BESIDE_DIGIT.search(text):
        raise ValueError("a range stands for a whole integer: write no digit and no other range beside it")
    low, high = found[1], found[2]
    if max(len(low), len(high)) > MAX_DIGITS:
        raise ValueError(f"an integer of a range has at most {MAX_DIGITS} digits: write * for any")
    if int(low) > int(high):
        raise ValueError(f"the range {found[0]} is empty: write the smaller end first")
    same = [
        _integers(low if length == len(low) else "1" + "0" * (length - 1), min(high, "9" * length, key=int))
        for length in range(len(low), len(high) + 1)
    ]
    return f"(?<![0-9])(?:{'|'.join(same)})(?![0-9])", found.end()


def _integers(low: str, high: str) -> str:
    """The regular expression of the integers from `low` to `high`, of equally many digits."""
    if low == high:
        return low
    if low[0] == high[0]:
        return low[0] + _integers(low[1:], high[1:])
    rest = len(low) - 1
    first, last, parts = int(low[0]), int(high[0]), []
    if low[1:].strip("0"):
        parts.append(low[0] + _integers(low[1:], "9" * rest))
        first += 1
    if high[1:].strip("9"):
        parts.append(high[0] + _integers("0" * rest, high[1:]))
        last -= 1
    if first <= last:
        parts.append(f"[{first}-{last}]" + "[0-9]" * rest)
    return f"(?:{'|'.join(parts)})"
