"""Information: against the definitions, in every base."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.errors import LossError
from tensorseed.losses import evaluate, read_loss
from tensorseed.spec.limits import Limits

BASES: list[Any] = [2, 10, "e"]


def compute(name: str, **document: Any) -> torch.Tensor:
    return evaluate(read_loss(name, {"dtype": "float64", **document}, Limits())).loss


def distribution(weights: list[float]) -> list[float]:
    return [weight / math.fsum(weights) for weight in weights]


def log(x: float, base: Any) -> float:
    return math.log(x) / (1 if base == "e" else math.log(base))


WEIGHTS = st.lists(st.floats(0.01, 100), min_size=4, max_size=4).map(distribution)


@given(WEIGHTS, st.sampled_from(BASES))
def test_entropy_is_the_mean_self_information(p: list[float], base: Any) -> None:
    each = compute("self_information", input=p, base=base, reduction="none").tolist()
    assert each == pytest.approx([-log(x, base) for x in p], abs=1e-12)
    entropy = compute("entropy", input=p, base=base).item()
    assert entropy == pytest.approx(math.fsum(x * y for x, y in zip(p, each, strict=True)), abs=1e-12)
    assert 0 <= entropy <= log(4, base) + 1e-12


@given(WEIGHTS, WEIGHTS, st.sampled_from(BASES))
def test_cross_entropy_is_entropy_and_divergence(p: list[float], q: list[float], base: Any) -> None:
    cross = compute("cross_entropy_of_distributions", input=q, target=p, base=base).item()
    divergence = math.fsum(a * log(a / b, base) for a, b in zip(p, q, strict=True))
    assert cross == pytest.approx(compute("entropy", input=p, base=base).item() + divergence, abs=1e-9)
    assert divergence > -1e-12


def test_a_certain_outcome_tells_nothing() -> None:
    for base in BASES:
        for name in ("self_information", "entropy"):
            value = compute(name, input=[1.0], base=base)
            assert value == 0
            assert not value.signbit()
    assert compute("entropy", input=[1.0, 0.0, 0.0]) == 0
    assert compute("self_information", input=[0.0]) == math.inf


def test_bits_and_digits_are_exact() -> None:
    assert compute("self_information", input=[0.5, 0.125], base=2, reduction="none").tolist() == [1, 3]
    assert compute("self_information", input=[0.1, 0.001], base=10, reduction="none").tolist() == [1, 3]
    for n in range(1, 8):
        uniform = [2.0**-n] * 2**n
        assert compute("entropy", input=uniform, base=2) == n
        assert compute("cross_entropy_of_distributions", input=uniform, target=uniform, base=2) == n


def test_what_is_impossible_costs_nothing_unless_it_happens() -> None:
    cross = "cross_entropy_of_distributions"
    assert compute(cross, input=[0.0, 1.0], target=[0.0, 1.0]) == 0
    assert compute(cross, input=[0.0, 1.0], target=[0.5, 0.5]) == math.inf


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_reductions(reduction: str) -> None:
    p = [[[0.5, 0.5], [0.25, 0.75]]]
    each = torch.tensor(
        [[math.log(2), -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))]], dtype=torch.float64
    )
    expected = {"none": each, "mean": each.mean(), "sum": each.sum()}[reduction]
    result = evaluate(
        read_loss("entropy", {"input": p, "reduction": reduction, "dtype": "float64"}, Limits())
    )
    torch.testing.assert_close(result.loss, expected)
    assert result.denominator == {"none": None, "mean": 2.0, "sum": 1.0}[reduction]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_dtypes(dtype: str) -> None:
    p = [0.3, 0.3, 0.4]
    result = evaluate(read_loss("entropy", {"input": p, "dtype": dtype, "gradients": ["input"]}, Limits()))
    assert str(result.loss.dtype) == f"torch.{dtype}"
    assert result.loss.item() == pytest.approx(-math.fsum(x * math.log(x) for x in p), rel=0.02)
    expected = [-math.log(x) - 1 for x in p]
    assert result.gradients["input"].tolist() == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    ("name", "document", "pointer", "words"),
    [
        ("self_information", {"input": [0.5, 1.5]}, "/input/1", "from 0 to 1: this is 1.5"),
        ("self_information", {"input": ["NaN"]}, "/input/0", "from 0 to 1: this is NaN"),
        ("entropy", {"input": [[0.5, 0.5], [0.5, 0.6]]}, "/input/1", "within 0.001: this one sums to 1.1"),
        ("entropy", {"input": [0.5, 0.6], "dtype": "float16"}, "/input", "within 0.01"),
        ("entropy", {"input": 1.0}, "/input", "no outcomes"),
        ("entropy", {"input": [[]]}, "/input", "no outcomes"),
        ("entropy", {"input": [1.5, -0.5]}, "/input/0", "from 0 to 1"),
        ("entropy", {"input": [1], "base": 3}, "/base", "must be one of 2, 10, e"),
        (
            "cross_entropy_of_distributions",
            {"input": [0.5, 0.5], "target": [[0.5, 0.5]]},
            "/target",
            "(1, 2) and input the shape (2,)",
        ),
        ("cross_entropy_of_distributions", {"input": [0.5, 0.5], "target": [0.5, 0.4]}, "/target", "0.9"),
    ],
)
def test_faults(name: str, document: dict[str, Any], pointer: str, words: str) -> None:
    with pytest.raises(LossError) as caught:
        read_loss(name, document, Limits())
    (fault,) = caught.value.faults
    assert fault.pointer == pointer
    assert words in fault.detail
