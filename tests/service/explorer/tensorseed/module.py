"""The JavaScript module, and whether Node is here to run it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.serving import ROOT

HERE = Path(__file__).parent
MODULE = ROOT / "service" / "explorer" / "static" / "tensorseed"

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
