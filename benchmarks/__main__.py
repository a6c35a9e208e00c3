"""Measure side by side, print a table and write it as JSON."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path

from benchmarks.effort import FULL, QUICK, Effort
from benchmarks.machine import machine
from benchmarks.results import LATEST, write
from benchmarks.rows import Curve, Row
from benchmarks.table import HEADER, line, summary

SECTIONS = (  # a module and its function, each of this name
    "generation",
    "kernels",
    "matrices",
    "in_process",
    "sharding",
    "exports",
    "planning",
    "evaluating",
    "sweeping",
    "many_tensors",
    "repositories",
    "ranges",
    "starting",
    "rates",
    "serving",
    "fairness",
    "contention",
    "processes",
    "memory",
    "losses",
    "growth",
)


def main(arguments: list[str] | None = None) -> None:
    """Run the sections in turn."""
    options = parse(arguments)
    effort = QUICK if options.quick else FULL
    facts = {"machine": machine(), "quick": options.quick, "started": time.strftime("%Y-%m-%dT%H:%M:%SZ")}
    print(", ".join(f"{name} {value}" for name, value in machine().items()))
    print(f"\n{HEADER}", flush=True)
    sections: dict[str, list[Row]] = {}
    for name in options.sections or SECTIONS:
        sections[name] = []
        for row in rows_of(name, effort):
            print(line(row), flush=True)
            sections[name].append(row)
        write(options.output, facts, sections)
    rows = [row for part in sections.values() for row in part]
    print(f"\n{summary(rows)}. Written to {options.output}.")
    if any(isinstance(row, Curve) for row in rows):
        print("`python -m benchmarks.curves` draws the curves of the latest run into docs/growth.svg.")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"of: {', '.join(SECTIONS)}; default all"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that everything runs")
    parser.add_argument("--output", type=Path, default=LATEST, help="the JSON file to write")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"no section {', '.join(unknown)}: choose from {', '.join(SECTIONS)}")
    return options


def rows_of(section: str, effort: Effort) -> Iterable[Row]:
    """The rows of a section, one by one as they are measured. Its module is imported only now."""
    measure: Callable[[Effort], Iterable[Row]] = getattr(import_module(f"benchmarks.{section}"), section)
    return measure(effort)


if __name__ == "__main__":
    main()
