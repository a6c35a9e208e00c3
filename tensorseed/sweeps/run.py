"""Run of a sweep: the points that are left, each kept once done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tensorseed.errors import EvaluationError, TensorseedError
from tensorseed.sweeps.computing import faults_of
from tensorseed.sweeps.grid import Grid, key_of, refused_point
from tensorseed.sweeps.journal import Journal
from tensorseed.sweeps.workers import Answered, Task, WorkerError

Compute = Callable[[Iterable[Task]], Iterator[Answered]]
Progress = Callable[[int], None]


class PointError(TensorseedError):
    """A point that could not be computed. The message names it, and says why."""


@dataclass
class Sweep:
    """A grid and the journal of its rows; `keys` are the journal's names of the points."""

    grid: Grid
    journal: Journal
    computed: int = 0
    seconds: float = 0.0
    keys: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.keys = [key_of(self.grid.request(index)) for index in range(len(self.grid))]

    @property
    def done(self) -> int:
        """The number of points whose rows are there."""
        return sum(key in self.journal.rows for key in self.keys)

    def row(self, index: int) -> Mapping[str, Any]:
        """The row of a point that is done."""
        return self.journal.rows[self.keys[index]]

    def run(self, compute: Compute, progress: Progress) -> None:
        """Compute the points that are left; `progress` gets the number of points that are done anew.

        The first point of the grid stands for the template: where it is refused, the sweep is.

        Raises:
            GridError: the first point is refused.
            PointError: a point could not be computed. The rows of the others are kept.
            OSError: the journal cannot be written.
        """
        start = time.monotonic()
        answers = compute(self._tasks())
        try:
            for task, answer in answers:
                self._keep(task, answer)
                self.computed += 1
                progress(1)
        except WorkerError as error:
            raise self._failed(error.task, str(error)) from None
        finally:
            self.seconds = time.monotonic() - start
            close = getattr(answers, "close", None)
            if close is not None:
                close()

    def _tasks(self) -> Iterator[Task]:
        for index, key in enumerate(self.keys):
            if key not in self.journal.rows:
                yield Task(index, self.grid.request(index))

    def _keep(self, task: Task, answer: dict[str, Any]) -> None:
        if "failed" in answer:
            raise self._failed(task, answer["failed"])
        faults = faults_of(answer)
        if faults and task.index == 0:
            raise refused_point(self.grid, 0, EvaluationError(faults))
        self.journal.add(self.keys[task.index], answer["row"])

    def _failed(self, task: Task, why: str) -> PointError:
        return PointError(f"point {task.index:,} ({self.grid.describe(task.index)}): {why}")
