"""Rows of a table that an earlier sweep has finished, for another picture."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tensorseed.files.output import OverwriteError
from tensorseed.sweeps.grid import Grid
from tensorseed.sweeps.results import Row, rows_of, write
from tensorseed.sweeps.rows import NUMBERS
from tensorseed.sweeps.run import Compute
from tensorseed.sweeps.workers import Task

TOLERANCE = 1e-6  # of a number, relative: processors differ in the last digits


def finished_rows(grid: Grid, path: Path, compute: Compute) -> list[Row]:
    """The rows of the table at `path`, which is one of this grid.

    Its axes are those of the grid if the same rows are the same bytes again. The table does not have the rest
    of the evaluation: one point is computed, and its numbers are compared.

    Raises:
        OverwriteError: it is another table, or no table.
        OSError: it cannot be read.
    """
    rows = _read(grid, path)
    if rows is None or not _agrees(grid, rows, compute):
        raise OverwriteError(
            f"{path} is no table of this grid by these versions: name another output, or overwrite it with "
            "force=True"
        )
    return rows


def _read(grid: Grid, path: Path) -> list[Row] | None:
    content, again = path.read_bytes(), io.BytesIO()
    try:
        found = _READERS[path.suffix.lower()](content)
        if len(found) != len(grid):
            return None
        rows = list(rows_of(grid, lambda index: _columns(found[index])))
        write(grid, rows, path.suffix, again)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None
    return rows if again.getvalue() == content else None


def _columns(found: Mapping[str, Any]) -> dict[str, Any]:
    """What a row has beside its point and axes; a number may be a text."""
    numbers = {name: None if found[name] in (None, "") else float(found[name]) for name in NUMBERS}
    return {**numbers, "warnings": found["warnings"], "error": found["error"] or None}


def _agrees(grid: Grid, rows: Sequence[Row], compute: Compute) -> bool:
    """Whether the first point that has numbers, if one has, has them again."""
    index = next((index for index, row in enumerate(rows) if row["error"] is None), 0)
    ((_, answer),) = compute([Task(index, grid.request(index))])
    again, row = answer["row"], rows[index]
    same = all(_close(again[name], row[name]) for name in NUMBERS)
    return same and (again["error"] is None) == (row["error"] is None)


def _close(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=TOLERANCE) or (math.isnan(one) and math.isnan(other))


def _json_lines(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


def _csv(content: bytes) -> list[dict[str, Any]]:
    read = csv.DictReader(io.StringIO(content.decode(), newline=""))
    return [{**row, "warnings": row["warnings"].split()} for row in read]


def _parquet(content: bytes) -> list[dict[str, Any]]:
    from pyarrow import parquet

    found: list[dict[str, Any]] = parquet.read_table(io.BytesIO(content)).to_pylist()
    return found


_READERS: Mapping[str, Callable[[bytes], list[dict[str, Any]]]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".jsonl": _json_lines,
}
