"""Fold of a state dict's tensors into few entries with brace ranges.

`checkpoints.layout` unfolds them: neighbouring entries with the same text up to and including their
first range are one block, repeated as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

MAX_INTEGERS = 100  # of a name that become ranges: each is a level of recursion

Body = str  # an entry but for its name, as JSON

_INTEGER = re.compile(r"(?<![^.])(0|[1-9][0-9]*)(?![^.])")  # a whole part between dots


class Entry(NamedTuple):
    """An entry: its name, perhaps with ranges, and the rest of it."""

    name: str
    body: Body


def fold(tensors: Sequence[Entry]) -> list[Entry]:
    """The entries that stand for `tensors` in their order."""
    return [Entry(name, body) for name, body in _fold([(_split(name), body) for name, body in tensors])]


class _Run(NamedTuple):
    """Neighbours with the same text before their first integer: for low to high, all of `behind`."""

    head: str
    low: int
    high: int
    behind: tuple[Entry, ...]  # of one value, folded


_Split = tuple[tuple[str, ...], Body]  # text, integer, text, …, text


def _fold(tensors: list[_Split]) -> list[Entry]:
    folded: list[Entry] = []
    last = ""  # text up to and including the range of the block before
    for run in _runs(tensors):
        if isinstance(run, Entry):
            folded.append(run)
            last = ""
            continue
        for part in _apart(run, last):
            last = _text(part)
            folded += [Entry(last + entry.name, entry.body) for entry in part.behind]
    return folded


def _apart(run: _Run, last: str) -> Iterator[_Run]:
    """The run, in two where it would read as more of the block before it."""
    if run.low == run.high or _text(run) != last:
        yield run
    else:
        yield run._replace(high=run.low)
        yield run._replace(low=run.low + 1)


def _text(run: _Run) -> str:
    return f"{run.head}{run.low}" if run.low == run.high else f"{run.head}{{{run.low}..{run.high}}}"


def _runs(tensors: list[_Split]) -> Iterator[_Run | Entry]:
    """Neighbours with the same head and value together, and those of consecutive values that are alike."""
    run: _Run | None = None
    for (head, value), group in groupby(
        tensors, key=lambda tensor: tensor[0][:2] if tensor[0][1:] else (tensor[0][0], None)
    ):
        if value is None:
            if run is not None:
                yield run
                run = None
            yield from (Entry(head, body) for _, body in group)
            continue
        behind = tuple(_fold([(parts[2:], body) for parts, body in group]))
        if run is not None and (run.head, run.high + 1, run.behind) == (head, int(value), behind):
            run = run._replace(high=run.high + 1)
            continue
        if run is not None:
            yield run
        run = _Run(head, int(value), int(value), behind)
    if run is not None:
        yield run


def _split(name: str) -> tuple[str, ...]:
    return tuple(_INTEGER.split(name, maxsplit=MAX_INTEGERS))
