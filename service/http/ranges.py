"""Byte ranges of a representation: the Range field of RFC 9110.

A range is a half-open pair `(start, stop)` of byte offsets. Sets of more than `MAX_RANGES` ranges, or with a
byte more than twice, are refused, as section 17.15 advises.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .errors import RangeError

MAX_RANGES = 32
MAX_OVERLAP = 2
GAP = 80  # bytes; a gap smaller than the header of one more part is cheaper sent than skipped

_SPEC = re.compile(r"([0-9]*)-([0-9]*)")
_CAP = 10**19  # beyond any file; longer digit strings are not converted


class ByteRange(NamedTuple):
    """The bytes from `start` up to, and without, `stop`."""

    start: int
    stop: int

    def content_range(self, size: int) -> str:
        """The Content-Range field of this range of `size` bytes."""
        return f"bytes {self.start}-{self.stop - 1}/{size}"


def parse_range(field: str | None, size: int) -> list[ByteRange] | None:
    """The ranges to send of a representation of `size` bytes, in the order of the field.

    None is the whole: no Range field, a unit other than bytes, or a suffix of an empty file. Overlapping and
    neighbouring ranges are coalesced.

    Raises:
        RangeError: The set is malformed or too large, has a byte more than twice, or selects nothing.
    """
    unit, equals, text = (field or "").partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return None
    specs = [spec.strip(" \t") for spec in text.split(",")]
    specs = [spec for spec in specs if spec]  # a list may hold empty elements: RFC 9110, section 5.6.1
    if len(specs) > MAX_RANGES:
        raise RangeError(f"at most {MAX_RANGES} ranges are served at a time: ask for fewer", size)
    if not specs:
        raise RangeError("the Range field names no range: write, for example, bytes=0-1023", size)
    pairs = [_satisfy(spec, size) for spec in specs]
    found = [pair for pair in pairs if pair is not None]
    if not found:
        raise RangeError(f"no range is within the file: request bytes below its size, {size}", size)
    if size == 0:
        return None
    _refuse_overlap(found, size)
    return _coalesce(found)


def _satisfy(spec: str, size: int) -> ByteRange | None:
    """One range spec, clipped to the representation; None where it selects nothing."""
    match = _SPEC.fullmatch(spec)
    first, last = match.groups() if match else ("", "")
    if not first and not last:
        remedy = "write first-last, first- or -length, as in bytes=0-1023"
        raise RangeError(f"{spec[:40]!r} is not a byte range: {remedy}", size)
    if not first:
        length = _number(last)
        return ByteRange(max(0, size - length), size) if length else None
    start = _number(first)
    stop = _number(last) + 1 if last else _CAP + 1
    if start >= stop:
        raise RangeError(f"the range {spec[:40]} ends before it starts: write the smaller offset first", size)
    return ByteRange(start, min(stop, size)) if start < size else None


def _number(digits: str) -> int:
    """The number, or a stand-in for one beyond any file."""
    digits = digits.lstrip("0")
    return _CAP if len(digits) > 19 else int(digits or "0")


def _refuse_overlap(ranges: list[ByteRange], size: int) -> None:
    """Raise RangeError where a byte is in more than two ranges."""
    edges = sorted(edge for start, stop in ranges for edge in ((start, 1), (stop, -1)))
    depth = 0
    for _, step in edges:
        depth += step
        if depth > MAX_OVERLAP:
            raise RangeError("more than two of the ranges overlap: ask for each byte once", size)


def _coalesce(ranges: list[ByteRange]) -> list[ByteRange]:
    """Join ranges that overlap or nearly touch. A joined range takes the place of its first member."""
    joined: list[tuple[int, ByteRange]] = []
    for rank, current in sorted(enumerate(ranges), key=lambda pair: pair[1]):
        if joined and current.start <= joined[-1][1].stop + GAP:
            first, before = joined[-1]
            joined[-1] = min(first, rank), ByteRange(before.start, max(before.stop, current.stop))
        else:
            joined.append((rank, current))
    return [current for _, current in sorted(joined)]
