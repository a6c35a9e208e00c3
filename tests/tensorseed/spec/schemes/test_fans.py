"""Fans and gains, against torch."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.spec.schemes.fans import NONLINEARITIES, Axes, Fans, fans, gain


@given(st.lists(st.integers(1, 7), min_size=2, max_size=5))
def test_fans_are_torchs(shape: list[int]) -> None:
    expected = torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))
    assert fans(shape) == Fans(*expected)


def test_fans_along_other_axes() -> None:
    assert fans((3, 5, 16, 32), Axes((2,), (3,))) == Fans(16 * 15, 32 * 15)


@pytest.mark.parametrize("shape", [(), (3,)])
def test_no_fans_below_two_dimensions(shape: tuple[int, ...]) -> None:
    assert fans(shape) is None


@pytest.mark.parametrize("nonlinearity", NONLINEARITIES)
@pytest.mark.parametrize("slope", [0.0, 0.01, math.sqrt(5), -3.0])
def test_gain_is_torchs(nonlinearity: str, slope: float) -> None:
    assert gain(nonlinearity, slope) == torch.nn.init.calculate_gain(nonlinearity, slope)


def test_gain_of_something_else() -> None:
    with pytest.raises(ValueError, match="valid are linear"):
        gain("gelu")
    with pytest.raises(ValueError, match="overflows"):
        gain("leaky_relu", 1e200)
