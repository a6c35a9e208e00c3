"""A server that may take no more memory refuses, and goes on: a short run of what `make soak` does."""

from __future__ import annotations

from tools.soak.memory import starve


def test_what_needs_too_much_is_refused_and_nothing_is_lost() -> None:
    starved = starve(2)
    assert starved.borne, starved
