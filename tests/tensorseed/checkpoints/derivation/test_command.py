"""`tensorseed recipe`: what it writes, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tensorseed.__main__ import main
from tensorseed.checkpoints import derivation
from tensorseed.checkpoints.derivation.from_config import derive
from tensorseed.checkpoints.recipe import read_recipe
from tests.tensorseed.checkpoints.derivation.families import FAMILIES

QUIET = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}  # what it sets, and the runner puts back


def invoke(*arguments: str, given: str = "") -> Result:
    return CliRunner(env=QUIET).invoke(main, ["recipe", *arguments], input=given)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("configs") / "config.json"
    path.write_text(json.dumps(FAMILIES["llama"]))
    return path


def test_a_recipe(config: Path) -> None:
    result = invoke(str(config), "--id", "me/mine")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == derive(FAMILIES["llama"], "me/mine")
    assert read_recipe(result.stdout.encode(), "printed").id == "me/mine"


def test_warnings_go_to_standard_error(config: Path) -> None:
    document = {**FAMILIES["llama"], "auto_map": {"AutoModel": "a.B"}, "dtype": "auto", "vocab_size": 200}
    result = invoke("-", given=json.dumps(document))
    assert result.exit_code == 0, result.output
    assert [line.split(": ")[:2] for line in result.stderr.splitlines()] == [
        ["Warning", "/dtype"],
        ["Warning", "/auto_map"],
        ["Warning", "/vocab_size"],
    ]
    written = json.loads(result.stdout)
    assert written["weights"]["dtype"] == "float32"
    assert "auto_map" not in written["config"]


def test_inits_by_pattern(config: Path) -> None:
    result = invoke(str(config), "--init", 'norm={"kind": "normal", "std": 0.5}', "--init", "**.*norm.*=ones")
    assert result.exit_code == 1
    assert "/overrides/norm: this pattern gives no tensor its init" in result.stderr
    result = invoke(str(config), "--init", "**.*norm.weight=zeros")
    assert result.exit_code == 0, result.output
    inits = {one["name"]: one["init"] for one in json.loads(result.stdout)["weights"]["layers"]}
    assert inits["model.norm.weight"] == "zeros"
    assert "PATTERN=INIT" in invoke(str(config), "--init", "zeros").stderr


def test_a_small_model() -> None:
    large = {**FAMILIES["llama"], "hidden_size": 4096, "vocab_size": 128_256, "eos_token_id": 128_001}
    written = json.loads(invoke("-", "--tiny", given=json.dumps(large)).stdout)
    assert written["config"] == {
        **large,
        "hidden_size": 64,
        "vocab_size": 1_000,
        "eos_token_id": 999,
        "intermediate_size": 8,
    }
    assert written["weights"] == derive(written["config"])["weights"]


def test_weights_alone_from_standard_input(config: Path) -> None:
    result = invoke("-", "--weights-only", given=config.read_text())
    assert json.loads(result.stdout) == derive(FAMILIES["llama"])["weights"]


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ('{"model_type": "lama"}', 1, "Error: /model_type: unknown model_type: did you mean llama?"),
        ("{", 1, "Error: the body is not valid JSON"),
        (None, 5, "cannot be read"),
    ],
)
def test_errors(text: str | None, code: int, told: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    if text is not None:
        path.write_text(text)
    result = invoke(str(path))
    assert result.exit_code == code
    assert told in result.stderr
    assert result.stdout == ""


def test_a_bad_id_is_refused_before_anything_is_built(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(derivation, "derive", build)
    result = invoke(str(config), "--id", "a--b")
    assert result.exit_code == 1
    assert "an id is name or namespace/name" in result.stderr


def test_without_the_extra(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorseed.checkpoints.derivation.from_config.installed", lambda _: False)
    result = invoke(str(config))
    assert result.exit_code == 1
    assert "pip install 'tensorseed[transformers]'" in result.stderr
