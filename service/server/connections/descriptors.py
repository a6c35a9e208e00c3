"""File descriptors: the raised limit, the reserve, and its shortage."""

from __future__ import annotations

import logging
import sys

RESERVED = 32  # for files and pipes, and for connections that are told of the shortage
LEAST = 8  # of them that such connections leave
MAX_LIMIT = 1 << 20  # what Linux allows without a change of fs.nr_open
LOG_SECONDS = 10.0

_log = logging.getLogger(__name__)

if sys.platform != "win32":
    import resource

    def limit() -> int:
        """The number of descriptors that this process may have."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return sys.maxsize if soft == resource.RLIM_INFINITY else soft

    def raise_limit(connections: int) -> None:
        """Raise the soft limit to the hard one, for this process and those it starts.

        It warns of a limit below so many connections.
        """
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = MAX_LIMIT if hard == resource.RLIM_INFINITY else min(hard, MAX_LIMIT)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        if limit() < connections + RESERVED:
            _log.warning(
                "%d file descriptors are too few for the %d connections that the settings allow: "
                "raise the limit, for example by ulimit -n %d",
                *(limit(), connections, 1 << (connections + RESERVED).bit_length()),
            )

else:

    def limit() -> int:
        """The number of descriptors that this process may have."""
        return sys.maxsize

    def raise_limit(connections: int) -> None:
        """Do nothing: Windows limits no descriptors of sockets."""


def spare(descriptor: int) -> int:
    """The descriptors that were free when this one was given out: the system gives the lowest."""
    return limit() - descriptor - 1


class Shortage:
    """The connections that a process refuses since its descriptors run short."""

    def __init__(self) -> None:
        self._refused = 0
        self._logged: float | None = None

    def record(self, now: float) -> None:
        """Count a connection, and log the count once in `LOG_SECONDS`."""
        self._refused += 1
        if self._logged is not None and now - self._logged < LOG_SECONDS:
            return
        _log.warning(
            "file descriptors run short: connections are refused, %d since the start: "
            "raise the limit of %d, for example by ulimit -n %d",
            *(self._refused, limit(), 4 * limit()),
        )
        self._logged = now
