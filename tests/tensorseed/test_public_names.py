"""Public names: each resolved at its first use, a light import."""

from __future__ import annotations

import subprocess
import sys

import pytest

import tensorseed


def test_importing_it_imports_nothing_else() -> None:
    heavy = ["numba", "torch", "jax", "numpy", "pydantic", "httpx", "click", "fastapi", "orjson", "rich"]
    code = f"import sys, tensorseed; print([m for m in {heavy} if m in sys.modules], dir(tensorseed))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.startswith("[] [")
    assert all(f"'{name}'" in found for name in tensorseed.__all__)


def test_dir_lists_public_names_alone() -> None:
    listed = {name for name in dir(tensorseed) if not name.startswith("__")}
    assert listed == {*tensorseed.__all__, "jax", "torch"}


def test_every_public_name_is_there_and_no_other() -> None:
    for name in tensorseed.__all__:
        assert getattr(tensorseed, name).__name__ == name
    with pytest.raises(AttributeError, match="nonsense"):
        tensorseed.nonsense  # noqa: B018


def test_the_packages_of_frameworks_are_attributes() -> None:
    for name in ("jax", "torch"):
        assert getattr(tensorseed, name).__name__ == f"tensorseed.{name}"
        assert name in dir(tensorseed)
        assert name not in tensorseed.__all__
