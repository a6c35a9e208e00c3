"""Share of a process: one of N, by an option or by the variables of a job."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

MAX_COUNT = 100_000

_TEXT = re.compile(r"(\d{1,6})/(\d{1,6})", re.ASCII)

JOBS = (
    ("JOB_COMPLETION_INDEX", "JOB_COMPLETIONS", None),
    ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN"),
)
"""Variables of an index, of how many there are, and of the least index, by kind of job.

An Indexed Job of Kubernetes sets its index alone: its manifest gives JOB_COMPLETIONS too.
"""


@dataclass(frozen=True, slots=True)
class Share:
    """One of `count` processes, whose indices begin at 0."""

    index: int = 0
    count: int = 1

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


WHOLE = Share()


def read_share(text: str) -> Share:
    """The share that I/N says.

    Raises:
        ValueError: it says none.
    """
    match = _TEXT.fullmatch(text)
    share = Share(int(match[1]), int(match[2])) if match else None
    if share is None or not 0 <= share.index < share.count <= MAX_COUNT:
        raise ValueError(f"{text} is no I/N with I from 0 to N - 1: give one such as 0/3")
    return share


def share_of_job(variables: Mapping[str, str]) -> Share | None:
    """The share of a job's process; None outside of one.

    Raises:
        ValueError: the index is there without the count, or they are no share.
    """
    for name, of, first in JOBS:
        index = variables.get(name)
        if index is None:
            continue
        count = variables.get(of)
        if count is None:
            raise ValueError(f"{name} is set and {of} is not: set it to the number of processes")
        least = variables.get(first, "0") if first is not None else "0"
        try:
            return read_share(f"{int(index) - int(least)}/{int(count)}")
        except ValueError:
            raise ValueError(f"{name}={index} of {of}={count} is no share: number them one by one") from None
    return None
