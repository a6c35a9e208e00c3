"""Table of the benchmarks: a line for every kind of row."""

from __future__ import annotations

import pytest

from benchmarks.rows import Curve, Reading, Scale, Skipped, Target, compared
from benchmarks.table import HEADER, line, summary

FAST = compared("normal", "torch", [1.0], [6.0], Scale("M/s", 10.0), Target(5))
SLOW = compared("range", "offset 0", [2.0], [1.0], target=Target(1.1, maximum=True))
ROWS = [
    FAST,
    SLOW,
    Reading("memory", 80.0, "MiB", Target(64, maximum=True)),
    Skipped("requests", "wrk not found (apt-get install wrk)"),
    Curve("file size", "bytes", "GB/s", {"normal": [(1024.0, 0.5)], "zeros": [(1024.0, 0.6), (2048.0, 0.7)]}),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_line_has_the_cells_of_the_header(row):
    for text in line(row).splitlines():
        assert text.count("|") == HEADER.splitlines()[0].count("|")


def test_a_comparison_tells_rates_ratio_target_and_verdict():
    assert line(FAST) == "| normal | torch | 10.0 M/s | 1.67 M/s | 6.00× (6.00–6.00) | at least 5× | yes |"
    assert "| 2.00× as long (2.00–2.00) | at most 1.1× | NO |" in line(SLOW)


def test_what_is_skipped_says_how_to_get_it():
    assert "not measured: wrk not found (apt-get install wrk)" in line(ROWS[3])


def test_a_curve_is_a_line_for_every_point():
    assert len(line(ROWS[4]).splitlines()) == 3


def test_the_summary_counts_what_has_a_target_and_names_what_missed_it():
    assert summary(ROWS) == (
        "1 of 3 targets met; not met: range (against offset 0: 2.00× as long (2.00–2.00)); memory (80.0 MiB)"
    )
    assert summary([FAST]) == "1 of 1 targets met"
