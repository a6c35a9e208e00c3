"""Run every fault at full length and print a table: `make soak`. Ends with 1 if one was borne badly."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.soak import crowds, hosts, proxies
from tools.soak.downloads import tear, tear_behind_proxy


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
    fault = "one of 2 replicas behind nginx killed while streaming"
    if proxies.executable() is None:
        yield Row(fault, "left out: nginx is not installed", True)
        return
    count = max(2, round(10 * scale))
    torn = tear_behind_proxy(count)
    result = (
        f"{count} times: {torn.torn} cut short and resumed by Range, {torn.right} of {count} digests right"
    )
    yield Row(fault, result, torn.right == count)


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


def _row(fault: str, seen: crowds.Crowd) -> Row:
    before, during, after = (f"{held / (1 << 20):,.0f}" for held in (seen.before, seen.during, seen.after))
    result = (
        f"{seen.dropped} dropped by the server, others served meanwhile "
        f"(/healthz within {seen.slowest:.2f} s), "
        f"memory {before} MiB before, {during} during, {after} after"
    )
    return Row(fault, result, seen.right and seen.settled)


PARTS = {"downloads": downloads, "proxy": proxy, "crowd": crowd, "host": host}


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
