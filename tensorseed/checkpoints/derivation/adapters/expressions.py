"""Bounds on the regular expressions of an adapter's config.

`re` tries every way to match, and `(a*)*b` has exponentially many. Without choices inside repeated groups
and with few in a row, their number is a polynomial of the length of a module's name.
"""

from __future__ import annotations

import re

from tensorseed.errors import shortened

MAX_CHARS = 1_024
MAX_REPEATS = 6  # *, + and {} of one expression
MAX_CHOICES = 12  # ? and groups with |

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
        return f"{shortened(text)} is no valid regular expression"
    varies, repeats, choices = [False], 0, 0  # for each open group, whether it matches in several ways
    divided = [False]  # and whether it has a |
    closed = False  # a group that varies ends here
    for token in _TOKEN.finditer(text):
        part, repeat = token[0], token["repeat"] is not None
        if repeat and closed:
            return "a group with |, ?, * or + inside is not repeated here: list names of modules instead"
        repeats += repeat
        choices += token["choice"] is not None and (part != "|" or not divided[-1])
        varies[-1] |= repeat or token["choice"] is not None
        divided[-1] |= part == "|"
        closed = False
        if part.startswith("("):
            varies.append(False)
            divided.append(False)
        elif part == ")" and len(varies) > 1:
            closed = varies.pop()
            divided.pop()
            varies[-1] |= closed
    if repeats > MAX_REPEATS or choices > MAX_CHOICES:
        detail = f"an expression has at most {MAX_REPEATS} of *, + and {{}}, and {MAX_CHOICES} of ? and (|)"
        return f"{detail}: list names of modules instead"
    return None
