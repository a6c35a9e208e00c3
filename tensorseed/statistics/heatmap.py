"""Heat map of a tensor as a matrix: a corner, or elements spread evenly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from tensorseed.errors import TensorError
from tensorseed.files.elements import ElementSource
from tensorseed.sampling.distributions.base import Elements, Indices, Numbers
from tensorseed.spec.resolved import ResolvedTensor
from tensorseed.statistics.selection import MAX_SECONDS, read_elements

SIDE = 64  # rows and columns, by default
MAX_SIDE = 256

View = Literal["corner", "whole"]
VIEWS: tuple[View, ...] = get_args(View)


@dataclass(frozen=True)
class HeatMap:
    """Elements of a tensor as a matrix of its first dimension and of all others together.

    A tensor of one dimension is a single row, as a number is a matrix of one element.

    Attributes:
        tensor: The tensor's name.
        dtype: torch's name of its dtype.
        shape: Its dimensions.
        matrix: The rows and columns of the whole matrix.
        view: corner: its first rows and columns. whole: rows and columns spread evenly over it.
        rows: The indices of the rows that are shown.
        columns: The indices of the columns that are shown.
        values: The exact elements (rows, columns): single ones, never means of several.
        min: The least finite one of them; None without one.
        max: The greatest finite one of them; None without one.
    """

    tensor: str
    dtype: str
    shape: tuple[int, ...]
    matrix: tuple[int, int]
    view: View
    rows: Indices
    columns: Indices
    values: Numbers
    min: float | None
    max: float | None


@dataclass(frozen=True)
class Grid:
    """The rows and columns of a matrix that a heat map shows."""

    matrix: tuple[int, int]
    view: View
    rows: Indices
    columns: Indices

    @property
    def indices(self) -> Indices:
        """The elements in the row-major tensor, row after row."""
        return (self.rows[:, None] * self.matrix[1] + self.columns).reshape(-1)

    @property
    def elements(self) -> Elements:
        """The elements, as costs and preparations are estimated by."""
        count = self.rows.size * self.columns.size
        if not count:
            return Elements(0, 0)
        first = int(self.rows[0]) * self.matrix[1] + int(self.columns[0])
        last = int(self.rows[-1]) * self.matrix[1] + int(self.columns[-1])
        neighbours = self.columns.size == int(self.columns[-1]) - int(self.columns[0]) + 1
        runs = self.rows.size if neighbours else count
        return Elements(first, count, runs, last + 1 - first)


def check_heatmap(rows: int, columns: int, view: str) -> None:
    """Check the size and the view of a heat map.

    Raises:
        TensorError: a side is none or over `MAX_SIDE`, or there is no such view.
    """
    for name, size in (("rows", rows), ("columns", columns)):
        if not 1 <= size <= MAX_SIDE:
            raise TensorError(f"{name} is a whole number from 1 to {MAX_SIDE}, and not {size:,}")
    if view not in VIEWS:
        raise TensorError(f"view is {' or '.join(VIEWS)}, and not {view}")


def select_grid(tensor: ResolvedTensor, rows: int = SIDE, columns: int = SIDE, view: View = "corner") -> Grid:
    """The rows and columns of a tensor's heat map: fewer where its elements are dear.

    Raises:
        TensorError: see `check_heatmap`.
    """
    check_heatmap(rows, columns, view)
    matrix = _matrix(tensor.shape)
    while True:
        grid = Grid(matrix, view, _places(matrix[0], rows, view), _places(matrix[1], columns, view))
        cost = tensor.distribution.seconds(tensor.dtype, grid.elements)
        if cost <= MAX_SECONDS or rows == columns == 1:
            return grid
        rows, columns = (max(1, rows // 2), columns) if rows >= columns else (rows, max(1, columns // 2))


def heatmap(tensor: ResolvedTensor, source: ElementSource, grid: Grid) -> HeatMap:
    """Compute the elements of a heat map.

    Raises:
        ComputationCancelledError: the computation of this thread is cancelled.
    """
    values = read_elements(tensor, grid.indices, source).reshape(grid.rows.size, grid.columns.size)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (None, None)
    return HeatMap(
        tensor.name,
        tensor.dtype.name,
        tensor.shape,
        grid.matrix,
        grid.view,
        grid.rows,
        grid.columns,
        values,
        low,
        high,
    )


def _matrix(shape: tuple[int, ...]) -> tuple[int, int]:
    """The rows and columns of a tensor as a matrix."""
    return (1, math.prod(shape)) if len(shape) < 2 else (shape[0], math.prod(shape[1:]))


def _places(size: int, most: int, view: View) -> Indices:
    """The indices that are shown along an axis; with `whole` the first and the last of them too."""
    count = min(size, most)
    if view == "corner" or count == size:
        return np.arange(count, dtype=np.int64)
    if count == 1:
        return np.zeros(1, np.int64)
    return np.array([place * (size - 1) // (count - 1) for place in range(count)], np.int64)
