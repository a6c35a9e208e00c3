"""Run of malformed requests of the grammar: counts and answers."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tools.fuzz.grammar import requests
from tools.fuzz.messages import Asked, Send
from tools.fuzz.verdict import Judge

ROUND = 250  # requests of one seed


@dataclass(slots=True)
class Seen:
    """The requests by status, and what was answered badly."""

    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """All requests."""
        return sum(self.statuses.values())

    @property
    def refused(self) -> int:
        """Those that were malformed, as the service sees it."""
        return sum(count for status, count in self.statuses.items() if status >= 400)


def send(document: dict[str, Any], sender: Send, refused: int, first: int = 0, most: int = 5) -> Seen:
    """Send requests until so many have been refused, or `most` faults are found; every answer is judged."""
    judge, seen = Judge(document), Seen()
    while seen.refused < refused and len(seen.faults) < most:
        _round(document, sender, judge, seen, first, min(ROUND, 2 * (refused - seen.refused)), most)
        first += 1
    return seen


def _round(
    document: dict[str, Any], sender: Send, judge: Judge, seen: Seen, number: int, examples: int, faults: int
) -> None:
    @seed(number)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(requests(document))
    def one(asked: Asked) -> None:
        if len(seen.faults) >= faults:
            return
        answer = sender(asked)
        seen.statuses[answer.status] += 1
        try:
            judge.check(asked, answer)
        except AssertionError as fault:
            seen.faults.append(str(fault))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of odd layers that are refused or answered
        one()
