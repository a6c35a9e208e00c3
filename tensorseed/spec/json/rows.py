"""Long lists of named objects, parsed once for all whose texts are alike.

The objects of a list often differ in a few values alone: a name, and perhaps a shape or a seed. Each text is
cut at these values, and what is left is parsed once. A text beyond that is left to the parser of whole texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from tensorseed.concurrency.cancellation import check_cancelled
from tensorseed.concurrency.pieces import PIECE
from tensorseed.spec.json.structure import Structure, count_members

MIN_ROWS = 64  # of a list that is read so
MAX_FORMS = 1_024  # that are parsed; texts that are less alike are parsed as a whole

_LEVEL = 2  # of the list: a member of the document
_LIST = re.compile(rb'"layers"[ \t\r\n]*:[ \t\r\n]*\[')
_SHAPE = re.compile(rb'"shape"[ \t\r\n]*:[ \t\r\n]*(\[[0-9, ]*\])')
_SEED = re.compile(rb'"seed"[ \t\r\n]*:[ \t\r\n]*("[0-9]{1,20}"|[0-9]{1,20})')
_CONTROL = re.compile(rb"[\0-\x1f]")
_MARK = "\ufdd0"  # in the place of a value; no character, and so in no text of sense
_MARKED = f'"{_MARK}"'.encode()

Offsets = npt.NDArray[np.intp]


@dataclass(slots=True)
class Form:
    """What the texts of alike objects share: the object without its name, and which values it lacks."""

    document: dict[str, Any]
    has_shape: bool
    has_seed: bool
    members: int  # of all objects in it


@dataclass(slots=True)
class Row:
    """Objects that differ in their names alone: their form, its values, names and places in the list."""

    form: Form
    shape: list[int] | None
    seed: int | str | None
    names: list[str] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """The object without its name."""
        document = dict(self.form.document)
        if self.form.has_shape:
            document["shape"] = self.shape
        if self.form.has_seed:
            document["seed"] = self.seed
        return document


@dataclass(slots=True)
class Rows:
    """A document whose list of layers is empty, and the objects of that list, whose number is the length."""

    outline: dict[str, Any]
    objects: int
    rows: list[Row]

    def __len__(self) -> int:
        return self.objects


class _UnlikeError(ValueError):
    """The text is to be parsed as a whole, where every fault is found."""


def read_rows(text: bytes, structure: Structure) -> Rows | None:
    """The document of a JSON text with a long list `layers` of named objects; None where it is none.

    It says nothing of numbers that the parser changes.
    """
    try:
        return _read(text, structure)
    except (_UnlikeError, orjson.JSONDecodeError, UnicodeDecodeError):
        return None


def _read(text: bytes, structure: Structure) -> Rows:
    if b"\\" in text or b'"stream"' in text:  # a stream may repeat the name
        raise _UnlikeError
    levels, data = structure.levels, np.frombuffer(text, np.uint8)
    start = next((found.end() for found in _LIST.finditer(text) if levels[found.end() - 1] == _LEVEL), 0)
    if not start:
        raise _UnlikeError
    stop = start + int((levels[start:] < _LEVEL).argmax())
    outline = orjson.loads(text[:start] + text[stop:])
    if not isinstance(outline, dict) or outline.get("layers") != []:
        raise _UnlikeError
    bounds, quotes = _bounds(data, levels, start, stop)
    found, members = _Found(), count_members(outline)
    for at in range(0, len(quotes), PIECE):
        check_cancelled()
        texts = [*_cut(text, bounds[at : at + PIECE + 1], quotes[at : at + PIECE])]
        joined = b"\n".join([name for name, _ in texts])
        if len(_CONTROL.findall(joined)) != len(texts) - 1:  # JSON has control characters as escapes alone
            raise _UnlikeError
        names = joined.decode().split("\n")
        for index, (name, (_, rest)) in enumerate(zip(names, texts, strict=True), at):
            row = found.row(rest)
            row.names.append(name)
            row.indices.append(index)
            members += row.form.members
    if members != structure.members:  # one is given twice
        raise _UnlikeError
    return Rows(outline, len(quotes), found.rows)


def _bounds(
    data: npt.NDArray[np.uint8], levels: npt.NDArray[np.int8], start: int, stop: int
) -> tuple[list[int], list[int]]:
    """Where the objects of a list begin, less one, and where their names do."""
    data, levels = data[start:stop], levels[start:stop]
    commas = np.flatnonzero((levels == _LEVEL) & (data == ord(",")))
    bounds = np.concatenate(([-1], commas, [stop - start]))
    colons = np.flatnonzero((levels == _LEVEL + 1) & (data == ord(":")))
    for back, octet in ((3, "m"), (6, '"'), (5, "n"), (4, "a"), (2, "e"), (1, '"')):
        colons = colons[data[colons - back] == ord(octet)]
    if bounds.size <= MIN_ROWS or colons.size != bounds.size - 1:
        raise _UnlikeError
    quotes = colons + 1
    quotes += data[quotes] == ord(" ")
    inside = (colons > bounds[:-1]) & (quotes < bounds[1:]) & (data[quotes] == ord('"'))
    if not inside.all():
        raise _UnlikeError
    return (bounds + start).tolist(), (quotes + start + 1).tolist()


def _cut(text: bytes, bounds: list[int], quotes: list[int]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name of each object, and its text with an empty name."""
    find = text.find
    for before, at, stop in zip(bounds, quotes, bounds[1:], strict=False):
        end = find(b'"', at, stop)
        if end < 0:
            raise _UnlikeError
        yield text[at:end], text[before + 1 : at] + text[end:stop]


class _Found:
    """The rows of a list, in the order of their first objects."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._by_text: dict[bytes, Row] = {}
        self._by_value: dict[bytes, Row] = {}
        self._forms: dict[bytes, Form] = {}

    def row(self, text: bytes) -> Row:
        """The row of an object with an empty name."""
        row = self._by_text.get(text)
        if row is None:
            row = self._by_text[text] = self._parsed(text)
        return row

    def _parsed(self, text: bytes) -> Row:
        """The row of a new text, whose form is parsed where it is new too."""
        shape = seed = b""
        found = _SHAPE.search(text)
        if found is not None:
            shape = found[1]
            text = text[: found.start(1)] + _MARKED + text[found.end(1) :]
        found = _SEED.search(text)
        if found is not None:
            seed = found[1]
            text = text[: found.start(1)] + _MARKED + text[found.end(1) :]
        form = self._forms.get(text)
        if form is None:
            form = self._forms[text] = self._form(text, has_shape=bool(shape), has_seed=bool(seed))
        key = b"%d,%b,%b" % (id(form), shape, seed)
        row = self._by_value.get(key)
        if row is None:
            row = Row(form, orjson.loads(shape or b"null"), orjson.loads(seed or b"null"))
            self._by_value[key] = row
            self.rows.append(row)
        return row

    def _form(self, text: bytes, *, has_shape: bool, has_seed: bool) -> Form:
        """The form of a new text, which may be another's with other spaces, or with its name elsewhere."""
        document = orjson.loads(text)
        if not isinstance(document, dict) or len(self._forms) >= MAX_FORMS:
            raise _UnlikeError
        if (has_shape and document.get("shape") != _MARK) or (has_seed and document.get("seed") != _MARK):
            raise _UnlikeError
        if document.pop("name", None) != "":
            raise _UnlikeError
        form = Form(document, has_shape, has_seed, count_members(document) + 1)
        return self._forms.setdefault(orjson.dumps(document), form)
