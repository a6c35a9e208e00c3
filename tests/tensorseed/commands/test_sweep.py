"""`tensorseed sweep`: kills, workers, Ray, and faults."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tensorseed.__main__ import main
from tensorseed.sweeps.computing import answer
from tests.serving import ROOT, free_port
from tests.tensorseed.sweeps.grids import compute, grid_of, here, table, tanh
from tests.waiting import PROGRAM_PATIENCE

SMALL = grid_of(
    tanh(2, 4, 4), sigma_w={"linspace": [0.5, 4, 20]}, sigma_b=[0, 0.1, 0.2, 0.3, 0.5], seed=[0, 1, 2, 3, 4]
)
POINTS = 500
RAY = {"RAY_AUTH_MODE": "disabled"}  # whatever token this user's home has


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(main, ["sweep", *map(str, arguments)])


def listens(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(state[1]) == pid:
            found.append(int(entry.parent.name))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_a_killed_sweep_goes_on_and_gives_the_file_of_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid, output = tmp_path / "grid.json", tmp_path / "results.csv"
    grid.write_bytes(SMALL)
    part = tmp_path / "results.csv.part"
    command = [sys.executable, "-m", "tensorseed", "sweep", str(grid), "-o", str(output), "--workers", "2"]
    with subprocess.Popen([*command[:-1], "1"], cwd=ROOT, stderr=subprocess.PIPE) as process:
        while lines(part) < 20:
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.005)
        process.terminate()
        _, error = process.communicate(timeout=PROGRAM_PATIENCE)
    assert process.returncode == 143
    assert error == b"interrupted: the same command goes on from here\n"
    assert not output.exists()
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as process:
        while lines(part) < 60:
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.005)
        workers = children(process.pid)
        process.kill()
    assert len(workers) == 2
    kept = lines(part) - 1
    assert not output.exists()
    assert 59 <= kept < POINTS
    deadline = time.monotonic() + PROGRAM_PATIENCE
    while any(map(alive, workers)):
        assert time.monotonic() < deadline, "a worker outlives the sweep"
        time.sleep(0.01)
    monkeypatch.setattr("tensorseed.sweeps.workers.compute", lambda tasks, workers: compute(tasks))
    monkeypatch.setattr("tests.tensorseed.sweeps.grids.answer", cache(answer))  # for the comparison below
    result = invoke(grid, "-o", output, "--json")
    assert result.exit_code == 0, result.output
    *progress, summary = map(json.loads, result.stdout.splitlines())
    assert all(kept < event["done"] <= event["points"] == POINTS for event in progress)
    assert (summary["points"], summary["done_before"]) == (POINTS, kept)
    assert summary["computed"] == POINTS - kept
    assert summary["points_per_second"] > 0
    assert output.read_bytes() == table(SMALL, tmp_path, ".csv")
    assert not part.exists()


def test_a_file_that_is_there_is_left(tmp_path: Path) -> None:
    grid, output = tmp_path / "grid.json", tmp_path / "results.csv"
    grid.write_bytes(SMALL)
    output.write_text("mine")
    result = invoke(grid, "-o", output)
    assert result.exit_code == 5
    assert "--force" in result.stderr
    assert output.read_text() == "mine"
    result = invoke(grid, "-o", grid.rename(tmp_path / "grid.csv"), "--force")
    assert result.exit_code == 5


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("-o", "r.txt"), 2, "results end in .parquet, .csv, .jsonl"),
        (("-o", "r.csv", "--plot", "p.gif"), 2, "a picture ends in .svg or .png"),
        (("-o", "r.csv", "--plot", "p.svg", "--x", "sigma"), 2, "did you mean sigma_w"),
        (("-o", "r.csv", "--ray", "auto", "--workers", "2"), 2, "give one"),
        (("-o", "nowhere/r.csv"), 5, "nowhere"),
        (("-o", "r.csv", "--image", "p.svg"), 2, "--plot"),
    ],
)
def test_a_wrong_command_line_costs_nothing(tmp_path: Path, arguments: Any, code: int, words: str) -> None:
    (tmp_path / "grid.json").write_bytes(SMALL)
    arguments = [str(tmp_path / one) if "." in one and one[0] != "-" else one for one in arguments]
    arguments = [
        str(tmp_path / "nowhere" / "r.csv") if one.endswith("nowhere/r.csv") else one for one in arguments
    ]
    result = invoke(tmp_path / "grid.json", *arguments)
    assert result.exit_code == code, result.output
    assert words in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["grid.json"]


def test_refused_points_have_their_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here(monkeypatch)
    grid, output, picture = (tmp_path / name for name in ("grid.json", "results.jsonl", "p.svg"))
    grid.write_bytes(grid_of(tanh(2, 4, 4), sigma_w=[1, 2], sigma_b=[0, "wide"]))
    result = invoke(grid, "-o", output, "--plot", picture)
    assert result.exit_code == 1
    assert "2 points refused: " in result.stderr
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["error"] is None for row in rows] == [True, False, True, False]
    assert [row["loss"] is None for row in rows] == [False, True, False, True]
    assert picture.read_bytes().startswith(b"<?xml")


def test_a_refused_template_ends_the_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorseed.sweeps.workers.compute", lambda tasks, workers: compute(tasks))
    grid = tmp_path / "grid.json"
    grid.write_bytes(grid_of({**tanh(2, 4, 4), "loss": "mse"}, sigma_w=[1, 2], sigma_b=[0]))
    result = invoke(grid, "-o", tmp_path / "r.csv")
    assert result.exit_code == 1
    assert "/evaluation/loss: unknown loss: did you mean mse_loss?" in result.stderr
    assert "(at sigma_w=1, sigma_b=0)" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["grid.json"]


def test_a_grid_with_more_values_computes_the_new_points_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep that a full disk ends, as it were, and the same with another seed."""
    grid, output, left = tmp_path / "grid.json", tmp_path / "r.csv", 2

    def limited(tasks: Any, workers: int) -> Any:
        for number, answered in enumerate(compute(tasks)):
            if number == left:
                raise OSError(28, "No space left on device")
            yield answered

    monkeypatch.setattr("tensorseed.sweeps.workers.compute", limited)
    grid.write_bytes(grid_of(tanh(2, 4, 4), sigma_w=[1, 2], sigma_b=[0], seed=[0, 1]))
    result = invoke(grid, "-o", output)
    assert result.exit_code == 5
    assert "no space left on device" in result.stderr
    longer = grid_of(tanh(2, 4, 4), sigma_w=[1, 2], sigma_b=[0], seed=[0, 1, 2])
    grid.write_bytes(longer)
    assert "holds" not in invoke(grid, "-o", output).stderr
    left = 99
    result = invoke(grid, "-o", output, "--json")
    assert json.loads(result.stdout.splitlines()[-1])["done_before"] == 4
    assert output.read_bytes() == table(longer, tmp_path, ".csv")


def test_refusals_before_that_of_the_template_are_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers may answer the first point last."""
    here(monkeypatch, lambda answers: reversed(list(answers)))
    grid, output = tmp_path / "grid.json", tmp_path / "r.jsonl"
    grid.write_bytes(grid_of({**tanh(2, 4, 4), "loss": "mse"}, sigma_w=[1, 2], sigma_b=[0, 1]))
    assert "/evaluation/loss" in invoke(grid, "-o", output).stderr
    assert [path.name for path in tmp_path.iterdir()] == ["grid.json"]
    grid.write_bytes(grid_of(tanh(2, 4, 4), sigma_w=[1, 2], sigma_b=[0, "wide"]))
    assert invoke(grid, "-o", output).exit_code == 1
    errors = [json.loads(line)["error"] for line in output.read_text().splitlines()]
    assert [error is None for error in errors] == [True, False, True, False]


def test_quiet_has_no_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here(monkeypatch)
    grid = tmp_path / "grid.json"
    grid.write_bytes(grid_of(tanh(2, 4, 4), sigma_w=[1], sigma_b=[0]))
    assert invoke(grid, "-o", tmp_path / "r.csv", "--quiet").output == ""


@pytest.fixture
def cluster() -> Iterator[str]:
    """A Ray cluster of one worker on this machine, in processes of its own."""
    if find_spec("ray") is None:
        pytest.skip("ray has no wheel for this Python")
    import ray

    port, folder = free_port(), Path(tempfile.mkdtemp(prefix="ray-"))  # the path of a socket is short
    command = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus", "1"),
        *("--node-ip-address", "127.0.0.1", "--port", str(port), "--include-dashboard", "false"),
        *("--disable-usage-stats", "--temp-dir", str(folder)),
    ]
    env = {**os.environ, **RAY, "PYTHONPATH": str(ROOT)}
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, env=env, start_new_session=True) as process,
    ):
        try:
            deadline = time.monotonic() + PROGRAM_PATIENCE
            while not listens(port):
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield f"127.0.0.1:{port}"
            ray.shutdown()
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.filterwarnings("ignore")  # of Ray itself
def test_ray_gives_the_same_file(tmp_path: Path, cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in RAY.items():
        monkeypatch.setenv(name, value)
    grid, output = tmp_path / "grid.json", tmp_path / "r.csv"
    body = grid_of(tanh(2, 4, 4), sigma_w=[1, 2], sigma_b=[0, 0.5], seed=[0, 1])
    grid.write_bytes(body)
    result = invoke(grid, "-o", output, "--ray", cluster)
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout.splitlines()[-1])
    assert (summary["computed"], summary["computed_by"]) == (8, "1 core of Ray")
    assert output.read_bytes() == table(body, tmp_path, ".csv")
    monkeypatch.setattr("tensorseed.sweeps.ray_workers.versions", lambda: {"tensorseed": "99", "torch": "1"})
    result = invoke(grid, "-o", tmp_path / "other.csv", "--ray", cluster)
    assert result.exit_code == 3
    assert "and this process tensorseed 99 and torch 1: install the same there" in result.stderr
    assert not (tmp_path / "other.csv").exists()
