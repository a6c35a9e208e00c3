"""Pictures from finished tables: no point is computed but one."""

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
    assert counted[whole:] == [0]
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
