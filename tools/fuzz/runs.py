"""Long runs: a parser under atheris, or requests to a loopback server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tools.fuzz import campaign, malformed, wire
from tools.fuzz import framing as streams
from tools.fuzz.modesty import environment
from tools.fuzz.verdict import contract
from tools.soak.replicas import Replica, running

LEVEL = 96 << 20  # bytes that memory may have grown by, caches of specs and files included
LEAST, WARM = 500, 2_000
"""Requests before memory is looked at: what computes is loaded by the first that needs it."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run tells, and what is wrong, most often nothing."""

    told: str
    faults: Sequence[str] = ()


def parser(name: str, seconds: float, seed: int = 1) -> Run:
    """A target, guided by coverage."""
    if not campaign.is_available():
        return Run("left out: atheris is not installed")
    done = campaign.run(name, seconds, seed)
    return Run(str(done), [done.fault] if done.fault else [])


def grammar(requests: int, seed: int = 1) -> Run:
    """So many malformed requests, and those that turned out well."""

    def run(server: Replica) -> tuple[str, list[str]]:
        seen = _sent(server, requests, seed)
        return f"{seen.refused:,} refused of {seen.sent:,}", seen.faults

    return _served(run, requests)


def framing(count: int, seed: int = 1) -> Run:
    """So many streams of raw requests, read by h11 too."""
    statuses, faults = streams.run(count, seed)
    refused = statuses.total() - statuses[200]
    return Run(f"{refused:,} refused of {statuses.total():,} requests in {count:,} streams", faults)


def document(requests: int) -> Run:
    """schemathesis; of 10,000 requests and more every edge of every schema."""
    from tools.fuzz import conformance  # takes seconds to import

    def run(server: Replica) -> tuple[str, list[str]]:
        whole = requests >= 10_000
        seen = conformance.over_loopback(server.port, max(1, requests // 100), every_edge=whole)
        return f"{len(seen.operations)} operations, {seen.refused:,} refused of {seen.sent:,}", seen.faults

    return _served(run, requests)


def _sent(server: Replica, requests: int, seed: int) -> malformed.Seen:
    with wire.sender(server.port) as send:
        return malformed.send(contract(), send, requests, seed)


def _served(run: Callable[[Replica], tuple[str, list[str]]], requests: int) -> Run:
    """Run it with a server that has been warmed up, and see whether memory returns to its level."""
    server = Replica(**environment())
    with running(server):
        faults = list(_sent(server, min(max(requests, LEAST), WARM), 0).faults)
        before = server.resident()
        told, found = run(server)
        after = server.resident()
    faults += found
    if after > before + LEVEL:
        faults.append(f"memory grew from {before:,} to {after:,} bytes")
    return Run(f"{told}, memory {before >> 20:,} MiB before, {after >> 20:,} after", faults)
