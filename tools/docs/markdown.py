"""Markdown tables between markers of a page."""

from __future__ import annotations

import re
from functools import cache

from tools.docs.tables import TABLES, Row

_MARKED = re.compile(r"(<!-- table: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def names(page: str) -> list[str]:
    """The names of the tables that a page has markers for."""
    return [name for _, name, _ in _MARKED.findall(page)]


def rendered(page: str) -> str:
    """The page with each table generated anew.

    Raises: KeyError where a marker names no table.
    """
    return _MARKED.sub(lambda found: f"{found[1]}{table(found[2])}{found[3]}", page)


@cache
def table(name: str) -> str:
    """The Markdown of one table."""
    headings, rows = TABLES[name]()
    lines = [_line(headings), "|" + "---|" * len(headings), *map(_line, rows)]
    return "\n".join(lines) + "\n"


def _line(cells: Row) -> str:
    return "|" + "|".join(f" {_cell(str(cell))} " if cell != "" else " " for cell in cells) + "|"


def _cell(text: str) -> str:
    """The text without what Markdown would read as the cell's end, as emphasis or as a link."""
    parts = text.replace("|", "∣").split("`")
    parts[::2] = (re.sub(r"\*(?=\S)", r"\*", part).replace("](", "]\\(") for part in parts[::2])
    return "`".join(parts)
