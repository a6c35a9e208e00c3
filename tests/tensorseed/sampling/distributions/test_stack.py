"""Stacks of matrices: preparations and costs of what a range touches."""

from __future__ import annotations

import numpy as np
import pytest

from tensorseed.concurrency.cancellation import ComputationCancelledError, cancellable
from tensorseed.sampling.distributions import Axis, KernelCentre, Orthogonal, Stack
from tensorseed.sampling.distributions.base import Elements
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.sampling.philox import Stream
from tests.tensorseed.draws import bits, numbers

FLOAT32 = DTYPES["float32"]
STREAM = Stream(5, "stack")
THIN = Stack(Orthogonal(40, 3, 1.0), 6)  # 120 elements each


def keys(first: int, count: int, span: int = 0) -> list[int]:
    """The numbers of the matrices that are prepared for elements."""
    known = {STREAM.part(number).key(): number for number in range(6)}
    return [known[one.key] for one in THIN.preparations(STREAM, Elements(first, count, 1, span))]


def test_what_a_range_touches_is_prepared() -> None:
    assert keys(0, 1) == keys(119, 1) == [0]
    assert keys(119, 2) == [0, 1]
    assert keys(240, 480) == [2, 3, 4, 5]
    assert keys(10, 5, 500) == [0, 1, 2, 3, 4]
    assert not [*Stack(Orthogonal(4, 3, 1.0), 6).preparations(STREAM, Elements(0, 9))]


def test_a_preparation_counts_with_the_first_element_of_its_matrix() -> None:
    one = THIN.preparation_seconds

    def counted(first: int, count: int, begins: bool = False) -> float:
        return THIN.preparing_seconds(Elements(first, count), begins=begins) / one

    assert counted(0, 720, begins=True) == 6
    assert counted(5, 720, begins=True) == 6
    assert counted(5, 100) == 0
    assert counted(5, 200) == 1
    assert counted(120, 120) == 1
    assert THIN.preparing_seconds(Elements(0, 720), begins=True, longest=one / 2) == 0
    assert THIN.seconds(FLOAT32, Elements(0, 720)) > 5 * THIN.seconds(FLOAT32, Elements(0, 120))


def test_matrices_are_independent() -> None:
    whole = numbers(Stack(Orthogonal(3, 3, 2.0), 4), FLOAT32, 36).reshape(4, 3, 3)
    for matrix in whole:
        assert np.allclose(matrix @ matrix.T, 4 * np.eye(3), atol=1e-5)
    assert len({matrix.tobytes() for matrix in whole}) == 4


def test_a_stack_of_many_is_given_up() -> None:
    many = Stack(Orthogonal(2, 2, 1.0), 1 << 40)
    for what in (many, KernelCentre(many, (Axis(1, 1 << 40), Axis(1 << 41, 2), Axis(1 << 40, 2)))):
        with cancellable(lambda: True), pytest.raises(ComputationCancelledError):
            bits(what, FLOAT32, 100)
    at = 4 * (1 << 39)
    assert np.array_equal(bits(many, FLOAT32, 6, first=at)[2:], bits(many, FLOAT32, 4, first=at + 2))
