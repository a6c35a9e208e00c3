"""Functions of uniform draws: accuracy, bounds, and slices."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tensorseed.sampling.distributions import (
    InverseSoftplusLogUniform,
    LogOfUniform,
    LogUniform,
    RealGatedLru,
)
from tensorseed.sampling.distributions import transformed as module
from tensorseed.sampling.distributions.transformed import TransformedUniform, exp, inverse_softplus, log
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.sampling.executors.compiled import CompiledExecutor
from tensorseed.sampling.executors.tensor import TensorExecutor
from tensorseed.sampling.philox import Stream
from tensorseed.sampling.transforms64 import minus_two_log

STREAM = Stream(7, "dt_bias")
DISTRIBUTIONS: list[TransformedUniform] = [
    LogUniform(0.001, 0.1),
    LogOfUniform(0.01, 16.0),
    InverseSoftplusLogUniform(0.001, 0.1, 1e-6),
    InverseSoftplusLogUniform(1e-6, 600.0, 0.5),
    RealGatedLru(0.81, 0.998),
]


def numbers() -> np.ndarray:
    """Positive numbers of all sizes, among them those beside 1."""
    spread = np.exp(np.random.default_rng(1).uniform(-690, 690, 10_000))
    return np.concatenate([spread, np.nextafter(1.0, [0.0, 2.0]), [1.0, 0.5, 2.0]])


def test_log_is_that_of_the_normal_draws() -> None:
    found = minus_two_log(torch.from_numpy(numbers())).numpy() * -0.5
    assert np.array_equal(log(numbers()), found)


def test_log_and_exp_are_accurate() -> None:
    assert np.allclose(log(numbers()), np.log(numbers()), rtol=1e-15, atol=0)
    exponents = np.random.default_rng(2).uniform(-700, 700, 10_000)
    assert np.allclose(exp(exponents), np.exp(exponents), rtol=3e-15, atol=0)


@pytest.mark.parametrize("y", [1e-6, 1e-3, 0.1, 1.0, 40.0, 600.0])
def test_the_softplus_of_its_inverse(y: float) -> None:
    (x,) = inverse_softplus(np.array([y]))
    assert np.logaddexp(0.0, x) == pytest.approx(y, rel=1e-9)


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float8_e4m3fn"])
@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=repr)
def test_slices_equal_the_whole(
    distribution: TransformedUniform, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, executor = DTYPES[dtype], CompiledExecutor()
    whole, part, other = np.empty(200, kind.storage), np.empty(90, kind.storage), np.empty(200, kind.storage)
    executor.fill(distribution, kind, STREAM, 0, whole)
    monkeypatch.setattr(module, "TILE", 32)
    executor.fill(distribution, kind, STREAM, 51, part)
    assert np.array_equal(part, whole[51:141])
    indices = np.random.default_rng(3).permutation(200)[:90]
    executor.gather(distribution, kind, STREAM, indices, part)
    assert np.array_equal(part, whole[indices])
    TensorExecutor().fill(distribution, kind, STREAM, 0, other)
    assert np.array_equal(other, whole)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=repr)
def test_elements_lie_between_those_of_the_ends(distribution: TransformedUniform) -> None:
    drawn = np.empty(10_000)
    CompiledExecutor().fill(distribution, DTYPES["float64"], STREAM, 0, drawn)
    assert min(distribution.ends) <= drawn.min()
    assert drawn.max() <= max(distribution.ends)
    found = distribution.magnitudes((1,))
    assert np.abs(drawn).max() <= found.bound
    assert drawn.std() == pytest.approx(found.std, rel=0.05)


def test_a_step_is_never_beyond_its_bounds() -> None:
    steps = LogUniform(0.001, 0.1)
    first, last = steps.transform(np.array([steps.base.low, steps.base.high]))
    assert 0.001 <= first <= last <= 0.1


def test_narrow_dtypes_refuse_what_overflows() -> None:
    with pytest.raises(ValueError, match="overflow float32"):
        LogUniform(1.0, 1e300).check(DTYPES["float16"])
    LogUniform(1.0, 1e300).check(DTYPES["float64"])
