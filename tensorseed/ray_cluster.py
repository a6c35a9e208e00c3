"""Connection of this process to a Ray cluster."""

from __future__ import annotations

import os
from collections.abc import Mapping

from tensorseed.concurrency.interrupts import keeping_handlers
from tensorseed.errors import TensorseedError

PROBE_SECONDS = 5.0  # in which an address answers; Ray itself would try for more than a minute
LOCAL = "local"  # an address that starts Ray on this machine
AUTO = "auto"  # that of RAY_ADDRESS, or of a cluster of this machine

# RFC 9113, 3.4: what a client of HTTP/2 sends first, and the type of the frame that a server does
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
_HEAD_BYTES, _TYPE, _SETTINGS = 9, 3, 4


class ClusterError(TensorseedError):
    """A cluster that does not answer, or has other versions. The message says what to do."""


def connect(address: str) -> int:
    """Connect to the cluster at `address` unless this process is, and return its cores.

    SIGINT and SIGTERM keep their effects, which Ray changes.

    Raises:
        ClusterError: none answers.
        ImportError: ray is not installed.
    """
    import logging

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if not ray.is_initialized():
        _probe(os.environ.get("RAY_ADDRESS", AUTO) if address == AUTO else address)
        try:
            with keeping_handlers():
                ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            raise _unanswered(address, str(error).partition("\n")[0].partition(". ")[0]) from None
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return max(1, int(resources.get("CPU", 1)))


def versions(*packages: str) -> dict[str, str]:
    """The versions of packages in this process."""
    from importlib.metadata import version

    return {name: version(name) for name in packages}


def check_versions(theirs: Mapping[str, str], ours: Mapping[str, str]) -> None:
    """Raise ClusterError if a worker has other versions than the process that sends it work."""
    if theirs != ours:
        found = " and ".join(f"{name} {theirs.get(name, '?')}" for name in ours)
        wanted = " and ".join(f"{name} {of}" for name, of in ours.items())
        raise ClusterError(f"the cluster has {found}, and this process {wanted}: install the same there")


def cluster_error(error: Exception, what: str, *, extra: str) -> TensorseedError:
    """The error to raise for a failure of `ray.get`: that of the task, or a sentence with what to do.

    `what` failed, such as a task of Ray. `extra` is the installation that every node needs.
    """
    cause = getattr(error, "cause", None)  # of a RayTaskError: what the task raised
    if isinstance(cause, TensorseedError):
        return cause
    if isinstance(cause, ImportError | AttributeError):
        reason = f"{what} failed ({type(cause).__name__})"
        return ClusterError(f"{reason}: every node needs {extra}, in the version of this process")
    lines = str(error).strip().splitlines()
    reason = type(cause).__name__ if cause is not None else (lines[0] if lines else type(error).__name__)
    return ClusterError(f"{what} failed ({reason}): the same command goes on from here")


def _unanswered(address: str, reason: str) -> ClusterError:
    return ClusterError(
        f"no Ray cluster answers at {address} ({reason}): start one with ray start --head, correct --ray, "
        "or set RAY_AUTH_MODE=token for one that wants a token"
    )


def _probe(address: str) -> None:
    """Check that a server of HTTP/2, as Ray's are, is at an address with a port.

    Raises:
        ClusterError: there is none.
    """
    import socket
    import time

    deadline = time.monotonic() + PROBE_SECONDS
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 0xFFFF:
        return
    try:
        with socket.create_connection((host.strip("[]"), int(port)), PROBE_SECONDS) as connection:
            if os.environ.get("RAY_USE_TLS", "0") not in ("", "0"):
                return
            connection.sendall(_PREFACE)
            head = b""
            while len(head) < _HEAD_BYTES:
                connection.settimeout(max(deadline - time.monotonic(), 1e-3))  # 0 would not wait at all
                more = connection.recv(_HEAD_BYTES - len(head))
                if not more:
                    break
                head += more
    except UnicodeError:  # of a host such as two dots
        raise _unanswered(address, "no such host") from None
    except OSError as error:
        raise _unanswered(address, (error.strerror or "no answer in time").lower()) from None
    if len(head) < _HEAD_BYTES or head[_TYPE] != _SETTINGS:
        raise _unanswered(address, "another server is there")
