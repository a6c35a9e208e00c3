"""Regular expressions of an adapter's config, bounded before `re` runs them.

`re` tries every way to match, and `(a*)*b` has exponentially many. Without choices inside repeated groups
and with few in a row, their number is a polynomial of the length of a module's name.
"""

from __future__ import annotations

import re

MAX_CHARS = 1_024
MAX_REPEATS = 6  # *, + and {} of one expression
MAX_CHOICES = 64  # | and ?

_TOKEN = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*+\]|\(\?[:=!>]|\(\?<[=!]|\(\?P<\w+>|(?P<repeat>(?:[*+]|\{\d*,?\d*\})[?+]?)"
    r"|(?P<choice>\?[?+]?|\|)|.",
    re.DOTALL,
)


def expression_fault(text: str) -> str | None:
    """What is wrong with a regular expression over names of modules."""
    if len(text) > MAX_CHARS:
        return f"an expression has at most {MAX_CHARS:,} characters: list names of modules instead"
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError):
        return f"{text[:60]!r} is no valid regular expression"
    varies, repeats, choices = [False], 0, 0  # for each open group, whether it matches in several ways
    closed = False  # a group that varies ends here
    for token in _TOKEN.finditer(text):
        part, repeat = token[0], token["repeat"] is not None
        if repeat and closed:
            return "a group with |, ?, * or + inside is not repeated here: list names of modules instead"
        repeats += repeat
        choices += token["choice"] is not None
        varies[-1] |= repeat or token["choice"] is not None
        closed = False
        if part.startswith("("):
            varies.append(False)
        elif part == ")" and len(varies) > 1:
            closed = varies.pop()
            varies[-1] |= closed
    if repeats > MAX_REPEATS or choices > MAX_CHOICES:
        detail = f"an expression has at most {MAX_REPEATS} of *, + and {{}}, and {MAX_CHOICES} of | and ?"
        return f"{detail}: list names of modules instead"
    return None
