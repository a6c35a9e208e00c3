"""The page's own JavaScript under TypeScript's checker."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.service.explorer.tensorseed.module import needs_node
from tests.service.explorer.tensorseed.test_types import COMPILER
from tests.serving import ROOT

CONFIG = Path(__file__).with_name("tsconfig.json")
VENDOR = "service/explorer/static/vendor/"  # as npm has it, and imported by name

pytestmark = needs_node


def test_the_page_has_no_fault_of_types() -> None:
    if not COMPILER.exists():
        pytest.skip("TypeScript is not here: make clients")
    command = ["node", COMPILER, "-p", CONFIG, "--pretty", "false"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    faults = [line for line in done.stdout.splitlines() if line[:1].strip()]
    assert [line for line in faults if not line.startswith(VENDOR)] == []
    assert any(line.startswith(VENDOR) for line in faults), "the checker read no file"
