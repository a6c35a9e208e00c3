"""Findings on networks, healthy and faulty, as a practitioner has them."""

from __future__ import annotations

import pytest

from tests.tensorseed.evaluations.cases import report
from tests.tensorseed.evaluations.findings.faulty import FAULTY
from tests.tensorseed.evaluations.findings.healthy import HEALTHY


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_network_has_no_warning(name: str) -> None:
    assert [(one.code, one.detail) for one in report(HEALTHY[name]).warnings] == []


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_network_has_its_warnings(name: str) -> None:
    document, codes = FAULTY[name]
    found = report(document).warnings
    assert sorted(one.code for one in found) == sorted(codes), found
    assert all((one.level == "remark") == (one.code == "zero_head") for one in found)
    assert not any("nan" in one.detail for one in found if one.code == "rank_collapse")


def test_the_table_is_wide() -> None:
    assert len(HEALTHY) >= 30
    assert len(FAULTY) >= 30
