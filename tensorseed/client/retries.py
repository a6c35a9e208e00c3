"""How long to wait before asking again, and for how many times in a row."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""The statuses that may be others at the next attempt."""

MOST_WAIT = 300.0  # seconds that a server may ask us to wait


class Backoff:
    """Counts failures in a row and waits longer after each: `first` seconds, twice that, up to `longest`.

    A half of each wait is drawn at random, so that clients that failed together do not come back together.
    """

    def __init__(self, attempts: int, first: float = 0.5, longest: float = 30.0) -> None:
        self._attempts = attempts
        self._first = first
        self._longest = longest
        self.failures = 0

    def succeeded(self) -> None:
        """Something was received: what fails from now on is a first failure again."""
        self.failures = 0

    def failed(self) -> bool:
        """Count a failure; whether another attempt is due."""
        self.failures += 1
        return self.failures < self._attempts

    async def wait(self, asked: float | None = None) -> None:
        """Wait for the next attempt, and at least as long as the server asked."""
        await asyncio.sleep(max(self.seconds(), min(asked or 0.0, MOST_WAIT)))

    def seconds(self) -> float:
        """How long to wait after this many failures."""
        most = min(self._first * 2.0 ** (self.failures - 1), self._longest)
        return most * random.uniform(0.5, 1.0)  # noqa: S311


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that a Retry-After field asks for (RFC 9110, section 10.2.3), as a number or as a date."""
    field = headers.get("retry-after", "").strip()
    if field.isascii() and field.isdigit():
        return float(field[:9])
    with suppress(ValueError, TypeError):
        then = parsedate_to_datetime(field)
        then = then if then.tzinfo else then.replace(tzinfo=UTC)
        return max(0.0, (then - datetime.now(UTC)).total_seconds())
    return None
