"""`tensorseed compile`: the loops are kept where the server finds them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tensorseed.__main__ import main


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    folders: list[Path] = []
    name = "tensorseed.sampling.executors.kernel_cache.compile_kernels"
    monkeypatch.setattr(name, lambda folder, _: folders.append(folder))
    return folders


def test_this_processor_alone(prepared: list[Path], tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["compile", "--cache", str(tmp_path / "loops")])
    assert result.output == f"compiled for this processor in {tmp_path / 'loops'}\n"
    assert prepared == [tmp_path / "loops"]
    machine = CliRunner().invoke(main, ["compile", "--json", "--cache", str(tmp_path / "loops")])
    assert json.loads(machine.stdout) == {"folder": str(tmp_path / "loops"), "levels": []}


def test_every_level(prepared: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = ["x86-64-v2", "x86-64-v3"]
    monkeypatch.setattr("tensorseed.sampling.executors.portability.compile_levels", lambda _: levels)
    result = CliRunner(env={"TENSORSEED_PORTABLE_KERNELS": "true"}).invoke(
        main, ["compile", "--cache", str(tmp_path)]
    )
    assert result.output == f"compiled for x86-64-v2, x86-64-v3 in {tmp_path}\n"
    assert prepared == []


def test_a_folder_that_cannot_be_written_is_told(prepared: list[Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(main, ["compile", "--cache", str(tmp_path / "file" / "loops")])
    assert result.exit_code == 2
    assert "name one that can with --cache" in result.output
    assert prepared == []
