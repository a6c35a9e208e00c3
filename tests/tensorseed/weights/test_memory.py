"""Memory for arrays: shapes and alignment."""

from __future__ import annotations

import numpy as np
import pytest

from tensorseed.weights.memory import ALIGNMENT, HUGE_PAGE, MIN_HUGE_BYTES, allocate


@pytest.mark.parametrize(
    ("shape", "alignment"),
    [
        ((), ALIGNMENT),
        ((0, 3), ALIGNMENT),
        ((7, 5), ALIGNMENT),
        ((MIN_HUGE_BYTES // 4 - 1,), ALIGNMENT),
        ((MIN_HUGE_BYTES // 8, 2), HUGE_PAGE),
        ((MIN_HUGE_BYTES // 4 + 1,), HUGE_PAGE),
    ],
)
def test_an_array_is_aligned_by_its_size(shape: tuple[int, ...], alignment: int) -> None:
    for _ in range(3):
        array = allocate(shape, np.float32)
        assert (array.shape, array.dtype.name) == (shape, "float32")
        assert array.flags.c_contiguous
        assert array.flags.writeable
        assert array.ctypes.data % alignment == 0 or not array.size
        array[...] = 1
