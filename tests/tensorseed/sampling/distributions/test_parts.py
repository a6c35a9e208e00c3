"""Parts: each has the bits of a tensor of its own, in every slice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tensorseed.files.slices import Box
from tensorseed.sampling.distributions import Constant, Distribution, Normal, Orthogonal, Parts, Run, Sparse
from tensorseed.sampling.distributions.base import Elements
from tensorseed.sampling.distributions.parts import PART_SECONDS
from tensorseed.sampling.dtypes import DTYPES, DType
from tensorseed.sampling.executors.compiled import CompiledExecutor
from tensorseed.sampling.philox import Stream
from tests.tensorseed.draws import bits, executors

STREAM = Stream(42, "weight")
SHAPE = (6, 10, 7)
EXECUTORS = {"cpu": CompiledExecutor(), **dict(executors())}


def divided(axis: int, shape: tuple[int, ...] = SHAPE) -> Parts:
    """Runs of one part, of two, of copies, and of a constant, on an axis of 6, 10 or 7 places."""
    matrix = [size for at, size in enumerate(shape) if at != axis]
    drawn = {6: (1, 1, 2), 10: (1, 2, 4), 7: (2, 1, 2)}[shape[axis]]
    rows = drawn[1] if axis == 0 else matrix[0]
    columns = matrix[0] * matrix[1] * drawn[1] // rows
    return Parts(
        shape,
        axis,
        (
            Run(0, drawn[0], 1, 1, Normal(0.0, 1.0)),
            Run(drawn[0], drawn[1], 2, 1, Orthogonal(rows, columns, 1.5)),
            Run(drawn[0] + 2 * drawn[1], drawn[2], 1, 2, Normal(0.5, 2.0)),
            Run(
                drawn[0] + 2 * drawn[1] + drawn[2], shape[axis] - sum(drawn) - drawn[1], 1, 1, Constant(0.25)
            ),
        ),
    )


def composed(parts: Parts, dtype: DType) -> np.ndarray:
    """The tensor, part by part, each drawn as a whole under its own key."""
    stored = []
    for run in parts.runs:
        for number in range(run.repeat):
            shape = parts.drawn_shape(run)
            drawn = np.empty(int(np.prod(shape)), dtype.storage)
            own = Stream(42, "weight", (run.start + number * run.size,))
            CompiledExecutor().fill(run.base, dtype, own, 0, drawn)
            stored.append(np.repeat(drawn.reshape(shape), run.copies, axis=parts.axis))
    return np.concatenate(stored, axis=parts.axis)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("axis", range(3))
def test_a_part_is_a_tensor_of_its_own(axis: int, dtype: str, executor: str) -> None:
    parts, kind = divided(axis), DTYPES[dtype]
    whole = bits(parts, kind, 420, executor=EXECUTORS[executor])
    assert np.array_equal(whole, composed(parts, kind).reshape(-1))


@pytest.mark.parametrize("axis", range(3))
def test_every_range_and_selection_equals_the_whole(axis: int) -> None:
    parts, kind, executor = divided(axis), DTYPES["float32"], CompiledExecutor()
    whole = bits(parts, kind, 420)
    for first in range(0, 420, 13):
        for count in (1, 2, 17, 71, 150, 420 - first):
            found = bits(parts, kind, min(count, 420 - first), first=first)
            assert np.array_equal(found, whole[first : first + count])
    chosen = np.random.default_rng(0).integers(0, 420, 300)
    gathered = np.empty(300, kind.storage)
    executor.gather(parts, kind, STREAM, chosen, gathered)
    assert np.array_equal(gathered, whole[chosen])
    box = Box(SHAPE, (1, 2, 3), (4, 7, 2))
    runs = np.empty((28, 2), kind.storage)
    executor.fill_runs(parts, kind, STREAM, box.elements(0, 28, 2), runs)
    assert np.array_equal(runs.reshape(-1), whole[box.elements(0, 56)])


@pytest.mark.parametrize(("first", "count"), [(0, 30_000), (4_990, 20), (9_999, 10_003), (12_000, 1)])
def test_copies_of_long_slices_cost_no_whole_slice(first: int, count: int) -> None:
    drawn: list[int] = []

    class Counting(CompiledExecutor):
        def fill(self, distribution: Distribution, *rest: object) -> None:
            if isinstance(distribution, Normal):
                drawn.append(rest[-1].size)
            super().fill(distribution, *rest)

    parts = Parts((6, 5_000), 0, (Run(0, 6, 1, 3, Normal(0.0, 1.0)),))
    found = bits(parts, DTYPES["float32"], count, first=first, executor=Counting())
    assert np.array_equal(found, composed(parts, DTYPES["float32"]).reshape(-1)[first : first + count])
    assert sum(drawn) == count


def test_equal_parts_are_independent_and_copies_are_not() -> None:
    repeated = bits(Parts((4, 9), 0, (Run(0, 2, 2, 1, Normal(0, 1)),)), DTYPES["float32"], 36)
    assert not np.isin(repeated[:18], repeated[18:]).any()
    copied = bits(Parts((4, 9), 0, (Run(0, 4, 1, 2, Normal(0, 1)),)), DTYPES["float32"], 36).reshape(4, 9)
    assert np.array_equal(copied[0], copied[1])
    assert np.array_equal(copied[2], copied[3])
    assert not np.isin(copied[0], copied[2]).any()


def test_every_purpose_has_the_key_of_the_part() -> None:
    sparse = Sparse(30, 4, 9, 0.5)
    first, second = (
        bits(Parts((60, 4), 0, (Run(0, 30, 2, 1, sparse),)), DTYPES["float32"], 240) == 0
    ).reshape(2, 120)
    assert first.sum() == second.sum() == 36
    assert not np.array_equal(first, second)


def test_moments_are_those_of_the_mixture() -> None:
    parts = Parts((400, 500), 0, (Run(0, 100, 1, 1, Constant(3.0)), Run(100, 100, 3, 2, Normal(-1.0, 2.0))))
    moments = parts.moments(parts.shape)
    assert moments is not None
    mean, std = moments
    assert mean == pytest.approx(0.25 * 3 - 0.75)
    assert std == pytest.approx((0.25 * 9 + 0.75 * 5 - mean**2) ** 0.5)
    found = bits(parts, DTYPES["float32"], 200_000)
    assert found.mean() == pytest.approx(mean, abs=0.03)
    assert found.std() == pytest.approx(std, rel=0.02)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_pieces_of_a_tensor_cost_no_less_than_all_of_it(axis: int) -> None:
    runs = (Run(0, 100, 3, 1, Orthogonal(*((100, 400) if axis == 0 else (400, 100)), 1.0)),)
    parts = Parts((400, 400), axis, (*runs, Run(300, 100, 1, 1, Normal(0, 1))))
    whole = parts.seconds(DTYPES["float32"], Elements(0, 160_000))
    pieces = [parts.seconds(DTYPES["float32"], Elements(at, 10_000)) for at in range(0, 160_000, 10_000)]
    assert sum(pieces) > 0.99 * whole > 4 * PART_SECONDS
    gathered = parts.seconds(DTYPES["float32"], Elements(0, 4_000, 400))
    assert gathered > parts.seconds(DTYPES["float32"], Elements(0, 4_000))


def test_preparations_are_those_of_the_parts_that_are_read() -> None:
    parts = Parts((1_200, 30), 0, (Run(0, 400, 3, 1, Orthogonal(400, 30, 1.0)),))
    size = 400 * 30
    assert len([*parts.preparations(STREAM, Elements(0, 3 * size))]) == 3
    (one,) = parts.preparations(STREAM, Elements(size, size))
    assert one.key == STREAM.part(400).key()
    assert not one.is_done
    bits(parts, DTYPES["float32"], 1, first=size)
    assert one.is_done
    assert parts.preparation_seconds == one.seconds


def test_a_preparation_counts_where_its_part_begins() -> None:
    parts = Parts((1_200, 30), 0, (Run(0, 400, 3, 1, Orthogonal(400, 30, 1.0)),))
    one, size = parts.preparation_seconds, 400 * 30

    def seconds(first: int, count: int, **options: Any) -> float:
        return parts.preparing_seconds(Elements(first, count), begins=first == 0, **options) / one

    assert [round(seconds(0, 3 * size)), round(seconds(0, 10)), round(seconds(10, 10))] == [3, 1, 0]
    assert [round(seconds(10, size)), round(seconds(size, 1)), round(seconds(size + 1, 2 * size - 1))] == [
        1,
        1,
        1,
    ]
    assert seconds(0, 3 * size, longest=one / 2) == 0


def test_equal_slices() -> None:
    same = Parts((4, 9), 0, (Run(0, 4, 1, 4, Normal(0, 1)),))
    assert same.has_equal_slices((4, 9), 0)
    assert not same.has_equal_slices((4, 9), 1)
    mixed = Parts((4, 9), 0, (Run(0, 2, 1, 1, Constant(1.0)), Run(2, 2, 1, 1, Constant(2.0))))
    assert not mixed.has_equal_slices((4, 9), 0)
    assert mixed.has_equal_slices((4, 9), 1)
