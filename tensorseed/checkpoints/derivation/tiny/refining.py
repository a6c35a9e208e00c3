"""Further changes to a config whose model is still large.

The shapes of the largest tensors say which sizes matter.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import partial

from tensorseed.checkpoints.derivation.tiny import fields as kinds
from tensorseed.checkpoints.derivation.tiny.fields import Document, mapped, named, numbers
from tensorseed.checkpoints.derivation.tiny.sizes import Changes, Path, Sizes, changes_of, parts_of

MIN_SIZE = 4
MIN_FACTOR = 0.25
MAX_MULTIPLE = 8  # a tensor may have so many of a size beside each other, as gates have
MAX_FIELDS = 4  # of one size that are also tried one by one

_NOTHING = Sizes(counts=False, experts=False, heads=False, vocabulary=False, width=1 << 30)
_KINDS = (
    _NOTHING._replace(counts=True),
    _NOTHING._replace(experts=True),
    _NOTHING._replace(vocabulary=True),
    Sizes(counts=False, experts=False, vocabulary=False),
    Sizes(counts=False, experts=False, vocabulary=False, heads=False),
)
_LIMITS = (
    (re.compile(r"(num|n)_(.+_)?(codebooks|quantizers)"), 4),
    (re.compile(r".*(channel_mult|channel_multiplier)s?"), 2),
)
_KEPT = re.compile(
    r".*(position|image|patch|kernel|stride|rate|ratio|factor|length|window|frame|token|crop|pixel|(?<!up)(?<!down)sampl|_ids?"
    r"|ind(ex|ices)|mel|fft|vocab|theta|layer_types|labels|grid|padding|dilation|num_channels|in_channels|out_features).*"
)

Shapes = Counter[tuple[int, ...]]


def by_kind(whole: Document, multiple: int) -> Iterator[Changes]:
    """The changes of one kind of fields, or of one part of the config: what fails together may do alone."""
    for sizes in _KINDS:
        yield changes_of(whole, sizes._replace(multiple=multiple))
    changes = changes_of(whole, Sizes(multiple=multiple))
    for place, _ in parts_of(whole):
        yield {path: value for path, value in changes.items() if path[:-1] == place}
    yield {
        (*place, name): min(value, MIN_FACTOR)
        for place, fields in parts_of(whole)
        for name, value in fields.items()
        if kinds.FACTORS.fullmatch(name) and isinstance(value, float)
    }
    for pattern, maximum in _LIMITS:
        yield {
            (*place, name): mapped(value, partial(min, maximum))
            for place, fields in parts_of(whole)
            for name, value in named(fields, pattern)
        }


def by_shape(whole: Document, shapes: Shapes) -> Iterator[Changes]:
    """Smaller values for the sizes that the largest tensors have, those with most elements first."""
    found: dict[int, list[tuple[Path, object]]] = {}
    for place, fields in parts_of(whole, layers=True):
        for name, value in fields.items():
            if not _is_kept(name, value):
                for size in set(_deep(value)):
                    found.setdefault(size, []).append(((*place, name), value))
    elements = {size: _elements(size, shapes) for size in found if size > MIN_SIZE}
    minimum = sum(math.prod(shape) * count for shape, count in shapes.items()) // 50
    for size in sorted((size for size in elements if elements[size] > minimum), key=lambda s: -elements[s]):
        places = found[size]
        for target in _targets(size):
            yield _with(places, size, target)
            if len(places) <= MAX_FIELDS:
                yield from (_with([place], size, target) for place in places if len(places) > 1)


def proportional(whole: Document) -> Iterator[Changes]:
    """All sizes above 64 divided alike, as stages need that double."""
    for divisor in (16, 8, 4, 2):
        changes: Changes = {}
        for place, fields in parts_of(whole):
            for name, value in fields.items():
                if not _is_kept(name, value) and max(_deep(value), default=0) > 64:
                    changes[*place, name] = mapped(value, partial(_divided, divisor))
        yield changes


def _is_kept(name: str, value: object) -> bool:
    """Whether a field stays: one of images, positions and the like, unless it has the widths of stages."""
    if name in kinds.SKIPPED:
        return True
    return bool(_KEPT.fullmatch(name)) and not kinds.is_staged_list(name, value)


def _divided(divisor: int, number: int) -> int:
    return number if number <= MIN_SIZE else max(MIN_SIZE, number // divisor)


def _with(places: list[tuple[Path, object]], size: int, target: int) -> Changes:
    return {path: mapped(value, lambda n: target if n == size else n) for path, value in places}


def _targets(size: int) -> list[int]:
    near = [size // 2, size // 4, size // 8] if size % 8 == 0 else [size // 2]
    return list(dict.fromkeys(n for n in (64, 32, 16, *reversed(near)) if MIN_SIZE <= n < size))


def _elements(size: int, shapes: Shapes) -> int:
    """The elements of the tensors that have a size, or a few times the size."""
    return sum(
        math.prod(shape) * count
        for shape, count in shapes.items()
        if any(length % size == 0 and _is_multiple(length // size) for length in shape)
    )


def _is_multiple(number: int) -> bool:
    """Whether it is small, or of stages that double."""
    return number <= MAX_MULTIPLE or number & (number - 1) == 0


def _deep(value: object) -> list[int]:
    if isinstance(value, list):
        return [number for part in value for number in _deep(part)]
    return numbers(value)
