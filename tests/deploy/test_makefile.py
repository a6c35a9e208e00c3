"""The Makefile installs what a verb needs, and no more."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving import ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def plan(tmp_path: Path, *arguments: str) -> list[str]:
    """The commands that make would run in a fresh clone."""
    command = ["make", "--dry-run", f"VENV={tmp_path / 'venv'}", f"PYTHON={sys.executable}", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return run.stdout.splitlines()


def installed(commands: list[str]) -> list[str]:
    return [line.partition(" -e ")[2].strip("'") for line in commands if " -c constraints.txt -e " in line]


def test_run_installs_the_service_alone(tmp_path: Path) -> None:
    commands = plan(tmp_path, "run", "HOST=0.0.0.0", "PORT=9000")
    assert installed(commands) == [".[service]"]
    assert commands[-1].endswith("/venv/bin/python -m service serve --host 0.0.0.0 --port 9000")
    assert not any("--quiet" in line for line in commands)


@pytest.mark.parametrize("verb", ["setup", "lint", "test"])
def test_other_verbs_add_the_rest(tmp_path: Path, verb: str) -> None:
    assert installed(plan(tmp_path, verb)) == [".[service]", ".[dev]"]


def test_an_old_python_is_refused(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    command = ["make", f"VENV={tmp_path / 'venv'}", f"PYTHON={python}", "run"]
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "tensorseed needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 run" in refused.stdout
