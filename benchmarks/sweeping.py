"""Points of a sweep by one warm worker, and by two."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

from benchmarks.compare import in_turn, seconds
from benchmarks.effort import Effort
from benchmarks.rows import Row, Scale, compared
from tensorseed.sweeps.grid import Grid
from tensorseed.sweeps.workers import Task, compute

WARM = 8  # answers of a fresh pair of workers that do not count

GRID = {
    "evaluation": {
        "layers": [
            {"name": "h.{1..10}", "type": "Linear", "in_features": 256, "out_features": 256},
            {"name": "h.{1..10}.act", "type": "Tanh"},
        ],
        "input": {"shape": [64, 256], "init": "normal"},
        "target": {"init": "normal"},
        "loss": "mse_loss",
    }
}


def sweeping(effort: Effort) -> Iterator[Row]:
    """The same points by two processes and by one, which have imported torch already."""
    points = effort.requests
    samples = in_turn({str(n): partial(_measured, n, points) for n in (1, 2)}, effort.downloads, warm=False)
    yield compared(
        "sweep of ten tanh layers of 256, 2 workers",
        "1 worker",
        samples["2"],
        samples["1"],
        Scale("points/s", points),
    )


def _measured(workers: int, points: int) -> float:
    """The seconds of so many points by warm workers."""
    body = json.dumps({**GRID, "grid": {"seed": {"range": [points + WARM]}}}).encode()
    grid = Grid.read(body)
    answers = compute((Task(index, grid.request(index)) for index in range(len(grid))), workers)
    for _ in range(WARM):
        next(answers)
    return seconds(lambda: list(answers))
