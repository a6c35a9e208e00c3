"""Conformance to the committed contract: a short schemathesis run."""

from __future__ import annotations

import schemathesis
from schemathesis.checks import CHECKS

from service.server.app import create_app
from service.settings import Settings
from tools.fuzz.conformance import configuration, over_app
from tools.fuzz.modesty import MODEST
from tools.fuzz.verdict import contract


def test_the_service_is_what_its_contract_says() -> None:
    seen = over_app(
        create_app(Settings.model_construct(threads=2, chunk_bytes=4_096, **MODEST)), 2, every_edge=False
    )
    assert not seen.faults, "\n\n".join(seen.faults)
    documented = {f"{method.upper()} {path}" for path, item in contract()["paths"].items() for method in item}
    assert documented <= seen.operations
    assert set(CHECKS.get_all_names()) - {"max_response_time"} <= set(seen.checks)
    assert seen.sent > seen.refused > 300


def test_no_check_is_off() -> None:
    config = schemathesis.Config.from_dict(configuration(1, every_edge=True))
    checks = config.projects.get_default().checks
    for name in CHECKS.get_all_names():
        if name != "max_response_time":  # a limit of time, which no test of this house asserts
            assert checks.get_by_name(name=name).enabled, name
