"""Programs of npm that read the OpenAPI document, and where they are."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients.clients import BUILD, REMEDY
from tests.serving import ROOT
from tests.waiting import PROGRAM_PATIENCE

HERE = Path(__file__).parent
DOCUMENT = ROOT / "openapi" / "openapi.json"
MODULES = BUILD / "openapi" / "node_modules"


def run(program: str, *words: str | Path, home: Path, cwd: Path | None = None) -> str:
    """What a program prints, without a network. Skips the test where it is not installed."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    if not MODULES.exists():
        pytest.skip(f"linters and generators of OpenAPI are not installed: {REMEDY}")
    script = MODULES / ".bin" / program
    done = subprocess.run(
        [node, script if script.exists() else program, *words],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "NO_COLOR": "1",
            "CI": "1",
            "REDOCLY_TELEMETRY": "off",
            "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
        },
        cwd=cwd or home,
        capture_output=True,
        text=True,
        timeout=PROGRAM_PATIENCE,
    )
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-4_000:]
    return done.stdout
