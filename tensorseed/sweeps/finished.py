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


def finished_rows(grid: Grid, path: Path, compute: Compute, *, force: bool = False) -> list[Row]:
    """The rows of the table at `path`, which is one of this grid.

    Its axes are those of the grid if the same rows are the same bytes again. The table does not have the rest
    of the evaluation: the first and the last point that have numbers are computed and compared.
    With `force` another table has no rows.

    Raises:
        OverwriteError: it is another table, or no table.
        OSError: it cannot be read.
    """
    rows = _read(grid, path)
    if rows is None or not _agrees(grid, rows, compute):
        if force:
            return []
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
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, csv.Error):
        return None
    except (RuntimeError, OSError):  # of nested JSON, and of pyarrow: the bytes are here already
        return None
    return rows if again.getvalue() == content else None


def _columns(found: Mapping[str, Any]) -> dict[str, Any]:
    """What a row has beside its point and axes; a number may be a text."""
    numbers = {name: None if found[name] in (None, "") else float(found[name]) for name in NUMBERS}
    return {**numbers, "warnings": found["warnings"], "error": found["error"] or None}


def _agrees(grid: Grid, rows: Sequence[Row], compute: Compute) -> bool:
    """Whether the first and the last point that have numbers have them again; or the first, if none has."""
    indices = [index for index, row in enumerate(rows) if row["error"] is None] or [0]
    tasks = [Task(index, grid.request(index)) for index in sorted({indices[0], indices[-1]})]
    return all(_is_same(answer["row"], rows[task.index]) for task, answer in compute(tasks))


def _is_same(again: Row, row: Row) -> bool:
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
