"""Tables of a terminal, and numbers as people read them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import click

from tensorseed.client.errors import printable

BETWEEN = "  "  # of two columns
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_MULTIPLES = ("", "k", "M", "B", "T")  # of parameters: a billion is B, as in the names of models


class Column(NamedTuple):
    """The heading of a column; numbers stand to the right."""

    title: str
    numeric: bool = False


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table, its headings first, without columns that are empty in every row."""
    shown = [index for index in range(len(columns)) if any(row[index] for row in rows)] if rows else []
    cells = [[printable(row[index]).replace("\n", " ") for index in shown] for row in rows]
    titles = [columns[index].title for index in shown]
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    numeric = [columns[index].numeric for index in shown]

    def line(texts: Sequence[str]) -> str:
        padded = (
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(texts, widths, numeric, strict=True)
        )
        return BETWEEN.join(padded).rstrip()

    if shown:
        yield bold(line(titles))
    for row in cells:
        yield line(row)


def bold(text: str) -> str:
    """The text in bold where a terminal shows it; NO_COLOR (no-color.org) and pipes get it plain."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty()
    return text if plain else click.style(text, bold=True)


def shape_text(shape: Sequence[int]) -> str:
    """A shape as a query has it; a scalar is ()."""
    return ",".join(map(str, shape)) or "()"


def number_text(value: object) -> str:
    """A number in four digits, a word as it is, and nothing for None."""
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def bytes_text(count: float) -> str:
    """A number of bytes in the unit that leaves three or four digits: powers of a thousand, as on a disk."""
    unit = 0
    while count >= 999.5 and unit < len(_UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:.3g} {_UNITS[unit]}" if unit else f"{count:.0f} B"


def parameters_text(count: float) -> str:
    """A number of parameters, as in the names of models: 8.03B."""
    unit = 0
    while count >= 999.5 and unit < len(_MULTIPLES) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:.3g}{_MULTIPLES[unit]}"


def plural(count: int, noun: str) -> str:
    """A count with its noun."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
