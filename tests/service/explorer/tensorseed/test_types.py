"""The JavaScript module's declarations under a strict TypeScript compiler."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.service.explorer.tensorseed.module import HERE, MODULE, needs_node
from tests.serving import ROOT

COMPILER = ROOT / "build" / "clients" / "openapi" / "node_modules" / "typescript" / "bin" / "tsc"
STRICT = ("--strict", "--noEmit", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes")
TARGET = ("--module", "nodenext", "--target", "es2022", "--lib", "es2023,dom")

pytestmark = needs_node


def test_a_program_of_a_user_compiles(tmp_path: Path) -> None:
    """It uses every export, and has errors where it expects them alone."""
    if not COMPILER.exists():
        pytest.skip("TypeScript is not here: make clients")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "tensorseed").symlink_to(MODULE)
    shutil.copy(HERE / "user.mts", tmp_path)
    command = ["node", COMPILER, *STRICT, *TARGET, "user.mts"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
