"""Bounds on the regular expressions of an adapter's config.

`re` tries every way to match, and `(a*)*b` has exponentially many. Without choices inside repeated groups
their number is a polynomial of the length of a module's name, whose degree is bounded here.
"""

from __future__ import annotations

import re

from tensorseed.errors import shortened

MAX_CHARS = 1_024
MAX_DOUBLINGS = 24  # of the ways to match, in the worst branch: some tenths of a second for a name
REPEAT, CHOICE = 5, 1  # the doublings of a *, + or {} over a name of 80 letters, and of a ? or a group with |

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
    varies = [False]  # for each open group, whether it matches in several ways
    doublings = [[0, 0]]  # and by how much they grow: at most in the branches before, and in this one
    divided = [False]  # and whether it has a |
    closed = False  # a group that varies ends here
    for token in _TOKEN.finditer(text):
        part, repeat = token[0], token["repeat"] is not None
        if repeat and closed:
            return "a group with |, ?, * or + inside is not repeated here: list names of modules instead"
        doublings[-1][1] += REPEAT * repeat + CHOICE * (token["choice"] is not None and part != "|")
        varies[-1] |= repeat or token["choice"] is not None
        divided[-1] |= part == "|"
        closed = False
        if part.startswith("("):
            varies.append(False)
            divided.append(False)
            doublings.append([0, 0])
        elif part == "|":
            doublings[-1] = [max(doublings[-1]), 0]
        elif part == ")" and len(varies) > 1:
            closed = varies.pop()
            varies[-1] |= closed
            inner = max(doublings.pop()) + CHOICE * divided.pop()
            doublings[-1][1] += inner
    if max(doublings[0]) > MAX_DOUBLINGS:
        most = MAX_DOUBLINGS // REPEAT
        detail = (
            f"an expression has at most {most} of *, + and {{}} in a row, and fewer beside many ? and (|)"
        )
        return f"{detail}: list names of modules instead"
    return None
