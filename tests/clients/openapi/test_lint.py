"""Linters of OpenAPI documents, on the committed one."""

from __future__ import annotations

import json
from pathlib import Path

from tests.clients.openapi.programs import DOCUMENT, HERE, run


def test_redocly_finds_nothing(tmp_path: Path) -> None:
    options = ("--config", HERE / "redocly.yaml", "--format", "json")
    found = json.loads(run("redocly", "lint", DOCUMENT, *options, home=tmp_path))
    assert found["problems"] == []


def test_spectral_finds_nothing(tmp_path: Path) -> None:
    options = ("--ruleset", HERE / "spectral.yaml", "--format", "json", "--quiet", "--fail-severity", "hint")
    assert json.loads(run("spectral", "lint", DOCUMENT, *options, home=tmp_path)) == []
