"""Faults with tests of their own: the files and their outcomes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.soak.suites import ROOT, SUITES, Outcome, run


@pytest.mark.parametrize("path", [path for paths in SUITES.values() for path in paths])
def test_a_suite_is_there(path: str) -> None:
    assert (ROOT / path).is_file()


def test_outcomes_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "test_it.py"
    file.write_text(
        "import pytest\n"
        "@pytest.mark.parametrize('x', [1, 2, 3])\n"
        "def test_a(x): assert x < 3\n"
        "def test_b(): pytest.skip()\n"
        "def test_c(missing): pass\n"
    )
    outcome = run([str(file)])
    assert outcome == Outcome(passed=2, failed=2, skipped=1)
    assert not outcome.borne


def test_what_cannot_be_collected_has_failed(tmp_path: Path) -> None:
    file = tmp_path / "test_it.py"
    file.write_text("import nothing_of_this_name\n")
    assert not run([str(file)]).borne
    assert not run([str(tmp_path / "test_none.py")]).borne
