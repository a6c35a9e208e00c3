"""Blocks of entries: neighbours that share a brace range are repeated together.

Neighbouring entries whose names begin with the same text, up to and including their first brace range, are
a block. It is repeated as a whole for one value of the range after the other, the value put in its place;
within each repetition the same holds for the ranges that are left.

    a.{0..1}.w   a.{0..1}.e.{0..1}.u   a.{0..1}.e.{0..1}.v   b
    a.0.w  a.0.e.0.u  a.0.e.0.v  a.0.e.1.u  a.0.e.1.v  a.1.w  a.1.e.0.u  …  b
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TypeVar

T = TypeVar("T")

_RANGE = re.compile(r"\{([0-9]+)\.\.([0-9]+)\}")

_Parts = tuple[str, ...]  # of a name: literal, low, high, literal, …, literal


def repeated(entries: Iterable[tuple[str, T]]) -> Iterator[tuple[str, T]]:
    """The entries, each a checked name and what goes with it, under literal names and in order."""
    return _repeated([(tuple(_RANGE.split(name)), what) for name, what in entries], "")


def _repeated(entries: Iterable[tuple[_Parts, T]], before: str) -> Iterator[tuple[str, T]]:
    """The entries under names that the text `before` begins."""
    for opening, block in groupby(entries, key=lambda entry: entry[0][:3]):
        if len(opening) == 1:
            yield from ((before + opening[0], what) for _, what in block)
            continue
        literal, low, high = opening
        behind = [(parts[3:], what) for parts, what in block]
        for value in range(int(low), int(high) + 1):
            yield from _repeated(behind, f"{before}{literal}{value}")
