"""Remedies for programs that are missing."""

from __future__ import annotations

import pytest

from benchmarks import programs


@pytest.mark.parametrize("name", programs.REMEDIES)
def test_what_is_missing_is_named_with_its_remedy(name, monkeypatch):
    monkeypatch.setattr(programs, "path_of", lambda program: None)
    monkeypatch.setattr(programs, "find_spec", lambda module: None)
    assert programs.missing(name) == f"{name} not found ({programs.REMEDIES[name]})"


def test_what_is_here_is_not_missing(monkeypatch):
    monkeypatch.setattr(programs, "path_of", lambda program: f"/usr/bin/{program}")
    assert programs.missing("nginx", "wrk", "curl") is None
