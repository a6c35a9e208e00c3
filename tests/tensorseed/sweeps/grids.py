"""Grids of small networks, and their sweeps within this process."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tensorseed.concurrency.torch_thread import run_in_torch_thread
from tensorseed.sweeps.computing import answer, versions
from tensorseed.sweeps.grid import Grid
from tensorseed.sweeps.journal import open_journal
from tensorseed.sweeps.results import Row, rows_of, write
from tensorseed.sweeps.run import Sweep
from tensorseed.sweeps.workers import Answered, Task


def tanh(depth: int, width: int, samples: int = 8) -> dict[str, Any]:
    """A network of square tanh layers whose axes are sigma_w and sigma_b."""
    init = {
        "weight": {"kind": "xavier_normal", "gain": "${sigma_w}"},
        "bias": {"kind": "normal", "std": "${sigma_b}"},
    }
    hidden = {"type": "Linear", "in_features": width, "out_features": width, "init": init}
    return {
        "layers": [
            {"name": f"h.{{1..{depth}}}", **hidden},
            {"name": f"h.{{1..{depth}}}.act", "type": "Tanh"},
        ],
        "input": {"shape": [samples, width], "init": "normal"},
        "target": {"init": "normal"},
        "loss": "mse_loss",
    }


def grid_of(evaluation: dict[str, Any], **axes: Any) -> bytes:
    """The text of a grid; a double underscore in the name of an axis is a dot."""
    return json.dumps(
        {"evaluation": evaluation, "grid": {name.replace("__", "."): axes[name] for name in axes}}
    ).encode()


def compute(tasks: Iterable[Task]) -> Iterator[Answered]:
    """The answers of this process, by one thread of torch, as in a worker."""
    for task in tasks:
        yield task, json.loads(run_in_torch_thread(partial(answer, task.request)))


def here(monkeypatch: pytest.MonkeyPatch, change: Any = lambda answers: answers) -> None:
    """Have this process compute in the place of workers; `change` takes and returns its answers."""
    monkeypatch.setattr("tensorseed.sweeps.workers.compute", lambda tasks, workers: change(compute(tasks)))


def swept(body: bytes, folder: Path) -> list[Row]:
    """The rows of a grid, computed within this process without a stop."""
    grid = Grid.read(body)
    with open_journal(folder / "whole.csv", versions(), restart=True) as journal:
        run = Sweep(grid, journal)
        run.run(compute, lambda _: None)
        journal.remove()
        return list(rows_of(grid, run.row))


def table(body: bytes, folder: Path, suffix: str) -> bytes:
    """The file of a grid that was computed within this process."""
    path = folder / f"whole{suffix}"
    with path.open("wb") as output:
        write(Grid.read(body), swept(body, folder), suffix, output)
    return path.read_bytes()
