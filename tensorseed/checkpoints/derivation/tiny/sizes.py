"""Small sizes for the fields of a config, consistent with each other.

Equal widths stay equal, also between the parts of a config, and so do equal ids. Positions, images, patches,
kernels and strides stay as they are, so that processors and inputs of the published model fit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from tensorseed.checkpoints.derivation.tiny import fields as kinds
from tensorseed.checkpoints.derivation.tiny.blocks import small_blocks
from tensorseed.checkpoints.derivation.tiny.fields import Document, main_width, mapped, named, numbers

LAYERS = 2
MAX_KINDS = 4  # of layers, one of each
EXPERTS = 4
HEADS = 4
HEAD_DIM = 16
HEAD_NAMES = ("num_attention_heads", "num_heads", "n_head")  # the first of these counts
MAX_RATIO = 4  # of a width to the main one
MULTIPLE = 8  # of which small widths are, unless a quantisation needs another
VOCABULARY = 1_000
MAX_BLOCKS = 4_096
SPARE_IDS = 100  # ids at the end of the vocabulary, for those beyond it

Path = tuple[str, ...]
Changes = dict[Path, Any]


class Sizes(NamedTuple):
    """What is tried together: the width of each part, and which kinds of fields change."""

    width: int = 64
    counts: bool = True
    experts: bool = True
    heads: bool = True
    head_dims: bool = True
    vocabulary: bool = True
    multiple: int = MULTIPLE  # of which widths are


class Shared(NamedTuple):
    """What the parts of a config have in common."""

    sizes: Sizes
    vocabulary: int
    widths: dict[int, int]  # the small one of each
    ids: dict[int, int]


def changes_of(whole: Document, sizes: Sizes) -> Changes:
    """The fields of a config with all its defaults that change, by their path, with their small values."""
    parts = sorted(parts_of(whole), key=lambda part: -kinds.vocabulary(part[1]))
    shared = Shared(sizes, kinds.vocabulary(parts[0][1]), {}, {})
    for _, fields in parts:
        if (width := main_width(fields)) > sizes.width and not kinds.is_staged(fields):
            shared.widths.setdefault(width, sizes.width)
    return {(*path, name): value for path, fields in parts for name, value in _Part(fields, shared).changed()}


def parts_of(config: Document, path: Path = (), layers: bool = False) -> Iterator[tuple[Path, Document]]:
    """A config and those within it, each with its path; with `layers` those of single layers too."""
    yield path, config
    for name, value in config.items():
        if (
            isinstance(value, dict)
            and name not in kinds.SKIPPED
            and ("model_type" in value or "config" in name or (layers and name.isdecimal()))
        ):
            yield from parts_of(value, (*path, name), layers)


class _Part:
    """The fields of one config, and what they become."""

    def __init__(self, fields: Document, shared: Shared) -> None:
        self._fields = fields
        self._shared = shared
        self._new: Document = {}

    def changed(self) -> Iterator[tuple[str, Any]]:
        """The fields whose values change."""
        sizes = self._shared.sizes
        if sizes.counts:
            self._shrink_counts()
        if sizes.experts:
            self._shrink_experts()
        self._shrink_widths()
        self._shrink_blocks()
        if sizes.heads and not kinds.shares_angles(self._fields):
            self._shrink_heads()
        if sizes.vocabulary:
            self._shrink_vocabulary()
        yield from ((name, value) for name, value in self._new.items() if value != self._fields[name])

    def _named(self, pattern: re.Pattern[str], but: re.Pattern[str] | None = None) -> list[tuple[str, Any]]:
        return [*named({**self._fields, **self._new}, pattern, but)]

    def _limit(self, pattern: re.Pattern[str], maximum: int) -> None:
        for name, value in self._named(pattern):
            self._new[name] = mapped(value, lambda number: min(number, maximum))

    def _shrink_counts(self) -> None:
        counts: dict[str, int] = {}
        for name, value in self._named(kinds.COUNT, kinds.NO_COUNT):
            if isinstance(value, int):
                counts[name] = value
            elif not _is_of_indices(name, value):
                self._new[name] = mapped(value, lambda number: min(number, LAYERS))
        for name, count in counts.items():
            chosen = self._chosen(count)
            self._new[name] = min(count, max(LAYERS, len(chosen)))
            self._shrink_lists(name, count, chosen)
        before = max(counts.values(), default=0)
        after = max((self._new[name] for name in counts), default=LAYERS)
        for name, value in self._named(kinds.INDICES):
            if isinstance(value, list) and name not in self._new and LAYERS < before >= max(value):
                last = after - 1
                low = {min(-(-index * after // before), last) if index >= 0 else index for index in value}
                self._new[name] = sorted(low)
        self._limit(kinds.PERIOD, LAYERS)
        self._limit(kinds.OFFSET, LAYERS - 1)
        self._limit(kinds.FEW, 1)
        if "max_window_layers" in self._fields:
            self._new["max_window_layers"] = mapped(
                self._fields["max_window_layers"], lambda n: min(n, after)
            )

    def _chosen(self, count: int) -> list[int]:
        """The layers that stay: one of each kind, and others where there are fewer than LAYERS kinds."""
        lists = [
            [*map(str, value)]
            for value in self._fields.values()
            if isinstance(value, list) and len(value) == count
        ]
        lists = [names for names in lists if len(set(names)) <= MAX_KINDS]
        first: dict[tuple[str, ...], int] = {}
        for index in range(count):
            first.setdefault(tuple(names[index] for names in lists), index)
        chosen = sorted(first.values())[:MAX_KINDS]
        others = (index for index in range(count) if index not in chosen)
        while len(chosen) < min(LAYERS, count):
            chosen.append(next(others))
        return sorted(chosen)

    def _shrink_lists(self, counted: str, count: int, chosen: list[int]) -> None:
        """Let what has a part for each of so many layers keep those of the chosen ones.

        `counted` is the field with their number. Lists by stage are none of attention layers.
        """
        for name, value in self._fields.items():
            if "attention" in counted and kinds.STAGES.fullmatch(name):
                continue
            if isinstance(value, list) and len(value) == count > LAYERS:
                if name not in self._new and not _is_of_indices(name, value):
                    self._new[name] = [value[index] for index in chosen]
            elif _is_by_layer(value) and name not in kinds.SKIPPED:
                parts = {int(key): part for key, part in value.items()}
                digits = min(len(str(key)) for key in value)  # as in 02
                kept = [(f"{place:0{digits}}", index) for place, index in enumerate(chosen)]
                self._new[name] = {place: self._own(parts[index]) for place, index in kept if index in parts}
        stages = self._fields.get("stage_names")
        if isinstance(stages, list) and len(stages) == count + 1:
            last = len(chosen)
            self._new |= {
                "stage_names": stages[: last + 1],
                "out_indices": [last],
                "out_features": [stages[last]],
            }

    def _own(self, part: Any) -> Any:
        """The fields that one layer has of its own, small as those of the config would be in their place."""
        if not isinstance(part, dict):
            return part
        sizes = self._shared.sizes._replace(counts=False)
        fields = {name: value for name, value in self._fields.items() if not _is_by_layer(value)}
        new = dict(_Part(fields | part, self._shared._replace(sizes=sizes)).changed())
        return {name: new.get(name, value) for name, value in part.items()}

    def _shrink_experts(self) -> None:
        if self._named(kinds.EXPERTS):
            self._limit(kinds.EXPERTS, EXPERTS)
            self._limit(kinds.CHOSEN, 2)
            self._limit(kinds.GROUPED, 1)
            if "n_group" in self._fields:
                self._new["n_group"] = mapped(self._fields["n_group"], lambda number: min(number, 2))

    def _shrink_widths(self) -> None:
        widths, sizes = self._shared.widths, self._shared.sizes
        small, multiple = sizes.width, sizes.multiple
        largest = main_width(self._fields) or max(widths, default=0)
        if not largest:
            return
        fits = largest <= small  # and only what is far larger shrinks

        def width(value: int) -> int:
            if value <= (MAX_RATIO * small if fits else multiple):
                return value
            scaled = MAX_RATIO * small if fits else multiple * math.ceil(value * small / largest / multiple)
            return widths.setdefault(value, min(value, scaled))

        for name, value in self._named(kinds.GROUPS):
            self._new[name] = mapped(value, lambda number: widths.get(number, number))
        for name, value in self._named(kinds.WIDTH, kinds.NO_WIDTH):
            if not kinds.HEADS.fullmatch(name) and not kinds.HEAD_DIM.fullmatch(name):
                self._new[name] = mapped(value, width)
        rates = [value for _, value in self._named(kinds.RATES) if isinstance(value, list)]
        stages = max(map(len, rates), default=0)
        for name, value in self._named(kinds.HALVED):
            minimum = min(self._fields[name], 2 << stages)
            self._new[name] = max(value, minimum) >> stages << stages
        for name, value in self._named(kinds.DOUBLED) if stages else ():
            self._new[name] = mapped(value, lambda number: min(number, max(2, 2 * small >> stages)))

    def _shrink_blocks(self) -> None:
        sizes = self._shared.sizes
        for name, value in self._fields.items():
            if kinds.BLOCKS.fullmatch(name) and isinstance(value, list):
                count = LAYERS if sizes.counts else MAX_BLOCKS
                self._new[name] = small_blocks(value, sizes.width, count)

    def _shrink_heads(self) -> None:
        heads = self._named(kinds.HEADS, kinds.HEAD_DIM)
        maximum = max((value for _, value in heads if isinstance(value, int)), default=0)
        width = main_width({**self._fields, **self._new})
        fitting = (number for number in range(HEADS, 0, -1) if width % (2 * number) == 0)  # halves rotate
        count = next(fitting, 1)
        if not self._shared.sizes.head_dims and not self._named(kinds.HEAD_DIM):
            count = max(1, min(count, width * maximum // max(main_width(self._fields), 1)))
        for name, value in heads:
            if isinstance(value, list):
                last = max(max(numbers(value)), 8)  # heads of stages double: 3, 6, 12, 24 become 1, 2, 4, 8
                stages = len({*numbers(value)}) > 1
                self._new[name] = [max(1, n * 8 // last) if stages else min(n, count) for n in value]
            elif value > 2:
                self._new[name] = count if 2 * value > maximum else max(1, count // 2)
        for name, value in self._named(kinds.HEAD_GROUPS):
            self._new[name] = mapped(value, lambda number: min(number, count))
        if not self._shared.sizes.head_dims:
            return
        scale = self._head_scale()
        for name, value in self._named(kinds.HEAD_DIM):
            self._new[name] = mapped(value, lambda number: _scaled(number, scale))
        for name in ("rope_scaling", "rope_parameters"):
            rope = self._fields.get(name)
            if isinstance(rope, dict) and isinstance(rope.get("mrope_section"), list):
                section = [max(1, round(part / scale)) for part in rope["mrope_section"]]
                self._new[name] = rope | {"mrope_section": section}

    def _head_scale(self) -> float:
        """By what the width of heads is divided."""
        now = {**self._fields, **self._new}
        hidden = next((name for name in kinds.MAIN_NAMES if isinstance(now.get(name), int)), None)
        others = (name for name, value in named(now, kinds.HEADS, kinds.HEAD_DIM) if isinstance(value, int))
        counted = (name for name in (*HEAD_NAMES, *others) if isinstance(now.get(name), int))
        heads = next((name for name in counted if now[name] > 0), None)
        if hidden is None or heads is None:
            return 8.0
        implied = self._fields[hidden] // self._fields[heads]
        own = next((now[n] for n in ("head_dim", "d_kv", "d_head") if isinstance(now.get(n), int)), implied)
        expansions = {1, *(value for _, value in named(now, kinds.EXPANSION) if isinstance(value, int))}
        wider = next((times for times in expansions if own == times * implied), None)
        small = wider * now[hidden] // now[heads] if wider else HEAD_DIM
        return max(float(own) / max(small, 1), 1.0)

    def _shrink_vocabulary(self) -> None:
        before = kinds.vocabulary(self._fields) or self._shared.vocabulary
        self._limit(kinds.VOCABULARY, VOCABULARY)
        if before <= VOCABULARY:
            return
        ids = self._shared.ids

        def token(old: int) -> int:
            if old < VOCABULARY - SPARE_IDS:
                return old
            return ids.setdefault(old, VOCABULARY - 1 - len(ids) % SPARE_IDS)

        for name, value in self._named(kinds.ID):
            moved = mapped(value, token)
            self._new[name] = list(dict.fromkeys(moved)) if value == numbers(value) else moved


def _scaled(number: int, scale: float) -> int:
    return max(min(number, 2), 2 * round(number / scale / 2))


def _is_of_indices(name: str, value: list[Any]) -> bool:
    """Whether it is a list of some of the layers, in order."""
    return (
        bool(kinds.INDICES.fullmatch(name)) and bool(numbers(value)) and value == sorted(set(numbers(value)))
    )


def _is_by_layer(value: Any) -> bool:
    """Whether it is an object whose names are indices of layers."""
    return isinstance(value, dict) and bool(value) and all(str(key).isdecimal() for key in value)
