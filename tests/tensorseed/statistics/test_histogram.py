"""Histograms against numpy's, and at the ends of the dtypes' ranges."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tensorseed.errors import TensorError
from tensorseed.statistics.histogram import histogram, rounded

from .tensors import tensor_of


def test_it_is_numpys_with_the_exact_density_and_moments() -> None:
    tensor, source = tensor_of([64, 128], {"kind": "normal", "std": 0.02})
    drawn = np.empty(tensor.numel, np.float32)
    source.fill(tensor, 0, drawn)
    wide = drawn.astype(np.float64)
    found = histogram(tensor, source, 16)
    counts, edges = np.histogram(wide, 16)
    assert np.array_equal(found.counts, counts)
    assert found.edges == pytest.approx(edges)
    assert found.density == pytest.approx(
        np.exp(-((found.edges / 0.02) ** 2) / 2) / (0.02 * math.sqrt(2 * math.pi)), rel=1e-8
    )
    assert (found.mean, found.std, found.support, found.masses) == (0.0, 0.02, (-math.inf, math.inf), ())
    sample = found.sample
    assert (sample.count, sample.of, sample.below, sample.above, sample.nonfinite) == (8_192, 8_192, 0, 0, 0)
    assert (sample.min, sample.max) == (wide.min(), wide.max())
    assert (sample.mean, sample.std) == (rounded(wide.mean()), rounded(wide.std()))


def test_an_interval_leaves_elements_outside() -> None:
    tensor, source = tensor_of([1_000], "normal")
    found = histogram(tensor, source, 4, (-1.0, 0.5))
    assert found.edges.tolist() == [-1.0, -0.625, -0.25, 0.125, 0.5]
    assert found.sample.below > 0 < found.sample.above
    assert found.counts.sum() + found.sample.below + found.sample.above == 1_000


@pytest.mark.parametrize(
    ("init", "dtype", "edges"),
    [
        ({"kind": "constant", "value": 3.0}, "float32", (1.5, 4.5)),
        ("zeros", "float32", (-0.5, 0.5)),
        ("ones", "bool", (0.5, 1.5)),
        ({"kind": "constant", "value": 7}, "int64", (3.5, 10.5)),
        ({"kind": "constant", "value": 1.7e308}, "float64", (8.5e307, 1.7976931348623157e308)),
        ({"kind": "uniform", "a": 1.0, "b": 1.0000000000000002}, "float64", (0.5, 1.5)),
        ({"kind": "uniform", "a": -1.7e308, "b": 0.0}, "float64", None),
    ],
    ids=str,
)
def test_edges_increase_whatever_the_numbers(
    init: Any, dtype: str, edges: tuple[float, float] | None
) -> None:
    tensor, source = tensor_of([50], init, dtype=dtype)
    found = histogram(tensor, source, 8)
    assert np.isfinite(found.edges).all()
    assert (np.diff(found.edges / 16) > 0).all()
    assert found.counts.sum() == 50
    if edges is not None:
        assert (found.edges[0], found.edges[-1]) == pytest.approx(edges)


def test_elements_that_overflow_their_dtype_are_counted_apart() -> None:
    tensor, source = tensor_of([1_000], {"kind": "normal", "std": 60_000.0}, dtype="float16")
    found = histogram(tensor, source)
    assert found.sample.nonfinite > 0
    assert found.counts.sum() + found.sample.nonfinite == 1_000
    assert found.sample.max is not None
    assert found.sample.max <= 65_504


def test_a_tensor_without_elements_has_empty_bins() -> None:
    tensor, source = tensor_of([0], "normal")
    found = histogram(tensor, source, 2)
    assert found.counts.tolist() == [0, 0]
    assert (found.mean, found.density, found.sample.mean, found.sample.min) == (None, None, None, None)


def test_zeros_among_draws_are_a_mass() -> None:
    tensor, source = tensor_of([64, 64], {"kind": "sparse", "sparsity": 0.25})
    found = histogram(tensor, source)
    assert found.masses is not None
    assert [(mass.value, mass.mass) for mass in found.masses] == [(0.0, 0.25)]


@pytest.mark.parametrize("bins", [0, 1_025])
def test_bins_are_bounded(bins: int) -> None:
    tensor, source = tensor_of([4], "normal")
    with pytest.raises(TensorError, match="from 1 to 1,024"):
        histogram(tensor, source, bins)


@pytest.mark.parametrize("interval", [(1.0, 1.0), (2.0, 1.0), (0.0, math.inf), (math.nan, 1.0)])
def test_an_interval_has_two_finite_ends(interval: tuple[float, float]) -> None:
    tensor, source = tensor_of([4], "normal")
    with pytest.raises(TensorError, match="a lower and a higher finite end"):
        histogram(tensor, source, 4, interval)
