"""Report of an initialisation: tensors, their inits, and what was left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from tensorseed.html_table import Column, cell, table, to_html
from tensorseed.spec.canonical import init_value
from tensorseed.spec.names import fold
from tensorseed.spec.resolved import ResolvedTensor
from tensorseed.weights.display import counted, describe_init

MAX_SHOWN = 20  # rows of a printed table

_NUMERIC = frozenset(("mean", "std"))
_COLUMNS = ("name", "shape", "dtype", "init", "by", "mean", "std", "tied")


class Row(NamedTuple):
    """One drawn tensor: `init` as a spec has it, `by` says what decided it, `tied` are its other names.

    `mean` and `std` are those of the distribution, None for a tensor without elements.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    init: str | dict[str, Any]
    by: str
    mean: float | None
    std: float | None
    tied: tuple[str, ...]

    def texts(self) -> tuple[str, ...]:
        """The cells of a table."""
        shape = "×".join(map(str, self.shape)) or "()"
        numbers = ("" if number is None else f"{number:.4g}" for number in (self.mean, self.std))
        init = self.init if isinstance(self.init, str) else describe_init(self.init)
        return (self.name, shape, self.dtype, init, self.by, *numbers, ", ".join(self.tied))


class InitReport(Sequence[Row]):
    """The rows of an initialisation, in the order of the state dict.

    `left` are the names of the buffers that were left as they are, since their modules compute them.
    `computed` are those that were computed anew. `unused_rules` are the indices of the rules that decided
    nothing.
    """

    def __init__(
        self,
        seed: int,
        drawn: Sequence[ResolvedTensor],
        sources: Sequence[int | str],
        ties: Mapping[str, str],
        *,
        left: Sequence[str] = (),
        computed: Sequence[str] = (),
        unused_rules: Mapping[int, str] | None = None,
    ) -> None:
        """`sources` decided the tensors, a rule by its index; `ties` lead from other names to their first."""
        self.seed = seed
        self.left = tuple(left)
        self.computed = tuple(computed)
        self._drawn = drawn
        self._sources = sources
        self._ties = ties
        self._unused = dict(unused_rules or {})

    @property
    def unused_rules(self) -> tuple[int, ...]:
        """The indices of the rules that decided no tensor."""
        return tuple(self._unused)

    @property
    def ties(self) -> dict[str, str]:
        """The other names of tied tensors, each with the name by which the tensor is drawn."""
        return dict(self._ties)

    @cached_property
    def _others(self) -> dict[str, list[str]]:
        others: dict[str, list[str]] = {}
        for other, first in self._ties.items():
            others.setdefault(first, []).append(other)
        return others

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {tensor.name: position for position, tensor in enumerate(self._drawn)}

    def _row(self, index: int) -> Row:
        tensor, source = self._drawn[index], self._sources[index]
        by = f"rule {source}" if isinstance(source, int) else source
        moments = tensor.distribution.moments(tensor.shape)
        mean, std = (None, None) if moments is None else moments
        init = init_value(tensor.scheme)
        tied = tuple(self._others.get(tensor.name, ()))
        return Row(tensor.name, tensor.shape, tensor.dtype.name, init, by, mean, std, tied)

    def __getitem__(self, index: Any) -> Any:
        """The row at an index, or of a name, or the rows of a slice.

        Raises:
            KeyError: no tensor of that name was drawn.
            IndexError: there are fewer rows.
        """
        if isinstance(index, str):
            return self._row(self._positions[self._ties.get(index, index)])
        if isinstance(index, slice):
            return [self._row(position) for position in range(len(self))[index]]
        return self._row(range(len(self))[index])

    def __iter__(self) -> Iterator[Row]:
        return map(self._row, range(len(self)))

    def __len__(self) -> int:
        return len(self._drawn)

    def _heading(self) -> str:
        numbers = sum(tensor.numel for tensor in self._drawn)
        return f"{counted(len(self), 'tensor')} with {counted(numbers, 'number')}, seed {self.seed}"

    def _notes(self) -> Iterator[str]:
        if len(self) > MAX_SHOWN:
            yield f"… and {len(self) - MAX_SHOWN:,} more"
        if self.left:
            yield f"left as they are, since their modules compute them: {_listed(self.left)}"
        if self.computed:
            yield f"computed: {_listed(self.computed)}"
        for index, rule in self._unused.items():
            yield f"rule {index}, {rule}, decided no tensor"

    def _shown(self) -> list[tuple[str, ...]]:
        """The cells of the first rows under their names, without empty columns."""
        rows = [_COLUMNS, *(row.texts() for row in self[:MAX_SHOWN])]
        columns = [column for column in zip(*rows, strict=True) if any(column[1:])]
        return [*zip(*columns, strict=True)]

    def __repr__(self) -> str:
        shown = self._shown()
        widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) for cells in shown
        ]
        return "\n".join([self._heading(), *map(str.rstrip, lines), *self._notes()])

    def _repr_html_(self) -> str:
        """The table in a notebook."""
        titles, *rows = self._shown() or [()]
        columns = [Column(title, title in _NUMERIC) for title in titles]
        body = [[cell(text) for text in row] for row in rows]
        notes = "".join(f"<p>{to_html(note)}</p>" for note in self._notes())
        return f"{table(columns, body, self._heading())}{notes}"


def _listed(names: Sequence[str]) -> str:
    folded = fold(names)
    more = f" and {len(folded) - MAX_SHOWN:,} more" if len(folded) > MAX_SHOWN else ""
    return ", ".join(folded[:MAX_SHOWN]) + more
