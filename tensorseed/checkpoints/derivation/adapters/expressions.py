"""Bounds on the regular expressions of an adapter's config.

`re` tries every way to match, and `(a*)*b` has exponentially many. Without choices inside repeated groups
their number is a polynomial of the length of a module's name, whose degree is bounded here. A group with |
multiplies it by the branches that may match one text.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from tensorseed.errors import shortened

MAX_CHARS = 1_024
MAX_DOUBLINGS = 22  # of the ways to match, for all expressions together: a few tenths of a second for a name
REPEAT, CHOICE = 5, 1  # the doublings of a *, + or {} over a name of 80 letters, and of a ?

_TOKEN = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*+\]|(?P<hidden>\(\?(?:#|[a-zA-Z]*x))|\(\?[:=!>]|\(\?<[=!]|\(\?P<\w+>"
    r"|(?P<repeat>(?:[*+]|\{\d*,?\d*\})[?+]?)|(?P<choice>\?[?+]?)|.",
    re.DOTALL,
)
_LETTER = re.compile(r"\w", re.ASCII)


class ExpressionError(ValueError):
    """An expression that is not read here; the message says what to write."""


@dataclass
class _Group:
    """An open group, or the whole expression."""

    varies: bool = False  # it matches in several ways
    before: int = 0  # the doublings of the ways, at most in the branches before
    doublings: int = 0  # and in this branch
    parts: int = 0  # of this branch
    letters: str = ""  # with which it begins
    beginnings: Counter[str] = field(default_factory=Counter)  # those of the branches before

    def close_branch(self) -> None:
        """Begin a new branch."""
        self.before, self.doublings = max(self.before, self.doublings), 0
        self.beginnings[self.letters] += 1
        self.parts, self.letters = 0, ""

    def closed(self) -> int:
        """The doublings of all branches. One text meets those whose letters begin with each other."""
        self.close_branch()
        found = self.beginnings
        branches = max(sum(found.get(text[:size], 0) for size in range(len(text) + 1)) for text in found)
        return self.before + (branches - 1).bit_length()


def doublings_of(text: str) -> int:
    """How often the ways in which an expression may match a name of a module double.

    Raises:
        ExpressionError: it is malformed, or has too many ways.
    """
    if len(text) > MAX_CHARS:
        detail = f"an expression has at most {MAX_CHARS:,} characters: list names of modules instead"
        raise ExpressionError(detail)
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError):
        raise ExpressionError(f"{shortened(text)} is no valid regular expression") from None
    groups = [_Group()]
    closed = False  # a group that varies ends here
    for token in _TOKEN.finditer(text):
        part, group = token[0], groups[-1]
        repeat, choice = token["repeat"] is not None, token["choice"] is not None
        if token["hidden"] is not None:
            raise ExpressionError("an expression has no comments and no flag x here: leave them out")
        if repeat and closed:
            detail = "a group with |, ?, * or + inside is not repeated here: list names of modules instead"
            raise ExpressionError(detail)
        closed = False
        if part == "|":
            group.close_branch()
        elif part == ")" and len(groups) > 1:
            inner = groups.pop()
            closed = inner.varies
            groups[-1].varies |= closed
            groups[-1].doublings += inner.closed()
        else:
            group.doublings += REPEAT * repeat + CHOICE * choice
            if group.parts == len(group.letters):
                if repeat or choice:
                    group.letters = group.letters[:-1]  # which may be absent
                elif _LETTER.fullmatch(part):
                    group.letters += part.casefold()
            group.parts += 1
        group.varies |= repeat or choice or part == "|"
        if part.startswith("("):
            groups.append(_Group())
    doublings = groups[0].closed()
    if doublings > MAX_DOUBLINGS:
        detail = f"an expression has at most {MAX_DOUBLINGS // REPEAT} of *, + and {{}} in a row"
        detail = f"{detail}, and fewer beside many ? and (|)"
        raise ExpressionError(f"{detail}: list names of modules instead")
    return doublings
