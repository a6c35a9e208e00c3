"""Weights in a notebook: a table of the tensors, with a picture of each."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tensorseed.html_table import MAX_ROWS, Column, Html, cell, table, to_html
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.spec.names import fold

MAX_TENSORS = 20_000  # of a table, in which tensors that are alike share a row
MAX_PICTURES = 24
MAX_PARTS = 4  # of an init that is described
BINS = 32
WIDTH, HEIGHT = 3 * BINS, 22  # pixels
_COLOUR = "#1886b0"  # reads well on white and on black
_ZERO = "rgba(128,128,128,0.9)"
_RANGE = re.compile(r"\{([0-9]+)\.\.([0-9]+)\}")

PlanRow = Mapping[str, Any]  # of a plan's `tensors`
Values = npt.NDArray[np.floating[Any]]


class Group(NamedTuple):
    """Tensors that differ only in integers of their names: the folded name, the first, and how many."""

    name: str
    copies: int
    first: PlanRow

    @property
    def nbytes(self) -> int:
        """The bytes of all of them."""
        return self.copies * math.prod(self.first["shape"]) * DTYPES[self.first["dtype"]].itemsize


def tensors_table(
    rows: Sequence[PlanRow], count: int, caption: str, sample: Callable[[str], Values | None]
) -> Html:
    """Return the table of a file of `count` tensors, of which `rows` are the first.

    `sample` returns some values of a tensor, or None for one without a picture.
    """
    groups = sorted_groups(rows)
    shown = groups[:MAX_ROWS]
    pictures = [_picture(sample(group.first["name"])) for group in shown[:MAX_PICTURES]]
    pictures += [Html("")] * (len(shown) - len(pictures))
    columns: list[tuple[Column, Sequence[str]]] = [
        (Column("name"), [cell(group.name) for group in shown]),
        (Column("tensors", numeric=True), [f"{group.copies:,}" for group in shown]),
        (Column("shape"), [" × ".join(map(str, group.first["shape"])) or "a number" for group in shown]),
        (Column("dtype"), [group.first["dtype"] for group in shown]),
        (Column("init"), [cell(describe_init(group.first["init"])) for group in shown]),
        (Column("mean", numeric=True), [_number(group.first["mean"]) for group in shown]),
        (Column("std", numeric=True), [_number(group.first["std"]) for group in shown]),
        (Column("bytes", numeric=True), [f"{group.nbytes:,}" for group in shown]),
        (Column("first values"), pictures),
    ]
    left_out = {"tensors"} if all(group.copies == 1 for group in shown) else set()
    left_out |= set() if any(pictures) else {"first values"}
    left_out |= {column.title for column, texts in columns if shown and not any(texts)}
    chosen = [column for column in columns if column[0].title not in left_out]
    left = count - sum(group.copies for group in shown)
    note = f"and {counted(left, 'more tensor')}" if left else ""
    texts = [list(row) for row in zip(*(texts for _, texts in chosen), strict=True)]
    return table([column for column, _ in chosen], texts, caption, note)


def sorted_groups(rows: Sequence[PlanRow]) -> list[Group]:
    """Group tensors of equal shape, dtype and init, and fold their names, in the order of the rows."""
    ranks = {row["name"]: place for place, row in enumerate(rows)}
    alike: dict[str, dict[str, PlanRow]] = {}
    for row in rows:
        key = repr([row[field] for field in ("dtype", "shape", "init", "mean", "std")])
        alike.setdefault(key, {})[row["name"]] = row
    groups = [group for named in alike.values() for group in _folded(named)]
    return sorted(groups, key=lambda group: ranks[group.first["name"]])


def _folded(named: Mapping[str, PlanRow]) -> Iterator[Group]:
    for name in fold(named):
        count = math.prod(int(high) - int(low) + 1 for low, high in _RANGE.findall(name))
        yield Group(name, count, named[_RANGE.sub(r"\1", name)])


def counted(count: int, noun: str) -> str:
    """Write a number of things.

    >>> counted(1, "tensor"), counted(2_000, "tensor")
    ('1 tensor', '2,000 tensors')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def known_row(name: str, dtype: str, shape: Sequence[int]) -> PlanRow:
    """Return what is known of a tensor without a plan."""
    return {"name": name, "dtype": dtype, "shape": shape, "init": {}, "mean": None, "std": None}


def describe_init(init: Mapping[str, Any]) -> str:
    """Describe an init as a call.

    >>> describe_init({"kind": "normal", "mean": 0.0, "std": 0.02})
    'normal(mean=0, std=0.02)'
    >>> describe_init({"kind": "parts", "parts": [{"size": 64, "init": "eye", "repeat": 3}]})
    'parts(3 × 64: eye)'
    """
    if init.get("kind") == "parts":
        return _describe_parts(init)
    arguments = ", ".join(
        f"{name}={_argument(value)}" for name, value in init.items() if name != "kind" and value is not None
    )
    return f"{init['kind']}({arguments})" if arguments else str(init.get("kind", ""))


def _describe_parts(init: Mapping[str, Any]) -> str:
    """The lengths of the parts, those alike once, with their inits."""
    axis = f"axis={init['axis']}, " if init.get("axis") else ""
    texts = [_describe_part(part) for part in init["parts"][:MAX_PARTS]]
    return f"parts({axis}{', '.join(texts)}{', …' if len(init['parts']) > MAX_PARTS else ''})"


def _describe_part(part: Mapping[str, Any]) -> str:
    init = part["init"]
    repeat, copies = part.get("repeat", 1), part.get("copies", 1)
    text = init if isinstance(init, str) else describe_init(init)
    times = f"{repeat} × " if repeat > 1 else ""
    return f"{times}{part['size']}: {text}{f' in {copies} copies' if copies > 1 else ''}"


def _argument(value: object) -> str:
    if isinstance(value, list):
        return "…"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}".replace("-", "−")


def _picture(values: Values | None) -> Html:
    """The histogram of some values, over the range that they take; a grey line marks 0."""
    if values is None or not values.size or not np.isfinite(values).all():
        return Html("")
    low, high = float(values.min()), float(values.max())
    if not low < high:
        return Html("")
    counts, _ = np.histogram(values.astype(np.float64), BINS, (low, high))
    heights = np.round(counts / counts.max() * HEIGHT, 1)
    step = WIDTH // BINS
    bars = "".join(f"V{HEIGHT - height:g}h{step}" for height in heights)
    words = to_html(f"the first {values.size:,} values, from {_number(low)} to {_number(high)}")
    zero = ""
    if low < 0 < high:
        at = f"{WIDTH * -low / (high - low):.1f}"
        zero = f'<path d="M{at} 0V{HEIGHT}" stroke="{_ZERO}" stroke-dasharray="2" />'
    return Html(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'style="vertical-align:middle"><title>{words}</title>'
        f'<path d="M0 {HEIGHT}{bars}V{HEIGHT}Z" fill="{_COLOUR}" />{zero}</svg>'
    )
