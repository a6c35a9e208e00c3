"""Sizing of memory: all rows filled at once; a short `make soak`."""

from __future__ import annotations

from pathlib import Path

from service.settings import Settings
from tools.soak.sizing import fill, worst_bytes

ROOT = Path(__file__).parents[2]


def test_all_rows_at_once_stay_within_the_sum_of_the_table() -> None:
    filled = fill(Settings.model_construct(), 20)
    assert filled.borne, filled
    assert filled.peak > filled.most // 4


def test_the_table_has_the_sum_of_the_defaults() -> None:
    most = worst_bytes(Settings.model_construct()) >> 20
    assert f"| together | | {most:,} MiB |" in (ROOT / "docs" / "operations.md").read_text()
