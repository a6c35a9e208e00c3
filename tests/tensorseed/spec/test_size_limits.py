"""Shapes that are too large, and the argument to blame."""

from __future__ import annotations

from typing import Any

import pytest

from tensorseed.sampling.dtypes import DTYPES
from tensorseed.spec.limits import Limits
from tensorseed.spec.size_limits import ShapeError, check_shape, oversized_argument


@pytest.mark.parametrize(
    ("arguments", "shape", "path"),
    [
        ({"inputs": 6, "outputs": 8}, (8, 6), ("outputs",)),
        ({"hidden": 8, "dilation": 10**6}, (32, 3), ("hidden",)),
        ({"kernel": (3, 5), "channels": 2}, (2, 3, 5), ("kernel", 1)),
        ({"part": {"size": 9}, "bias": True}, (9,), ("part", "size")),
        ({"one": 1, "none": 0}, (0, 1), ()),
        ({}, (7,), ()),
    ],
)
def test_the_largest_argument_that_a_dimension_is_made_of(
    arguments: dict[str, Any], shape: tuple[int, ...], path: tuple[str | int, ...]
) -> None:
    assert oversized_argument(arguments, shape) == path


def test_a_shape_has_fewer_than_2_to_the_63_bytes() -> None:
    check_shape((2**60,), DTYPES["float32"], Limits())
    check_shape((2**62, 0), DTYPES["float8_e5m2"], Limits())
    for shape in ((2**61,), (2**31, 2**30), (0, 2**61)):
        with pytest.raises(ShapeError, match="overflow") as caught:
            check_shape(shape, DTYPES["float32"], Limits())
        assert caught.value.shape == shape


def test_a_shape_has_a_limited_rank() -> None:
    check_shape((1, 1), DTYPES["float32"], Limits(dimensions=2))
    with pytest.raises(ShapeError, match="at most 2 dimensions"):
        check_shape((1, 1, 1), DTYPES["float32"], Limits(dimensions=2))
