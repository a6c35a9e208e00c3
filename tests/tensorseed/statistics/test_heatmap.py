"""Heat maps: which elements they show."""

from __future__ import annotations

import numpy as np
import pytest

from tensorseed.errors import TensorError
from tensorseed.statistics.heatmap import HeatMap, View, heatmap, select_grid
from tensorseed.statistics.selection import MAX_SECONDS

from .tensors import tensor_of


def shown(
    shape: list[int], rows: int, columns: int, view: View, dtype: str = "float32"
) -> tuple[HeatMap, np.ndarray]:
    """The heat map of a tensor of normal numbers, and all of them as a matrix."""
    tensor, source = tensor_of(shape, "normal", dtype=dtype)
    found = heatmap(tensor, source, select_grid(tensor, rows, columns, view))
    whole = np.empty(tensor.numel, np.float32)
    source.fill(tensor, 0, whole)
    return found, whole.reshape(found.matrix)


@pytest.mark.parametrize(
    ("shape", "matrix"),
    [([], (1, 1)), ([5], (1, 5)), ([6, 7], (6, 7)), ([6, 7, 2, 3], (6, 42)), ([0, 3], (0, 3))],
)
def test_a_tensor_is_a_matrix_of_its_first_dimension(shape: list[int], matrix: tuple[int, int]) -> None:
    found, whole = shown(shape, 64, 64, "corner")
    assert found.matrix == matrix
    assert np.array_equal(found.values, whole)


def test_a_corner_is_the_first_rows_and_columns() -> None:
    found, whole = shown([90, 100], 5, 7, "corner")
    assert (found.rows.tolist(), found.columns.tolist()) == ([*range(5)], [*range(7)])
    assert np.array_equal(found.values, whole[:5, :7])
    assert (found.min, found.max) == (whole[:5, :7].min(), whole[:5, :7].max())


def test_the_whole_is_rows_and_columns_from_the_first_to_the_last() -> None:
    found, whole = shown([90, 100], 4, 3, "whole")
    assert (found.rows.tolist(), found.columns.tolist()) == ([0, 29, 59, 89], [0, 49, 99])
    assert np.array_equal(found.values, whole[np.ix_(found.rows, found.columns)])
    assert shown([90, 100], 1, 1, "whole")[0].values.tolist() == [[whole[0, 0]]]


def test_dear_elements_are_fewer() -> None:
    tensor, _ = tensor_of([2_048, 2_048], "orthogonal")
    grid = select_grid(tensor, 256, 256, "whole")
    assert tensor.distribution.seconds(tensor.dtype, grid.elements) <= MAX_SECONDS
    assert 1 <= grid.rows.size < 256


def test_elements_that_overflow_are_shown_and_bound_nothing() -> None:
    tensor, source = tensor_of([100], {"kind": "normal", "std": 60_000.0}, dtype="float16")
    found = heatmap(tensor, source, select_grid(tensor, 1, 100))
    assert np.isinf(found.values).any()
    assert found.max is not None
    assert found.max <= 65_504


@pytest.mark.parametrize(("rows", "columns"), [(0, 4), (4, 257)])
def test_sides_are_bounded(rows: int, columns: int) -> None:
    tensor, _ = tensor_of([4, 4], "normal")
    with pytest.raises(TensorError, match="from 1 to 256"):
        select_grid(tensor, rows, columns)


def test_an_unknown_view_is_refused() -> None:
    tensor, _ = tensor_of([4, 4], "normal")
    with pytest.raises(TensorError, match="view is corner or whole"):
        select_grid(tensor, 4, 4, "middle")  # type: ignore[arg-type]
