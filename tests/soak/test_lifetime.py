"""Long life of a server: a short run of `make soak`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tools.soak.lifetime import KINDS, Request, live


@pytest.mark.parametrize("name", KINDS)
def test_memory_reaches_a_level(name: str) -> None:
    life = live(60, KINDS[name])
    assert life.settled, life


@pytest.mark.parametrize("request_of", KINDS.values(), ids=list(KINDS))
def test_no_two_requests_are_equal(request_of: Callable[[int], Request]) -> None:
    assert len({str(request_of(number)) for number in range(2_000)}) == 2_000
