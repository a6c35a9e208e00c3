"""Fair service among waiting and slow clients: a short `make soak`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tools.soak.crowds import Crowd, half_heads, slow_readers


@pytest.mark.parametrize("crowd", [half_heads, slow_readers])
def test_others_are_served_and_memory_returns(crowd: Callable[[int, float], Crowd]) -> None:
    seen = crowd(40, 3.0)
    assert seen.right
    assert seen.settled
