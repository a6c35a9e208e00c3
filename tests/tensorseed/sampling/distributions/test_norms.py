"""Norms of slices: their tensor, the order of sums, and ranges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tensorseed.sampling.distributions import Normal, Uniform, WeightNorm
from tensorseed.sampling.distributions import norms as module
from tensorseed.sampling.distributions.norms import BLOCK, tree_sum
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.sampling.executors.compiled import CompiledExecutor
from tensorseed.sampling.executors.tensor import TensorExecutor
from tensorseed.sampling.low_precision import decode
from tensorseed.sampling.philox import Stream

STREAM = Stream(7, "a.b.original0")
SHAPES = [(1, 6, 700), (1500, 6, 1), (30, 6, 50), (1, 1, 40), (1, 6, 1)]


def directions(base: Uniform | Normal, dtype: str, shape: tuple[int, int, int]) -> np.ndarray:
    kind = DTYPES[dtype]
    stored = np.empty(math.prod(shape), kind.storage)
    CompiledExecutor().fill(base, kind, Stream(7, "a.b.v"), 0, stored)
    return decode(stored, kind).reshape(shape)


@pytest.mark.parametrize("base", [Uniform(-0.3, 0.5), Normal(0.1, 2.0)], ids=repr)
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_they_are_the_norms_of_the_tensor_beside(
    base: Uniform | Normal, dtype: str, shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, norms = DTYPES[dtype], WeightNorm(base, "v", *shape)
    whole = np.empty(shape[1], kind.storage)
    CompiledExecutor().fill(norms, kind, STREAM, 0, whole)
    expected = np.sqrt((directions(base, dtype, shape) ** 2).sum(axis=(0, 2)))
    assert decode(whole, kind) == pytest.approx(expected, rel=2.0**-7 if dtype == "bfloat16" else 1e-6)
    other = np.empty_like(whole)
    TensorExecutor().fill(norms, kind, STREAM, 0, other)
    assert np.array_equal(other, whole)
    monkeypatch.setattr(module, "LANES", 2)
    part = np.empty(shape[1] // 2, kind.storage)
    CompiledExecutor().fill(norms, kind, STREAM, shape[1] - part.size, part)
    assert np.array_equal(part, whole[shape[1] - part.size :])
    chosen = np.arange(shape[1])[::-2].copy()
    part = np.empty(chosen.size, kind.storage)
    CompiledExecutor().gather(norms, kind, STREAM, chosen, part)
    assert np.array_equal(part, whole[chosen])


def test_the_order_of_a_sum_is_that_of_the_page() -> None:
    """By plain Python numbers."""

    def tree(terms: list[float]) -> float:
        terms = terms + [0.0] * ((1 << max(len(terms) - 1, 0).bit_length()) - len(terms))
        while len(terms) > 1:
            half = len(terms) // 2
            terms = [one + other for one, other in zip(terms[:half], terms[half:], strict=True)]
        return terms[0]

    base, terms = Normal(0.0, 1.0), 2 * BLOCK + 37
    squares = [x * x for x in directions(base, "float64", (1, 1, terms)).flatten().tolist()]
    total = 0.0
    for start in range(0, terms, BLOCK):
        total = total + tree(squares[start : start + BLOCK])
    found = np.empty(1)
    CompiledExecutor().fill(WeightNorm(base, "v", 1, 1, terms), DTYPES["float64"], STREAM, 0, found)
    assert found[0] == math.sqrt(total)
    assert tree_sum(np.array(squares[:1])).item() == squares[0]


@pytest.mark.parametrize("base", [Uniform(-0.3, 0.5), Normal(0.0, 2.0), Normal(1.0, 0.5)], ids=repr)
def test_moments(base: Uniform | Normal) -> None:
    norms = WeightNorm(base, "v", 1, 4_000, 60)
    found = np.empty(4_000)
    CompiledExecutor().fill(norms, DTYPES["float64"], STREAM, 0, found)
    mean, std = norms.moments((4_000, 1)) or (0.0, 0.0)
    assert found.mean() == pytest.approx(mean, abs=5 * std / 4_000**0.5)
    assert found.std() == pytest.approx(std, rel=0.06)
    assert found.max() <= norms.magnitudes((4_000, 1)).bound


def test_a_name_of_one_component() -> None:
    norms = WeightNorm(Normal(0.0, 1.0), "v", 1, 1, 9)
    found, expected = np.empty(1), np.empty(9)
    CompiledExecutor().fill(norms, DTYPES["float64"], Stream(3, "g"), 0, found)
    CompiledExecutor().fill(norms.base, DTYPES["float64"], Stream(3, "v"), 0, expected)
    assert found[0] == pytest.approx(np.linalg.norm(expected), rel=1e-15)


def test_norms_that_overflow_are_refused() -> None:
    with pytest.raises(ValueError, match="overflow"):
        WeightNorm(Normal(0.0, 3e36), "v", 1, 1, 1 << 20).check(DTYPES["float32"])
