"""Tensor names and their brace ranges: checks, expansion and folding.

`blocks.{0..11}.weight` stands for the twelve names `blocks.0.weight` to `blocks.11.weight`: both ends belong
to the range, and several ranges multiply. `fold` is the inverse, and depends on the set of names alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, product
from operator import itemgetter
from typing import TypeVar

from tensorseed.concurrency.cancellation import cancellably

MAX_CHARS = 1_024
RESERVED = "__metadata__"
MAX_FOLDED = 8  # integers of a name that can become ranges, counted from its end

_PLAIN = re.compile(rf"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{{}}]{{1,{MAX_CHARS}}}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_RANGE = re.compile(r"\{(0|[1-9][0-9]*)\.\.(0|[1-9][0-9]*)\}")
_INTEGER = re.compile(r"(?<![0-9])(0|[1-9][0-9]*)(?![0-9])")
_BRACE_BESIDE_DIGIT = re.compile(r"[0-9]\{|\}[0-9]|\}\{")

T = TypeVar("T")

Interval = tuple[int, int]  # both ends included
Box = tuple[Interval, ...]  # one interval per integer of a name
_NameParts = tuple[str, ...]  # literal, low, high, literal, …, literal


def is_plain(name: object) -> bool:
    """Whether `name` is a valid literal name; `check_name` explains the fault."""
    return type(name) is str and _PLAIN.fullmatch(name) is not None and name != RESERVED


def are_plain(names: Sequence[str]) -> bool:
    """Whether all `names` are valid literal names, which is checked at once for printable ones."""
    if not names:
        return True
    text = "".join(names)
    if not text.isprintable() or "{" in text or "}" in text:
        return all(map(is_plain, names))
    return all(names) and len(max(names, key=len)) <= MAX_CHARS and RESERVED not in names


def check_name(name: str, *, ranges: bool = True) -> None:
    """Check that `name` can name tensors; with `ranges` false it holds no braces.

    Raises:
        ValueError: it cannot, with a sentence for the client.
    """
    if is_plain(name):
        return
    if not name:
        raise ValueError("a name has at least one character")
    if len(name) > MAX_CHARS:
        raise ValueError(f"a name has at most {MAX_CHARS:,} characters, this one has {len(name):,}")
    if name == RESERVED:
        raise ValueError(f"{RESERVED} is reserved by the safetensors format: choose another name")
    if found := _CONTROL.search(name):
        raise ValueError(f"a name holds no control characters: remove U+{ord(found[0]):04X}")
    if not ranges:
        raise ValueError("braces are not allowed here: write one literal name")
    _check_ranges(name)


def _check_ranges(name: str) -> None:
    if re.search(r"[{}]", _RANGE.sub("", name)):
        rule = "braces in a name only enclose a range of decimal integers without leading zeros"
        raise ValueError(f"{rule}, as in blocks.{{0..11}}.weight")
    for low, high in _RANGE.findall(name):
        if int(low) > int(high):
            raise ValueError(f"the range {{{low}..{high}}} is empty: write the smaller end first")
    if (chars := max_chars(name)) > MAX_CHARS:
        raise ValueError(f"a name has at most {MAX_CHARS:,} characters, these ranges make it {chars:,}")


def count_names(name: str) -> int:
    """The number of names that a checked `name` stands for, without expanding it."""
    if "{" not in name:
        return 1
    return math.prod(int(high) - int(low) + 1 for low, high in _RANGE.findall(name))


def max_chars(name: str) -> int:
    """The length of the longest name that a checked `name` stands for, in characters."""
    return len(_RANGE.sub(lambda found: found[2], name))


def expand(name: str) -> list[str]:
    """The names that a checked `name` stands for; the last range runs fastest."""
    if "{" not in name:
        return [name]
    parts = _RANGE.split(name)  # literal, low, high, literal, low, high, …, literal
    runs = [
        map(str, range(int(low), int(high) + 1)) for low, high in zip(parts[1::3], parts[2::3], strict=True)
    ]
    pattern = "%s".join(part.replace("%", "%%") for part in parts[0::3])
    return [pattern % numbers for numbers in cancellably(product(*runs))]


def fold(names: Iterable[str]) -> list[str]:
    """Names with ranges that stand for exactly the set `names`, sorted by code points.

    Names that differ only in decimal integers are covered by boxes of integers. Runs of the last integer
    come first, then of the ones before it where all that follows is equal. Digit runs with leading zeros are
    literal text, and so are all integers of a name but its last eight.
    `fold(expand(x)) == fold(expand(y))` whenever `x` and `y` stand for the same names.
    """
    templates: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    firsts: dict[tuple[str, ...], str] = {}
    for name in names:
        parts = _split(name)
        literals = parts[0::2]
        points = templates.get(literals)
        if points is not None:
            points.append(parts[1::2])
        elif literals in firsts:
            templates[literals] = [_split(firsts[literals])[1::2], parts[1::2]]
        else:
            firsts[literals] = name
    alone = [name for literals, name in firsts.items() if literals not in templates]
    return sorted([*alone, *(one for group in templates.items() for one in _fold_template(*group))])


def _fold_template(template: tuple[str, ...], points: list[tuple[str, ...]]) -> Iterator[str]:
    template, points = _narrow(template, points)
    return (_spell(template, box) for box in _cover(points))


def fold_in_order(names: Iterable[str]) -> list[str]:
    """Names with ranges that stand for exactly the sequence `names`, in its order.

    Neighbours that differ only in decimal integers become boxes. Runs of the last integer come first, then of
    the ones before it where all that follows is equal. So expanding restores the order, and the result
    depends on the sequence alone.
    """
    folded: list[str] = []
    split = ((parts[0::2], parts[1::2]) for parts in map(_split, names))
    for template, group in groupby(split, key=itemgetter(0)):
        boxes: list[Box] = [tuple((int(value), int(value)) for value in point) for _, point in group]
        for axis in range(len(template) - 2, -1, -1):
            boxes = _merge_neighbours(boxes, axis)
        folded += [_spell(template, box) for box in boxes]
    return folded


def _merge_neighbours(boxes: list[Box], axis: int) -> list[Box]:
    """Join boxes that follow each other along `axis` and in the list; all axes before it are single."""
    merged = boxes[:1]
    for box in boxes[1:]:
        last = merged[-1]
        if last[axis][1] + 1 == box[axis][0] and (last[:axis], last[axis + 1 :]) == (
            box[:axis],
            box[axis + 1 :],
        ):
            merged[-1] = (*last[:axis], (last[axis][0], box[axis][1]), *last[axis + 1 :])
        else:
            merged.append(box)
    return merged


def fold_pattern(name: str) -> list[str]:
    """`fold(expand(name))` of a checked name, without expanding it where it is canonical already."""
    if "{" not in name:
        return [name]
    ranges = _RANGE.findall(name)
    few = len(_INTEGER.findall(name)) - len(ranges) <= MAX_FOLDED
    if ranges and few and not _BRACE_BESIDE_DIGIT.search(name) and all(low != high for low, high in ranges):
        return [name]
    return fold(expand(name))


def _split(name: str) -> tuple[str, ...]:
    """Literal, integer, literal, …, literal: at most the last eight integers."""
    parts = _INTEGER.split(name)
    if len(parts) <= 2 * MAX_FOLDED + 1:
        return tuple(parts)
    return ("".join(parts[: -2 * MAX_FOLDED]), *parts[-2 * MAX_FOLDED :])


def _narrow(
    template: tuple[str, ...], points: list[tuple[str, ...]]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The same names with the integers that are equal in all of them made literal."""
    varying = [axis for axis, values in enumerate(zip(*points, strict=True)) if len(set(values)) > 1]
    if len(varying) == len(points[0]):
        return template, points
    literals = [template[0]]
    for axis, literal in enumerate(template[1:]):
        if axis in varying:
            literals.append(literal)
        else:
            literals[-1] += points[0][axis] + literal
    return tuple(literals), [tuple(point[axis] for axis in varying) for point in points]


def _cover(points: list[tuple[str, ...]]) -> list[Box]:
    """Disjoint boxes that cover exactly `points`, each a tuple of equally many decimal integers."""
    dimensions = len(points[0])
    if len(points) == 1 or dimensions == 0:
        return [tuple((int(value), int(value)) for value in points[0])]
    rows: dict[tuple[str, ...], list[int]] = {}
    for point in points:
        row = rows.get(point[:-1])
        if row is None:
            rows[point[:-1]] = [int(point[-1])]
        else:
            row.append(int(point[-1]))
    boxes: list[Box] = []
    for before, values in rows.items():
        outer = tuple((int(value), int(value)) for value in before)
        boxes += [(*outer, run) for run in _runs([(value, value) for value in sorted(set(values))])]
    for axis in range(dimensions - 2, -1, -1):
        boxes = _merge(boxes, axis)
    return boxes


def _merge(boxes: list[Box], axis: int) -> list[Box]:
    """Join boxes that are neighbours along `axis` and equal in every other dimension."""
    rows: dict[tuple[Box, Box], list[Interval]] = {}
    for box in boxes:
        rows.setdefault((box[:axis], box[axis + 1 :]), []).append(box[axis])
    return [(*before, run, *after) for (before, after), row in rows.items() for run in _runs(sorted(row))]


def _runs(row: list[Interval]) -> list[Interval]:
    runs: list[Interval] = []
    start, end = row[0]
    for low, high in row[1:]:
        if low != end + 1:
            runs.append((start, end))
            start = low
        end = high
    return [*runs, (start, end)]


def _spell(template: tuple[str, ...], box: Box) -> str:
    text = template[0]
    for (low, high), literal in zip(box, template[1:], strict=True):
        text += f"{low}{literal}" if low == high else f"{{{low}..{high}}}{literal}"
    return text


def expand_blocks(entries: Iterable[tuple[str, T]]) -> Iterator[tuple[str, T]]:
    """Expand the ranges of `entries`, pairs of a checked name and a value; blocks repeat as a whole.

    Neighbours whose names begin with the same text, up to and including their first range, are a block. A
    block repeats for one value of the range after the other. Within a repetition the same holds for the
    ranges that are left.

        a.{0..1}.w   a.{0..1}.e.{0..1}.u   a.{0..1}.e.{0..1}.v   b
        a.0.w  a.0.e.0.u  a.0.e.0.v  a.0.e.1.u  a.0.e.1.v  a.1.w  a.1.e.0.u  …  b
    """
    return _repeated([(tuple(_RANGE.split(name)), what) for name, what in entries], "")


def _repeated(entries: Iterable[tuple[_NameParts, T]], before: str) -> Iterator[tuple[str, T]]:
    """Expand `entries`, whose names follow the text `before`."""
    for opening, block in groupby(entries, key=lambda entry: entry[0][:3]):
        if len(opening) == 1:
            yield from ((before + opening[0], what) for _, what in block)
            continue
        literal, low, high = opening
        behind = [(parts[3:], what) for parts, what in block]
        for value in range(int(low), int(high) + 1):
            yield from _repeated(behind, f"{before}{literal}{value}")
