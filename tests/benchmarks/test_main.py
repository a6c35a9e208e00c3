"""Command line of the benchmarks: sections, and the rows it writes."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

import benchmarks.__main__ as command
from benchmarks.results import read
from tests.benchmarks.test_table import ROWS


@pytest.mark.parametrize("section", command.SECTIONS)
def test_every_section_is_a_module(section):
    assert find_spec(f"benchmarks.{section}") is not None


def test_unknown_sections_are_named(capsys):
    with pytest.raises(SystemExit):
        command.parse(["growth", "speed"])
    assert "no section speed: choose from generation" in capsys.readouterr().err


def test_a_run_prints_its_rows_and_writes_them(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "rows_of", lambda section, effort: ROWS)
    output = tmp_path / "run.json"
    command.main(["growth", "--quick", "--output", str(output)])
    printed = capsys.readouterr().out
    assert "| normal | torch |" in printed
    assert "1 of 3 targets met" in printed
    assert read(output) == ROWS
