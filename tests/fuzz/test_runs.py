"""Runs against a server that listens, and what they tell."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from tools.fuzz import campaign, malformed, runs
from tools.fuzz.__main__ import main
from tools.fuzz.campaign import Campaign
from tools.fuzz.malformed import Seen


def test_a_server_bears_malformed_requests() -> None:
    done = runs.grammar(40)
    assert not done.faults, "\n\n".join(done.faults)
    assert " refused of " in done.told
    assert "MiB before" in done.told


class Growing:
    """A server that holds more at every look."""

    port = 0

    def __init__(self, **_: str) -> None:
        self._held = 0

    def resident(self) -> int:
        self._held += runs.LEVEL + 1
        return self._held


def test_memory_that_is_kept_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "Replica", Growing)
    monkeypatch.setattr(runs, "running", nullcontext)
    monkeypatch.setattr(malformed, "send", lambda *_: Seen())
    (fault,) = runs.grammar(1).faults
    assert "memory grew" in fault


def test_without_atheris_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "is_available", lambda: False)
    assert runs.parser("range", 1) == runs.Run("left out: atheris is not installed")


@pytest.mark.parametrize(("fault", "status"), [("", 0), ("status 77", 1)])
def test_a_fault_is_told_and_decides_the_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: str, status: int
) -> None:
    monkeypatch.setattr(campaign, "is_available", lambda: True)
    monkeypatch.setattr(campaign, "run", lambda name, *_: Campaign(name, 1_000, 2, 3, fault))
    monkeypatch.setattr("sys.argv", ["fuzz", "range"])
    assert main() == status
    told = capsys.readouterr().out
    assert "range: 1,000 executions, 2 edges, 3 features" in told
    assert fault in told
