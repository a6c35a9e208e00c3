"""Points and pictures that fail: the rows of the others stay."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tensorseed.__main__ import main
from tensorseed.sweeps import computing
from tensorseed.sweeps.computing import answer, failure
from tensorseed.sweeps.grid import Grid
from tensorseed.sweeps.workers import DIED
from tests.tensorseed.sweeps.grids import grid_of, here, table, tanh

BODY = grid_of(tanh(2, 4, 4), sigma_w=[1, 2], sigma_b=[0])


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(main, ["sweep", *map(str, arguments)])


def test_a_point_that_fails_costs_the_others_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(answers: Any) -> Iterator[Any]:
        for task, found in answers:
            yield task, failure(DIED) if task.index == 1 else found

    here(monkeypatch, failing)
    grid, output, part = (tmp_path / name for name in ("grid.json", "r.csv", "r.csv.part"))
    body = grid_of(tanh(2, 4, 4), sigma_w=[1, 2, 3], sigma_b=[0])
    grid.write_bytes(body)
    result = invoke(grid, "-o", output)
    assert result.exit_code == 1
    assert f"1 point failed: {DIED}" in result.stderr
    assert "--force computes those that failed" in result.stderr
    summary = json.loads(result.stdout.splitlines()[-1])
    assert (summary["points"], summary["refused"], summary["failed"]) == (3, 0, 1)
    assert DIED in output.read_text().splitlines()[2]
    assert part.exists()
    here(monkeypatch)
    result = invoke(grid, "-o", output, "--force")
    assert result.exit_code == 0
    assert json.loads(result.stdout.splitlines()[-1])["computed"] == 1
    assert output.read_bytes() == table(body, tmp_path, ".csv")
    assert not part.exists()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "the memory does not suffice: take fewer workers"),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:117] can't allocate memory: allocate 4096 bytes."),
            "the memory does not suffice (4.0 KiB more were needed)",
        ),
        (KeyError("/home/me"), "a fault of tensorseed (KeyError)"),
    ],
)
def test_a_failure_has_plain_words(monkeypatch: pytest.MonkeyPatch, error: Exception, words: str) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(computing, "evaluate", fail)
    found = json.loads(answer(Grid.read(BODY).request(0)))
    assert found["failed"] is True
    assert words in found["row"]["error"]
    assert not {"alloc_cpu", "/home"} & set(found["row"]["error"].replace(".", " ").split())


class DyingProcess:
    """A worker that dies over every point, or even when it starts."""

    starts = True

    def __init__(self, target: str) -> None:
        self.target = target

    def request(self, message: bytes, seconds: float) -> bytes:
        if message or not self.starts:
            raise EOFError
        return b"{}"

    def kill(self) -> None:
        """It is dead."""


@pytest.mark.parametrize("starts", [True, False])
def test_workers_that_die_fail_their_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, starts: bool
) -> None:
    monkeypatch.setattr("tensorseed.sweeps.workers.ChildProcess", DyingProcess)
    monkeypatch.setattr(DyingProcess, "starts", starts)
    grid, output = tmp_path / "grid.json", tmp_path / "r.csv"
    grid.write_bytes(grid_of(tanh(2, 4, 4), sigma_w=[1, 2], sigma_b=[0]))
    result = invoke(grid, "-o", output, "--workers", 2)
    assert result.exit_code == 1
    assert output.exists() is starts
    assert (f"2 points failed: {DIED}" if starts else "no process can be started") in result.stderr


def test_a_picture_that_cannot_be_drawn_loses_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(*_: object) -> bytes:
        raise OverflowError("cannot convert float infinity to integer")

    here(monkeypatch)
    monkeypatch.setattr("tensorseed.sweeps.plots.draw", draw)
    grid, output = tmp_path / "grid.json", tmp_path / "r.csv"
    grid.write_bytes(grid_of(tanh(2, 4, 4), sigma_w=[1, 2], sigma_b=[0]))
    result = invoke(grid, "-o", output, "--plot", tmp_path / "p.svg")
    assert result.exit_code == 1
    assert "p.svg cannot be drawn from these numbers" in result.stderr
    assert "infinity" not in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grid.json", "r.csv", "r.csv.part"]
    monkeypatch.undo()
    here(monkeypatch)
    result = invoke(grid, "-o", output, "--plot", tmp_path / "p.svg", "--force")
    assert json.loads(result.stdout.splitlines()[-1])["computed"] == 0
    assert (tmp_path / "p.svg").exists()
