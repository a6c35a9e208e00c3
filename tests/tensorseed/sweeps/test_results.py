"""Tables: the same rows in Parquet, CSV and JSON Lines."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tensorseed.sweeps.grid import Grid
from tensorseed.sweeps.results import WRITERS, write
from tests.tensorseed.sweeps.grids import grid_of, swept, table, tanh

parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")

BODY = grid_of(
    {**tanh(2, 4), "steps": 2, "optimizer": "${optimizer}"},
    optimizer=["SGD", {"kind": "SGD", "lr": 1e30}, {"kind": "Adam", "lr": 0.01}],
    sigma_w=[1, 0.5],
    sigma_b=[0.1],
    seed=[0, 1 << 63],
    training=[True],
    target__init=["normal"],
)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return swept(BODY, tmp_path_factory.mktemp("rows"))


def test_parquet_has_a_type_for_every_column(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    table(BODY, tmp_path, ".parquet")
    found = parquet.read_table(tmp_path / "whole.parquet")
    types = {name: str(kind) for name, kind in zip(found.schema.names, found.schema.types, strict=True)}
    assert types | {"loss": "double"} == types
    assert (types["point"], types["optimizer"], types["sigma_w"]) == ("int64", "string", "double")
    assert (types["seed"], types["training"], types["target.init"]) == ("uint64", "bool", "string")
    assert types["warnings"].startswith("list<")
    for one, row in zip(found.to_pylist(), rows, strict=True):
        expected = {**row, "optimizer": json.dumps(row["optimizer"])}
        assert repr(one) == repr(expected | {"sigma_w": float(row["sigma_w"])})


def test_csv_and_json_lines_have_the_same(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    table(BODY, tmp_path, ".csv")
    with (tmp_path / "whole.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    lines = [json.loads(line) for line in table(BODY, tmp_path, ".jsonl").splitlines()]
    for row, cells, document in zip(rows, read, lines, strict=True):
        assert list(cells) == list(document) == list(row)
        assert (
            repr(float(cells["final_loss"])) == repr(float(document["final_loss"])) == repr(row["final_loss"])
        )
        assert cells["warnings"].split() == document["warnings"] == row["warnings"]
        assert document["optimizer"] == row["optimizer"]
        assert (cells["error"], document["error"]) == ("", None)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), None, 1 / 3])
def test_every_number_comes_back(rows: list[dict[str, Any]], value: float | None) -> None:
    grid, files = Grid.read(BODY), {}
    for suffix in WRITERS:
        output = io.BytesIO()
        write(grid, [{**row, "loss": value} for row in rows], suffix, output)
        files[suffix] = output.getvalue()
    read = parquet.read_table(io.BytesIO(files[".parquet"])).to_pylist()[0]["loss"]
    assert repr(read) == repr(value)
    cell = next(csv.DictReader(files[".csv"].decode().splitlines()))["loss"]
    assert repr(float(cell) if cell else None) == repr(value)
    word = json.loads(files[".jsonl"].splitlines()[0])["loss"]
    assert repr(None if word is None else float(word)) == repr(value)


def test_a_row_has_the_numbers_of_the_report(rows: list[dict[str, Any]]) -> None:
    from tensorseed.evaluations import LOCAL_LIMITS, evaluate, read_evaluation

    report: Any = evaluate(read_evaluation(Grid.read(BODY).request(0), LOCAL_LIMITS))
    first, last, row = report.layers[0], report.layers[2], rows[0]
    assert row["loss"] == pytest.approx(report.loss)
    assert row["final_loss"] == pytest.approx(report.steps[-1])
    assert row["std"] == pytest.approx(report.layers[-1].std)
    assert row["gradient_std"] == pytest.approx(report.layers[-1].gradient_std)
    assert row["signal_gain"] == pytest.approx(last.std / first.std)
    assert row["gradient_gain"] == pytest.approx(first.gradient_std / last.gradient_std)
    assert row["gradient_norm"] == pytest.approx(report.gradient_norm)
    assert row["warnings"] == [warning.code for warning in report.warnings]
