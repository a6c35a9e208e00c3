"""Run of a sweep: the points that are left, each kept once done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tensorseed.errors import EvaluationError
from tensorseed.sweeps.computing import faults_of
from tensorseed.sweeps.grid import Grid, key_of, refused_point
from tensorseed.sweeps.journal import Journal
from tensorseed.sweeps.workers import Answered, Task

Compute = Callable[[Iterable[Task]], Iterator[Answered]]
Progress = Callable[[int], None]


@dataclass
class Sweep:
    """A grid and the journal of its rows; `keys` are the journal's names of the points.

    The journal keeps no row of a point that failed, such as for want of memory: the next run tries it again.
    """

    grid: Grid
    journal: Journal
    computed: int = 0
    seconds: float = 0.0
    keys: list[str] = field(init=False)
    failed: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys = [key_of(self.grid.request(index)) for index in range(len(self.grid))]

    @property
    def done(self) -> int:
        """The number of points whose rows are there."""
        return sum(key in self.journal.rows for key in self.keys)

    def row(self, index: int) -> Mapping[str, Any]:
        """The row of a point that is done."""
        key = self.keys[index]
        return self.failed[key] if key in self.failed else self.journal.rows[key]

    def run(self, compute: Compute, progress: Progress) -> None:
        """Compute the points that are left; `progress` gets the number of points that are done anew.

        The first point of the grid stands for the template: where it is refused, the sweep is. Until it is
        known, no other refusal is kept.

        Raises:
            GridError: the first point is refused.
            WorkerError: nothing can be computed. The rows that are there are kept.
            OSError: the journal cannot be written.
        """
        start = time.monotonic()
        answers = compute(self._tasks())
        held: list[Answered] | None = [] if self.keys[0] not in self.journal.rows else None
        try:
            for task, answer in answers:
                if held is not None and task.index and "faults" in answer:
                    held.append((task, answer))
                else:
                    self._keep(task, answer)
                    if held is not None and not task.index:
                        for waiting in held:
                            self._keep(*waiting)
                        held = None
                self.computed += 1
                progress(1)
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
        key = self.keys[task.index]
        if answer.get("failed"):
            self.failed[key] = answer["row"]
            return
        faults = faults_of(answer)
        if faults and task.index == 0:
            raise refused_point(self.grid, 0, EvaluationError(faults))
        self.journal.add(key, answer["row"])
