"""Retries with exponential backoff and jitter."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tensorseed.client.errors import NetworkError

TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
MAX_RETRY_AFTER_SECONDS = 300.0


class TransientError(Exception):
    """A failure that another attempt may not have; `retry_after` is the wait that the server demands.

    `status` and `type` are those of the server's answer, if it gave one. `unreached` says that no connection
    was made at all.
    """

    def __init__(
        self,
        detail: str,
        retry_after: float | None = None,
        status: int | None = None,
        kind: str | None = None,
        *,
        unreached: bool = False,
    ) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        self.status = status
        self.type = kind
        self.unreached = unreached

    def final(self, remedy: str) -> NetworkError:
        """Return the error of a failure that no attempt is left for."""
        detail = None if self.status is None else str(self)
        return NetworkError(f"{self}: {remedy}").of_answer(self.status, self.type, detail)


class Backoff:
    """Counts consecutive failures and waits longer after each: `first` seconds, doubled up to `longest`.

    Half of each wait is random, so that clients that failed together do not return together.
    """

    def __init__(self, attempts: int, first: float = 0.5, longest: float = 30.0) -> None:
        self._attempts = attempts
        self._first = first
        self._longest = longest
        self.failures = 0

    def succeeded(self) -> None:
        """Reset the count, since bytes have arrived."""
        self.failures = 0

    def failed(self) -> bool:
        """Count a failure and return whether another attempt is due."""
        self.failures += 1
        return self.failures < self._attempts

    async def wait(self, retry_after: float | None = None) -> None:
        """Wait before the next attempt, and at least as long as the server demands."""
        await asyncio.sleep(max(self.seconds(), min(retry_after or 0.0, MAX_RETRY_AFTER_SECONDS)))

    def seconds(self) -> float:
        """Return the wait after this many failures."""
        most = min(self._first * 2.0 ** (self.failures - 1), self._longest)
        return most * random.uniform(0.5, 1.0)  # noqa: S311


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After field (RFC 9110, section 10.2.3), a number or a date."""
    field = headers.get("retry-after", "").strip()
    if field.isascii() and field.isdigit():
        return float(field[:9])
    with suppress(ValueError, TypeError, OverflowError):
        then = parsedate_to_datetime(field)
        then = then if then.tzinfo else then.replace(tzinfo=UTC)
        return max(0.0, (then - datetime.now(UTC)).total_seconds())
    return None
