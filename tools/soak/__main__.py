"""Run every fault at full length and print a table: `make soak`.

The exit status is 1 if a fault was handled badly.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks.contention import contention
from benchmarks.effort import FULL
from benchmarks.rows import Reading, digits
from service.settings import Settings
from tools.fuzz import runs
from tools.fuzz.targets import MODULES
from tools.soak import crowds, hosts, lifetime, proxies, suites
from tools.soak.downloads import tear, tear_behind_proxy
from tools.soak.memory import starve
from tools.soak.processes import kill_in_any_order
from tools.soak.sizing import fill


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    fault: str
    result: str
    borne: bool


def downloads(scale: float) -> Iterator[Row]:
    """Servers killed at random bytes."""
    count = max(2, round(50 * scale))
    torn = tear(count)
    result = f"{torn.torn} cut short and resumed at the other replica, {torn.right} of {count} digests right"
    yield Row(f"SIGKILL at a random byte of {count} downloads of 64 MiB", result, torn.right == count)


def proxy(scale: float) -> Iterator[Row]:
    """One of two replicas behind nginx killed."""
    fault = "of 2 replicas behind nginx, the one that streams 256 MiB killed at a random byte"
    if proxies.executable() is None:
        yield Row(fault, "left out: nginx is not installed", True)
        return
    count = max(2, round(10 * scale))
    for sliced, how in ((False, "streamed past the cache"), (True, "read in cached slices")):
        torn = tear_behind_proxy(count, sliced=sliced)
        result = f"{torn.torn} of {count} cut and resumed by Range, {torn.right} of {count} digests right"
        yield Row(f"{fault}, {how}", result, torn.right == count and (sliced or torn.torn == count))


def crowd(scale: float) -> Iterator[Row]:
    """Clients that wait, and clients that are slow."""
    seconds = max(3.0, 60 * scale)
    heads, slow = max(10, round(500 * scale)), max(10, round(200 * scale))
    half = crowds.half_heads(heads, seconds)
    yield _row(f"{heads} clients send half a head and wait {seconds:.0f} s", half)
    slowly = crowds.slow_readers(slow, seconds)
    yield _row(f"{slow} clients read 1 KiB a second of 16 GiB for {seconds:.0f} s", slowly)


def host(_: float) -> Iterator[Row]:
    """File systems and clocks."""
    expected = hosts.reference()
    cases: list[tuple[str, Callable[[Path], str]]] = [
        ("clock that jumps by up to 30 years at every look", lambda _: hosts.jumping())
    ]
    if hosts.namespaces():
        cases += [
            ("kernel cache on a read-only file system, empty", hosts.read_only),
            ("kernel cache on a full disk", hosts.full),
        ]
    else:
        yield Row(
            "read-only and full file system", "left out: this user may not have mounts of its own", True
        )
    for fault, serve in cases:
        with tempfile.TemporaryDirectory() as name:
            right = serve(Path(name) / "cache") == expected
        yield Row(fault, "starts, and the digest is right" if right else "the digest is WRONG", right)
    if hosts.namespaces():
        yield from _fetches()


def _fetches() -> Iterator[Row]:
    for fault, script in (("a read-only file system", hosts.READ_ONLY), ("a full disk", hosts.SMALL)):
        with tempfile.TemporaryDirectory() as name:
            told = hosts.fetched(script, Path(name) / "folder")
        result = "ends with the status of a disk at fault, and says so" if told else "ends OTHERWISE"
        yield Row(f"tensorseed fetch onto {fault}", result, told)


def workers(scale: float) -> Iterator[Row]:
    """Worker processes killed in any order."""
    seconds = max(3.0, 60 * scale)
    seen = kill_in_any_order(seconds)
    fault = f"worker processes killed in any order for {seconds:.0f} s, also while they start, then all"
    result = (
        f"{seen.kills} SIGKILLs, {seen.counted} counted; {seen.probes} probes answered, the slowest in "
        f"{seen.slowest:.1f} s; {seen.after_all:.1f} s with all killed at once"
    )
    yield Row(fault, result, seen.borne)


def memory(scale: float) -> Iterator[Row]:
    """What needs more memory than there is."""
    starved = starve(max(2, round(20 * scale)))
    before, after = (f"{held / (1 << 20):,.0f}" for held in (starved.before, starved.after))
    result = (
        f"{starved.refused} answered 503, {starved.served} modest ones in between answered well, "
        f"memory {before} MiB before, {after} after"
    )
    yield Row(f"{starved.asked} evaluations that need more memory than is left", result, starved.borne)


def contend(scale: float) -> Iterator[Row]:
    """Cheap work beside dear streams, as the benchmarks measure it."""
    effort = replace(FULL, seconds=max(1.0, FULL.seconds * scale))
    for reading in contention(effort):
        assert isinstance(reading, Reading)
        yield Row(reading.name, f"{digits(reading.value)} {reading.unit}", reading.met is not False)


def life(scale: float) -> Iterator[Row]:
    """Distinct requests of a kind, one after the other."""
    counts = dict(zip(lifetime.KINDS, (20_000, 5_000, 1_000, 2_000), strict=True))
    for kind, request in lifetime.KINDS.items():
        count = max(60, round(counts[kind] * scale))
        seen = lifetime.live(count, request)
        begun, half, ended = (f"{held / (1 << 20):,.0f}" for held in (seen.begun, seen.half, seen.ended))
        result = (
            f"{seen.right:,} answered well, memory {begun} MiB after a tenth of them, {half} after half, "
            f"{ended} in the end"
        )
        yield Row(f"{count:,} {kind}, no two equal", result, seen.settled)


def suite(_: float) -> Iterator[Row]:
    """Faults with tests of their own."""
    for fault, paths in suites.SUITES.items():
        outcome = suites.run(paths)
        result = (
            f"{outcome.passed} tests passed, {outcome.failed or 'none'} failed, {outcome.skipped} left out"
        )
        yield Row(fault, result, outcome.borne)


def size(scale: float) -> Iterator[Row]:
    """What fills every row of the sizing at once."""
    filled = fill(Settings.model_construct(), max(20.0, 300 * scale))
    held, most = (f"{nbytes / (1 << 20):,.0f}" for nbytes in (filled.peak, filled.most))
    counts = ", ".join(f"{count} answered {status}" for status, count in sorted(filled.statuses.items()))
    result = f"{held} MiB at most of the {most} of the table; {counts}; {filled.served} modest ones answered"
    yield Row("plans, files, losses, evaluations and streams that nobody reads", result, filled.borne)


def fuzz(scale: float) -> Iterator[Row]:
    """Requests and bytes that nobody should send."""
    count = max(100, round(10_000 * scale))
    cases: list[tuple[str, Callable[[], runs.Run]]] = [
        (f"{count:,} malformed requests of a grammar", lambda: runs.grammar(count)),
        (f"{count:,} streams of raw requests, read by h11 too", lambda: runs.framing(count)),
        ("schemathesis over the contract, every check", lambda: runs.document(count)),
    ]
    seconds = max(3.0, 60 * scale)
    cases += [
        (f"atheris over the parser of {name}, {seconds:.0f} s", partial(runs.parser, name, seconds))
        for name in MODULES
    ]
    for fault, run in cases:
        done = run()
        print(*done.faults, sep="\n\n", end="", file=sys.stderr)
        result = f"{done.told}, {len(done.faults) or 'none'} handled badly"
        yield Row(fault, result, not done.faults)


def _row(fault: str, seen: crowds.Crowd) -> Row:
    before, during, after = (f"{held / (1 << 20):,.0f}" for held in (seen.before, seen.during, seen.after))
    result = (
        f"{seen.dropped} dropped by the server, others served meanwhile "
        f"(/healthz within {seen.slowest:.2f} s), "
        f"memory {before} MiB before, {during} during, {after} after"
    )
    return Row(fault, result, seen.right and seen.settled)


PARTS = {
    "downloads": downloads,
    "proxy": proxy,
    "crowd": crowd,
    "host": host,
    "workers": workers,
    "memory": memory,
    "size": size,
    "contend": contend,
    "life": life,
    "suite": suite,
    "fuzz": fuzz,
}


def main() -> int:
    """Run what the arguments name; 0 if all was borne."""
    parser = argparse.ArgumentParser(prog="python -m tools.soak", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all if none")
    parser.add_argument("--scale", type=float, default=1.0, help="1 is full length")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}: choose of {', '.join(PARTS)}")
    borne = True
    print("| fault | result | borne |\n|---|---|---|")
    for part in arguments.parts or PARTS:
        for row in PARTS[part](arguments.scale):
            print(f"| {row.fault} | {row.result} | {'yes' if row.borne else 'NO'} |", flush=True)
            borne = borne and row.borne
    return 0 if borne else 1


if __name__ == "__main__":
    sys.exit(main())
