"""Short fuzz campaign: it covers its target and reports a faulty input."""

from __future__ import annotations

import pytest

from tools.fuzz import campaign
from tools.fuzz.targets import MODULES

pytestmark = pytest.mark.skipif(not campaign.is_available(), reason="needs atheris")


def test_a_fault_is_found_and_told() -> None:
    run = campaign.run("tests.fuzz.broken", 60)
    assert "this is bad" in run.fault
    assert "b'bad" in run.fault
    assert run.executions > 0


def test_a_sound_parser_is_explored() -> None:
    run = campaign.run("range", 2)
    assert run.fault == ""
    assert run.executions > len(MODULES)
    assert run.features > run.edges > 20
    assert f"{run.edges:,} edges" in str(run)


def test_a_campaign_that_does_not_end_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "GRACE_SECONDS", 0.0)
    assert campaign.run("range", 0.01).fault == "it did not end"
