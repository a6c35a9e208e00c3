"""Effort of a run: full, or quick to show that everything works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """Sizes and counts of every section."""

    elements: int  # of a generated tensor
    rounds: int  # of a comparison that takes a second or so
    file_bytes: int  # of a download
    downloads: int  # rounds of downloads
    seconds: float  # of one measurement of a rate
    requests: int  # of one measurement of a latency


FULL = Effort(1 << 26, 5, 4 << 30, 3, 2.0, 300)
QUICK = Effort(1 << 22, 2, 256 << 20, 2, 0.5, 40)
