"""Pictures from finished tables: no point is computed but two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tensorseed.sweeps.grids import grid_of, here, tanh
from tests.tensorseed.sweeps.test_failures import invoke

pytest.importorskip("pyarrow", reason="pyarrow is not installed")


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_finished_table_is_drawn_without_computing_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    counted: list[int] = []

    def counting(answers: Any) -> Any:
        for answered in answers:
            counted.append(answered[0].index)
            yield answered

    here(monkeypatch, counting)
    grid, output, plot = tmp_path / "grid.json", tmp_path / f"r{suffix}", tmp_path / "p.svg"
    axes: Any = {"sigma_w": [1, 2, 0.1], "sigma_b": [0, "wide"], "seed": [0, 1 << 63]}
    grid.write_bytes(grid_of(tanh(2, 4, 4), **axes))
    assert invoke(grid, "-o", output).exit_code == 1
    table, whole = output.read_bytes(), len(counted)
    result = invoke(grid, "-o", output, "--plot", plot, "--x", "sigma_w")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["computed"] == 0
    assert counted[whole:] == [0, 9]  # the last of sigma_b=0
    plot.write_text("old")
    assert invoke(grid, "-o", output, "--plot", plot, "--x", "sigma_w").exit_code == 5
    result = invoke(grid, "-o", output, "--plot", plot, "--x", "sigma_w", "--force")
    assert json.loads(result.stdout)["computed"] == 0
    assert counted[whole:] == [0, 9] * 2
    assert (output.read_bytes(), plot.read_bytes()[:5]) == (table, b"<?xml")
    for other in (
        grid_of(tanh(3, 4, 4), **axes),
        grid_of(tanh(2, 4, 4), **{**axes, "sigma_w": [1, 2, 0.2]}),
        grid_of(tanh(2, 4, 4), **{**axes, "seed": [0]}),
    ):
        grid.write_bytes(other)
        result = invoke(grid, "-o", output, "--plot", tmp_path / "q.svg", "--x", "sigma_w")
        assert result.exit_code == 5
        assert "is no table of this grid by these versions" in result.stderr
        assert "--force" in result.stderr
    assert output.read_bytes() == table
    assert not (tmp_path / "q.svg").exists()


def test_force_computes_a_table_of_another_grid_and_restart_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here(monkeypatch)
    grid, output, plot = (tmp_path / name for name in ("grid.json", "r.csv", "p.svg"))
    command = (grid, "-o", output, "--plot", plot, "--x", "sigma_w", "--force")
    grid.write_bytes(grid_of(tanh(2, 4, 4), sigma_w=[1, 2], sigma_b=[0]))
    output.write_text("other")
    for more, computed in ((), 2), ((), 0), (("--restart",), 2), ((), 0):
        result = invoke(*command, *more)
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout.splitlines()[-1])["computed"] == computed
    copy = tmp_path / "grid.csv"
    copy.write_bytes(grid.read_bytes())
    result = invoke(copy, "-o", copy, *command[3:])
    assert result.exit_code == 5
    assert "is the input" in result.stderr
    assert copy.read_bytes() == grid.read_bytes()


def test_both_ends_of_a_table_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An evaluation of another depth differs in the points without sigma_w=0 alone."""
    here(monkeypatch)
    grid, output = tmp_path / "grid.json", tmp_path / "r.csv"
    for depth in (2, 3):
        grid.write_bytes(grid_of(tanh(depth, 4, 4), sigma_w=[0, 1], sigma_b=[0]))
        result = invoke(grid, "-o", output, *(("--plot", tmp_path / "p.svg") if depth == 3 else ()))
    assert result.exit_code == 5
    assert "is no table of this grid" in result.stderr


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("r.csv", f"a,b\n{'x' * 140_000},1\n".encode()),
        ("r.jsonl", b"[" * 100_000),
        ("r.parquet", b"PAR1" * 100),
    ],
)
def test_a_foreign_table_is_left(tmp_path: Path, name: str, content: bytes) -> None:
    grid, output = tmp_path / "grid.json", tmp_path / name
    grid.write_bytes(grid_of(tanh(2, 4, 4), sigma_w=[1, 2], sigma_b=[0]))
    output.write_bytes(content)
    result = invoke(grid, "-o", output, "--plot", tmp_path / "p.svg", "--x", "sigma_w")
    assert result.exit_code == 5, result.output
    assert "is no table of this grid by these versions: name another output" in result.stderr
    assert output.read_bytes() == content
