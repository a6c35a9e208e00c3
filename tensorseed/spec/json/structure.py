"""Depth, counts and pieces of a JSON text, found before it is parsed.

A text is scanned in blocks by numpy, which lets other threads run, and parsed in pieces. Each piece holds the
interpreter for some milliseconds, however long the text is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

MAX_DEPTH = 100  # of containers within each other; a tensor's literals have at most 64 levels
BLOCK_BYTES = 1 << 18  # scanned at a time
PIECE_BYTES = 1 << 19  # parsed at a time

_QUOTE, _COMMA, _COLON = ord('"'), ord(","), ord(":")
_OPEN, _CLOSE, _CASE = 0x7B, 0x7D, 0x20  # both brackets are both braces without this bit
_STRING = MAX_DEPTH + 1  # the level within a string
_CONTAINERS = frozenset((dict, list))

_SPACES = re.compile(rb"[ \t\n\r]*")
_TOKEN = re.compile(rb'("[^"\\]*+(?:\\.[^"\\]*+)*+")[ \t\n\r]*+(:?)|([\[\]{},])', re.DOTALL)

Levels = npt.NDArray[np.int8]


class DepthError(ValueError):
    """A text has more than `MAX_DEPTH` levels."""


class PieceError(ValueError):
    """A piece of a text is no JSON: the parser's error, and its offset in the text in bytes."""

    def __init__(self, cause: orjson.JSONDecodeError, offset: int) -> None:
        self.cause = cause
        self.offset = offset
        super().__init__(cause.msg)


def byte_offset(text: bytes, characters: int) -> int:
    """The offset in bytes of the character at an index."""
    if text.isascii():
        return characters
    return len(text.decode(errors="surrogateescape")[:characters].encode(errors="surrogateescape"))


@dataclass(frozen=True, slots=True)
class Structure:
    """The containers that are open after each byte, and counts of the whole text.

    `values` is an upper bound, exact without empty containers. `members` are those of all objects.
    """

    levels: Levels
    containers: int
    values: int
    members: int
    strings: int

    @property
    def nbytes(self) -> int:
        """The memory of the parsed document, estimated from above; with that of its text."""
        objects = 100 * (self.containers + self.members) + 48 * (self.values + self.strings)
        return objects + 4 * self.levels.size


def scan(text: bytes) -> Structure:
    """The structure of a text, which need not be valid JSON.

    Raises:
        DepthError: the text is nested too deeply.
    """
    data = np.frombuffer(_without_escapes(text), np.uint8)
    levels = np.empty(data.size, np.int8)
    depth = containers = commas = members = quotes = 0
    within = np.uint8(0)
    for start in range(0, data.size, BLOCK_BYTES):
        block = data[start : start + BLOCK_BYTES]
        marks = block == _QUOTE
        quotes += int(np.count_nonzero(marks))
        quoted = np.cumsum(marks, dtype=np.uint8)
        quoted += within
        quoted &= 1
        within = quoted[-1]
        outside = quoted == 0
        folded = block | _CASE
        opens = (folded == _OPEN) & outside
        closes = (folded == _CLOSE) & outside
        level = np.cumsum(opens.view(np.int8) - closes.view(np.int8), dtype=np.int32)
        level += depth
        if level.max() > MAX_DEPTH:
            raise DepthError
        depth = int(level[-1])
        np.maximum(level, -1, out=level)
        level[~outside] = _STRING
        levels[start : start + BLOCK_BYTES] = level
        containers += int(np.count_nonzero(opens))
        commas += int(np.count_nonzero((block == _COMMA) & outside))
        members += int(np.count_nonzero((block == _COLON) & outside))
    return Structure(levels, containers, containers + commas + 1, members, quotes // 2)


def _without_escapes(text: bytes) -> bytes:
    """The text, as long as before, in which every quote begins or ends a string."""
    return text.replace(b"\\\\", b"__").replace(b'\\"', b"__") if b"\\" in text else text


def parse(text: bytes, structure: Structure) -> Any:
    """The document of a text, in pieces: what `orjson.loads(text)` gives.

    Raises:
        PieceError: the text is no JSON.
    """
    return _Pieces(text, structure.levels).value(0, len(text), 0)


class _Pieces:
    """Parser of a long text by the pieces of its containers."""

    def __init__(self, text: bytes, levels: Levels) -> None:
        self._text = text
        self._view = memoryview(text)
        self._data = np.frombuffer(text, np.uint8)
        self._levels = levels

    def value(self, start: int, stop: int, depth: int) -> Any:
        """The value in [start, stop), within `depth` containers."""
        if stop - start <= PIECE_BYTES:
            return self._loads(start, stop)
        start, stop = self._stripped(start, stop)
        ends = self._text[start : start + 1] + self._text[stop - 1 : stop]
        whole = ends in (b"[]", b"{}") and int(self._levels[start : stop - 1].min()) > depth
        if not whole:
            return self._loads(start, stop)
        found: Any = [] if ends == b"[]" else {}
        if self._after_spaces(start + 1) == stop - 1:
            return found
        for first, last in self._runs(start + 1, stop - 1, depth + 1):
            self._add(found, first, last, depth + 1)
        return found

    def _runs(self, start: int, stop: int, depth: int) -> Iterator[tuple[int, int]]:
        """Bounds of consecutive members, together no longer than a piece unless there is but one."""
        here = (self._levels[start:stop] == depth) & (self._data[start:stop] == _COMMA)
        commas = np.flatnonzero(here) + start
        while stop - start > PIECE_BYTES:
            at = int(np.searchsorted(commas, start + PIECE_BYTES, "right"))
            if at == 0 or commas[at - 1] < start:
                if at == commas.size:
                    break
                at += 1
            yield start, int(commas[at - 1])
            start = int(commas[at - 1]) + 1
        yield start, stop

    def _add(self, found: Any, start: int, stop: int, depth: int) -> None:
        """Add the members in [start, stop) to a list or an object."""
        if stop - start <= PIECE_BYTES:
            ends = b"[]" if isinstance(found, list) else b"{}"
            members = self._loads(start, stop, ends)
            if not members:
                raise self._error("a member is missing", start)
            if isinstance(found, list):
                found += members
            else:
                found |= members
        elif isinstance(found, list):
            found.append(self.value(start, stop, depth))
        else:
            here = (self._levels[start:stop] == depth) & (self._data[start:stop] == _COLON)
            colons = np.flatnonzero(here)
            if not colons.size:
                raise self._error("a colon is missing", start)
            colon = start + int(colons[0])
            name = self._loads(start, colon)
            if not isinstance(name, str):
                raise self._error("a name must be a string", start)
            found[name] = self.value(colon + 1, stop, depth)

    def _loads(self, start: int, stop: int, ends: bytes = b"") -> Any:
        piece = b"".join((ends[:1], self._view[start:stop], ends[1:]))
        try:
            return orjson.loads(piece)
        except orjson.JSONDecodeError as error:
            offset = start + byte_offset(piece, error.pos) - len(ends[:1])
            raise PieceError(error, min(max(offset, start), len(self._text))) from None

    def _error(self, message: str, start: int) -> PieceError:
        return PieceError(orjson.JSONDecodeError(message, "", 0), start)

    def _stripped(self, start: int, stop: int) -> tuple[int, int]:
        start = min(self._after_spaces(start), stop)
        return start, start + len(self._text[start:stop].rstrip(b" \t\n\r"))

    def _after_spaces(self, start: int) -> int:
        found = _SPACES.match(self._text, start)
        assert found is not None
        return found.end()


def count_members(document: Any) -> int:
    """The members of all objects of a document."""
    count = 0
    rest = [document]
    while rest:
        value = rest.pop()
        if type(value) is dict:
            count += len(value)
            parts: Iterable[Any] = value.values()
        elif type(value) is list:
            parts = value
        else:
            continue
        if len(value) > 1 << 16 or not _CONTAINERS.isdisjoint(map(type, parts)):
            rest += [part for part in parts if type(part) in _CONTAINERS]
    return count


def walk(text: bytes) -> Iterator[tuple[re.Match[bytes], list[str | int], bool]]:
    """Yield strings and marks of a valid JSON text, the path after each, and whether it names a member.

    The path is one list that changes from token to token.
    """
    lists: list[bool] = []  # whether each open container is a list
    path: list[str | int] = []
    for token in _TOKEN.finditer(text):
        string, colon, mark = token.groups()
        if mark in (b"[", b"{"):
            lists.append(mark == b"[")
            path.append(0)
        elif mark == b",":
            if lists[-1]:
                path[-1] = int(path[-1]) + 1
        elif mark:
            lists.pop()
            path.pop()
        elif colon:
            path[-1] = orjson.loads(string)
        yield token, path, bool(colon)


def repeated_names(text: bytes) -> Iterator[tuple[str | int, ...]]:
    """The paths of members whose name their object has already; the text is valid JSON."""
    known: list[set[str | int]] = []  # of each open container
    for token, path, is_name in walk(text):
        if token[3] in (b"[", b"{"):
            known.append(set())
        elif token[3] in (b"]", b"}"):
            known.pop()
        elif is_name:
            if path[-1] in known[-1]:
                yield tuple(path)
            known[-1].add(path[-1])
