"""Results of a sweep: a table as Parquet, CSV or JSON Lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

from tensorseed.errors import UnrepresentableError
from tensorseed.spec.json.values import spell_nonfinite
from tensorseed.sweeps.grid import Grid, axis_text
from tensorseed.sweeps.rows import NUMBERS

Row = dict[str, Any]

_INT64, _UINT64 = 1 << 63, 1 << 64


def rows_of(grid: Grid, row_at: Callable[[int], Mapping[str, Any]]) -> Iterator[Row]:
    """Yield the row of every point, in order: its number, its axes, and what `row_at` has of it."""
    for index in range(len(grid)):
        yield {"point": index, **grid.point(index), **row_at(index)}


def check_suffix(path: Path) -> None:
    """Check that results can have this name, and that what writes them is installed.

    Raises:
        ValueError: the suffix is none of `WRITERS`.
        UnrepresentableError: pyarrow is not installed.
    """
    if path.suffix.lower() not in WRITERS:
        raise ValueError(f"{path}: results end in {', '.join(WRITERS)}")
    if path.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        raise UnrepresentableError(
            "Parquet needs pyarrow: install tensorseed[sweep], or name an output that ends in .csv or .jsonl"
        )


def write(grid: Grid, rows: Iterable[Row], suffix: str, output: BinaryIO) -> None:
    """Write rows in the form of a suffix. Equal rows give equal bytes."""
    WRITERS[suffix.lower()](grid, rows, output)


def _write_json_lines(_: Grid, rows: Iterable[Row], output: BinaryIO) -> None:
    """A JSON object a line; numbers that JSON lacks are the words NaN, Infinity and -Infinity."""
    for row in rows:
        output.write(json.dumps(spell_nonfinite(row), ensure_ascii=False).encode() + b"\n")


def _write_csv(grid: Grid, rows: Iterable[Row], output: BinaryIO) -> None:
    """RFC 4180, with a line feed at the end of a line as in pandas; an empty cell is null."""
    text = io.TextIOWrapper(output, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["point", *grid.names, *NUMBERS, "warnings", "error"])
    for row in rows:
        axes = [axis_text(row[name]) for name in grid.names]
        writer.writerow(
            [row["point"], *axes, *(row[name] for name in NUMBERS), " ".join(row["warnings"]), row["error"]]
        )
    text.flush()
    text.detach()


def _write_parquet(grid: Grid, rows: Iterable[Row], output: BinaryIO) -> None:
    """Columns of the types of their values; axes of mixed values and of objects are JSON texts."""
    import pyarrow as pa
    from pyarrow import parquet

    columns: dict[str, list[Any]] = {}
    for row in rows:
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    arrays = {"point": pa.array(columns["point"], pa.int64())}
    for axis in grid.axes:
        kind = _arrow_type(axis.values)
        values = columns[axis.name]
        if kind is None:
            texts = all(isinstance(value, str) for value in axis.values)
            values = values if texts else [json.dumps(value) for value in values]
        arrays[axis.name] = pa.array(values, kind or pa.string())
    arrays |= {name: pa.array(columns[name], pa.float64()) for name in NUMBERS}
    arrays["warnings"] = pa.array(columns["warnings"], pa.list_(pa.string()))
    arrays["error"] = pa.array(columns["error"], pa.string())
    parquet.write_table(pa.table(arrays), output, compression="zstd")


def _arrow_type(values: Sequence[Any]) -> Any:
    """The type of an axis; None for text."""
    import pyarrow as pa

    if all(isinstance(value, bool) for value in values):
        return pa.bool_()
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        return None
    if not all(isinstance(value, int) for value in values):
        return pa.float64()
    if all(-_INT64 <= value < _INT64 for value in values):
        return pa.int64()
    return pa.uint64() if all(0 <= value < _UINT64 for value in values) else None


WRITERS: Mapping[str, Callable[[Grid, Iterable[Row], BinaryIO], None]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".jsonl": _write_json_lines,
}
