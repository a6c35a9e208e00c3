"""Decays and powers against torch, in any slice."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from tensorseed.errors import SpecError
from tensorseed.files.virtual_file import open_file
from tensorseed.sampling.distributions.curves import Decay, Power
from tests.tensorseed.spec.test_spec import parse, tensor

RATES = [0.7, 0.04, 0.0, 300.0]
STEPS = {
    "past": lambda row, column, rows: row + 1,
    "future": lambda row, column, rows: rows - 1 - row,
    "between": lambda row, column, rows: row - column,
}


def elements(shape: list[int], init: Any, dtype: str = "float32") -> torch.Tensor:
    file = open_file(parse(tensor(shape=shape, init=init, dtype=dtype)))
    (entry,) = file.entries()
    content = torch.frombuffer(
        bytearray(file.read(entry.start, entry.stop).tobytes()), dtype=getattr(torch, dtype)
    )
    return content.reshape(shape)


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float8_e4m3fn"])
@pytest.mark.parametrize("distance", STEPS)
def test_decays(distance: str, dtype: str) -> None:
    shape = [2, 4, 9, 5]
    steps = torch.tensor(
        [[STEPS[distance](row, column, 9) for column in range(5)] for row in range(9)], dtype=torch.float64
    )
    rates = torch.tensor(RATES, dtype=torch.float64)[:, None, None]
    expected = torch.where(steps < 0, 0.0, torch.exp(-rates * steps.clamp(min=0))).expand(shape)
    found = elements(shape, {"kind": "decay", "rates": RATES, "distance": distance}, dtype)
    if dtype == "float64":
        torch.testing.assert_close(found, expected, rtol=1e-14, atol=1e-300)
    else:
        assert torch.equal(found.float(), expected.float().to(found.dtype).float())


@pytest.mark.parametrize("exponent", [0.001, 0.7, 1.0, 2.5, 1000.0])
def test_powers(exponent: float) -> None:
    found = elements([3, 500], {"kind": "power", "a": -5, "b": 3, "exponent": exponent}, "float64")
    expected = -5 + 8 * torch.linspace(0, 1, 500, dtype=torch.float64) ** exponent
    torch.testing.assert_close(found, expected.expand(3, 500), rtol=0, atol=2e-14)
    assert found[:, [0, -1]].tolist() == [[-5.0, 3.0]] * 3
    assert torch.equal(
        elements([2, 1], {"kind": "power", "a": 0.5, "exponent": exponent}), torch.full((2, 1), 0.5)
    )


@pytest.mark.parametrize(
    ("shape", "init"),
    [
        ([2, 3, 40, 50], {"kind": "decay", "rates": [0.5, 0.1, 0.02], "distance": "between"}),
        ([3, 90_000, 1], {"kind": "decay", "rates": [1e-5, 1e-4, 0.0]}),
        ([70_001], {"kind": "power", "exponent": 0.3}),
    ],
)
def test_a_range_is_a_part_of_the_whole(shape: list[int], init: Any) -> None:
    file = open_file(parse(tensor(shape=shape, init=init)))
    whole = file.read(0, file.size).tobytes()
    for start, stop in product((0, 1_001, 4_999), (5_000, file.size)):
        assert file.read(start, stop).tobytes() == whole[start:stop]


@pytest.mark.parametrize(
    ("shape", "init", "words"),
    [
        ([3, 4], {"kind": "decay", "rates": [1]}, "at least three dimensions: heads, rows and columns"),
        (
            [3, 4, 1],
            {"kind": "decay", "rates": [1]},
            "rates has 1 numbers, and axis 0 has 3 heads: give one for each",
        ),
        ([1, 4, 1], {"kind": "decay", "rates": [-1]}, "at least 0"),
        ([1, 4, 1], {"kind": "decay", "rates": [1], "distance": "near"}, "one of past, future, between"),
        ([], "power", "at least one dimension"),
        ([3], {"kind": "power", "a": -1.7e308, "b": 1.7e308}, "b − a overflows"),
        ([3], {"kind": "power", "exponent": 0}, "at least 0.001"),
    ],
)
def test_faults(shape: list[int], init: Any, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(tensor(shape=shape, init=init))
    assert words in caught.value.faults[0].detail


def test_the_largest_power_of_float32() -> None:
    with pytest.raises(SpecError):
        parse(tensor(shape=[3], init={"kind": "power", "b": 1e39}))
    assert np.isfinite(elements([3], {"kind": "power", "b": 3e38}).numpy()).all()


@pytest.mark.parametrize(
    ("rows", "columns", "rates"),
    [
        (40, 7, (0.3, 0.0)),
        (65_536, 1, (1.0,) * 64),
        (30_000, 50, (0.0, 1e-9, 2e-5, 0.001, 0.7, 300.0)),
        (70_000, 20_000, (1e-4,)),
        (20_000, 60_000, (0.0, 1e-6, 0.01)),
        (8_192, 3, (5.0,) * 512 + (1e-3,) * 512),
    ],
)
@pytest.mark.parametrize("distance", STEPS)
def test_moments_of_decays(rows: int, columns: int, rates: tuple[float, ...], distance: Any) -> None:
    found = Decay(rates, rows, columns, distance).mean_and_variance((len(rates), rows, columns))
    steps, counts = np.arange(rows, dtype=np.float64), np.ones(rows)
    if distance == "past":
        steps += 1
    elif distance == "between":
        counts = np.minimum(rows - steps, columns) / columns
    means = [np.mean([(np.exp(-k * rate * steps) * counts).mean() for rate in rates]) for k in (1, 2)]
    assert found == pytest.approx((means[0], means[1] - means[0] ** 2), rel=2e-4)


@pytest.mark.parametrize("exponent", [0.001, 0.7, 2.5, 1000.0, 30_000.0])
@pytest.mark.parametrize("size", [1, 2, 300, 20_000, 2_000_000])
def test_moments_of_powers(size: int, exponent: float) -> None:
    power = Power(size, 1.0, -2.0, exponent)
    values = power.curve(np.arange(size))
    assert power.mean_and_variance((size,)) == pytest.approx((values.mean(), values.var()), rel=2e-4)


@pytest.mark.parametrize(
    ("rates", "distance", "equal"),
    [
        ((0.0, 0.0), "past", [True, True, True, True]),
        ((0.0, 0.0), "future", [True, True, True, True]),
        ((0.0, 0.0), "between", [True, True, False, False]),
        ((0.5, 0.5), "past", [True, True, False, True]),
        ((0.0, 0.5), "past", [True, False, False, True]),
    ],
)
def test_slices_that_are_equal(rates: tuple[float, ...], distance: Any, equal: list[bool]) -> None:
    shape = (2, 2, 3, 4)
    found = Decay(rates, 3, 4, distance)
    assert [found.has_equal_slices(shape, axis) for axis in range(4)] == equal
    drawn = elements([*shape], {"kind": "decay", "rates": [*rates], "distance": distance})
    for axis in range(4):
        assert bool((drawn == drawn.narrow(axis, 0, 1)).all()) == equal[axis]
