"""Dtypes, and the machines whose storage equals the file's bytes."""

from __future__ import annotations

import importlib
import sys

import pytest

from tensorseed.sampling import dtypes


def test_a_big_endian_machine_is_refused(monkeypatch):
    """It would serve swapped bytes under the right ETag."""
    monkeypatch.setattr(sys, "byteorder", "big")
    with pytest.raises(ImportError, match="runs on little-endian machines only"):
        importlib.reload(dtypes)
