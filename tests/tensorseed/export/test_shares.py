"""Shares of a process: I/N, and the variables of jobs."""

from __future__ import annotations

import pytest

from tensorseed.export.shares import Share, read_share, share_of_job


def test_i_of_n() -> None:
    assert read_share("0/3") == Share(0, 3)
    assert str(read_share("2/3")) == "2/3"
    for text in ("3/3", "1", "-1/3", "1/0", "a/b", "1/1000000", ""):
        with pytest.raises(ValueError, match="give one such as 0/3"):
            read_share(text)


def test_jobs() -> None:
    assert share_of_job({}) is None
    assert share_of_job({"JOB_COMPLETION_INDEX": "2", "JOB_COMPLETIONS": "8"}) == Share(2, 8)
    slurm = {"SLURM_ARRAY_TASK_ID": "5", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "2"}
    assert share_of_job(slurm) == Share(3, 4)
    with pytest.raises(ValueError, match="set it to the number of processes"):
        share_of_job({"JOB_COMPLETION_INDEX": "2"})
    with pytest.raises(ValueError, match="number them one by one"):
        share_of_job({**slurm, "SLURM_ARRAY_TASK_ID": "9"})
