"""Fuzz one target and print the result; the status is 1 after a fault."""

from __future__ import annotations

import argparse
import sys

from tools.fuzz import runs
from tools.fuzz.targets import MODULES

PARTS = (*MODULES, "grammar", "framing", "document")


def main() -> int:
    """Run what the arguments name; 0 if all was well."""
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all if none")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each parser")
    parser.add_argument("--requests", type=int, default=10_000, help="malformed ones, or streams of them")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}: choose of {', '.join(PARTS)}")
    good = True
    for part in arguments.parts or PARTS:
        done = _run(part, arguments)
        print("\n".join((f"{part}: {done.told}", *done.faults)), flush=True)
        good = good and not done.faults
    return 0 if good else 1


def _run(part: str, arguments: argparse.Namespace) -> runs.Run:
    if part in MODULES:
        return runs.parser(part, arguments.seconds, arguments.seed)
    if part == "document":
        return runs.document(arguments.requests)
    if part == "framing":
        return runs.framing(arguments.requests, arguments.seed)
    return runs.grammar(arguments.requests, arguments.seed)


if __name__ == "__main__":
    sys.exit(main())
