"""The environment of libraries around a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.clients import BUILD, REMEDY

STACK = BUILD / "stack"


def installed() -> Path:
    """Its Python. Skips the test where it was not made."""
    if not (STACK / ".installed").exists():
        pytest.skip(f"the libraries around a model are not installed: {REMEDY}")
    return STACK / "bin" / "python"
