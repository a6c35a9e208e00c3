"""Numbers of a JSON text that its parser would change.

The parser reads an integer beyond 64 bits as the nearest float64, and a number that is too small as 0. Both
are faults here, as is an integer with a fraction of zeros that float64 lacks. numpy searches a text for runs
of digits that are long enough, block by block.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

from tensorseed.errors import Fault, SpecError
from tensorseed.spec.json.pointers import MAX_FAULTS, Path, pointer
from tensorseed.spec.json.structure import BLOCK_BYTES, walk
from tensorseed.spec.numbers import inexact, rounded

MAX_CHARS = 1_000  # of a number that is checked; a longer one is read as the parser reads it
MAX_CANDIDATES = 1 << 17  # that are looked at, a microsecond or more each
PADDING = 20  # octets after a block, so that runs at its end count
SHORT_BYTES = 4_096  # of a text in which an expression finds nothing sooner than numpy

_TOO_MANY = f"the body holds over {MAX_CANDIDATES:,} numbers of 19 digits or more: round them to 17 digits"

_NUMBER = re.compile(rb"-?([0-9]++)(?:\.([0-9]++))?(?:[eE][+-]?[0-9]++)?")
_CHARACTERS = np.isin(np.arange(256), np.frombuffer(b"+-.0123456789eE", np.uint8))  # of numbers
_END = re.compile(rb"[^-+.0-9eE]")
_PARSED = range(-(1 << 63), 1 << 64)  # the integers that the parser leaves integers

# 19 digits of an integer, 16 before a fraction of zeros, 19 zeros of a fraction, or an exponent below -99.
_SUSPICIOUS = re.compile(rb"[0-9]{19}|[0-9]{16}\.0|[eE]-[0-9]{3}")

Octets = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]


class InexactNumberError(SpecError):
    """A JSON text holds numbers that float64 lacks."""


def check_numbers(text: bytes) -> None:
    """Check that no number of a valid JSON text changes where it is parsed.

    Raises:
        InexactNumberError: one does, at its path.
    """
    found = {}
    for count, start in enumerate(_candidates(text)):
        if count == MAX_CANDIDATES:
            raise InexactNumberError.at("", _TOO_MANY)
        fault = _fault(text, start)
        if fault is not None:
            found[start] = fault
    located = [*islice(_located(text, found), MAX_FAULTS)] if found else []
    if located:
        raise InexactNumberError([Fault(pointer(path), found[start]) for start, path in located])


def _candidates(text: bytes) -> Iterator[int]:
    """Yield where texts begin that may be numbers that change, in order; some stand in strings.

    A block ends where no number does, or within a text that is too long for one.
    """
    if len(text) <= SHORT_BYTES and _SUSPICIOUS.search(text) is None:
        return
    octets = np.frombuffer(text, np.uint8)
    start = 0
    while start < octets.size:
        end = _END.search(text, start + BLOCK_BYTES, start + BLOCK_BYTES + MAX_CHARS)
        stop = end.end() if end else start + BLOCK_BYTES
        block = octets[start:stop]
        suspects = _suspicious(block)
        if suspects.size:
            inside = _CHARACTERS[block]
            begins = inside.copy()
            begins[1:] &= ~inside[:-1]
            begins[0] &= start == 0 or not _CHARACTERS[octets[start - 1]]
            found = np.unique(np.cumsum(begins)[suspects])
            yield from (start + np.flatnonzero(begins)[found[found > 0] - 1]).tolist()
        start = stop


def _suspicious(octets: Octets) -> npt.NDArray[np.intp]:
    """Where a number may change: the parts that `_SUSPICIOUS` describes, in order."""
    octets = np.concatenate([octets, np.zeros(PADDING, np.uint8)])
    digits, points = (octets >= ord("0")) & (octets <= ord("9")), octets == ord(".")
    sixteen, nineteen = _runs(digits)
    whole = sixteen[:-2] & points[16:-1] & (octets[17:] == ord("0"))
    nineteen[1:] &= ~(digits | points)[: nineteen.size - 1]
    _, zeros = _runs(octets == ord("0"))
    zeros[0] = False
    zeros[1:] &= points[: zeros.size - 1]
    small = ((octets[:-4] | 0x20) == ord("e")) & (octets[1:-3] == ord("-"))
    small &= digits[2:-2] & digits[3:-1] & digits[4:]
    return np.sort(np.concatenate([np.flatnonzero(found) for found in (whole, nineteen, zeros, small)]))


def _runs(flags: Flags) -> tuple[Flags, Flags]:
    """Where 16, and where 19, of the flags are set from a place on."""
    sixteen = flags
    for step in (1, 2, 4, 8):
        sixteen = sixteen[:-step] & sixteen[step:]
    return sixteen, sixteen[:-3] & sixteen[3:]


def _fault(text: bytes, start: int) -> str | None:
    """The fault of a number that the parser changes; None for any other text."""
    number = _NUMBER.match(text, start, start + MAX_CHARS)
    if number is None:
        return None
    whole, fraction = number.groups(b"")
    exponent = number.end() > number.end(1 + bool(fraction))
    if not exponent and not fraction.strip(b"0"):
        integer = int(number[0].partition(b".")[0])
        if fraction:
            return inexact(integer)
        nearest = integer if integer in _PARSED else rounded(integer)
        detail = f"{integer} is neither an integer of 64 bits nor a float64"
        return None if nearest == integer else f"{detail}: write a smaller one, or {nearest}"
    if float(number[0]) == 0.0 and (whole + fraction).strip(b"0"):
        return "float64 has no number this small: write 0, or at least 5e-324"
    return None


def _located(text: bytes, starts: Iterable[int]) -> Iterator[tuple[int, Path]]:
    """Yield the starts that lie outside of strings, with their paths."""
    rest = deque(starts)
    before: Path = ()
    for token, path, _ in walk(text):
        while rest and rest[0] < token.start():
            yield rest.popleft(), before
        while rest and rest[0] < token.end():  # in a string
            rest.popleft()
        if not rest:
            return
        before = tuple(path)
    for start in rest:
        yield start, before
