"""Memory limit of a server: refusal, then service; a short `make soak`."""

from __future__ import annotations

from tools.soak.memory import starve


def test_what_needs_too_much_is_refused_and_nothing_is_lost() -> None:
    starved = starve(2)
    assert starved.borne, starved
