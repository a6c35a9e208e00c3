"""HTML tables for notebooks, readable in light and dark themes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

MAX_ROWS = 60
MAX_CELL_CHARS = 80

# Colours come from the page: half-transparent lines show on white and on black.
_TABLE = "border-collapse:collapse;margin:0.4em 0;font-size:90%"
_CAPTION = "caption-side:top;text-align:left;padding:0.2em 0;color:inherit"
_HEAD = "padding:0.2em 0.7em;border-bottom:1px solid rgba(128,128,128,0.7);vertical-align:bottom"
_CELL = "padding:0.15em 0.7em;border-bottom:1px solid rgba(128,128,128,0.25);white-space:nowrap"


class Html(str):
    """A text that is HTML already; every other text is escaped."""

    __slots__ = ()


class Column(NamedTuple):
    """A column's title, and whether it is aligned to the right, as numbers are."""

    title: str
    numeric: bool = False


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]], caption: str, note: str = "") -> Html:
    """Return a table; `note` is its last row, such as the number of rows that were left out.

    >>> table([Column("name"), Column("bytes", True)], [["a<b", "4"]], "one tensor").count("a&lt;b")
    1
    """
    sides = ["right" if column.numeric else "left" for column in columns]
    head = _cells("th", _HEAD, sides, [column.title for column in columns])
    body = "".join(f"<tr>{_cells('td', _CELL, sides, row)}</tr>" for row in rows)
    if note:
        body += f'<tr><td colspan="{len(columns)}" style="{_CELL};text-align:left">{to_html(note)}</td></tr>'
    titled = f'<caption style="{_CAPTION}">{to_html(caption)}</caption>'
    return Html(
        f'<table style="{_TABLE}">{titled}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    )


def _cells(tag: str, style: str, sides: Sequence[str], texts: Sequence[str]) -> str:
    return "".join(
        f'<{tag} style="{style};text-align:{side}">{to_html(text)}</{tag}>'
        for side, text in zip(sides, texts, strict=True)
    )


def to_html(text: str) -> Html:
    """Escape a text, unless it is HTML already."""
    return text if isinstance(text, Html) else Html(escape(printable(text)))


def printable(text: str) -> str:
    r"""Write what does not print as escapes: controls, surrogates, and marks that turn the direction.

    >>> printable("a\u202eb")
    'a\\u202eb'
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )


def cell(text: str) -> Html:
    """Return a cell's text in full, or its ends with the whole of it shown under the pointer.

    >>> cell("a" * 200).count("a" * 200)
    1
    """
    if len(text) <= MAX_CELL_CHARS:
        return to_html(text)
    half = MAX_CELL_CHARS // 2 - 1
    ends = to_html(f"{text[:half]}…{text[-half:]}")
    return Html(f'<span title="{to_html(text)}">{ends}</span>')
