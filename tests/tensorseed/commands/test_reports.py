"""`tensorseed plan`, `show`, `recipes`, `evaluate` and `completion`."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from click.testing import CliRunner

import tensorseed
from service.__main__ import main as checkout
from tensorseed.__main__ import main
from tensorseed.commands.base import HINTS, SYNONYMS
from tensorseed.commands.names import COMMANDS
from tests.serving import ROOT
from tests.tensorseed.client.conftest import SPEC

NETWORK: dict[str, Any] = {
    "layers": [
        {"name": "a", "type": "Linear", "in_features": 4, "out_features": 4, "init": {"weight": "zeros"}},
        {"name": "b", "type": "ReLU"},
    ],
    "input": {"shape": [8, 4], "init": "normal"},
}
QUERY = "shape=4,3&init=xavier_normal&seed=2&name=fc"
ID = "tensorseed/tiny-llama@seed-42"


def invoke(*arguments: object, text: str | None = None, **env: str) -> Any:
    return CliRunner(env=env).invoke(main, [str(argument) for argument in arguments], input=text)


def test_a_plan_is_that_of_the_library_and_of_a_service(url: str, spec: Path) -> None:
    wanted = tensorseed.open(spec).plan()
    for more in ((), ("--url", url)):
        assert json.loads(invoke("plan", spec, "--json", *more).stdout) == wanted
    assert json.loads(invoke("plan", spec, "--json", TENSORSEED_URL=url).stdout) == wanted
    lines = invoke("plan", spec).stdout.splitlines()
    assert lines[0].split() == ["tensor", "shape", "dtype", "init", "fan", "in", "fan", "out", "mean", "std"]
    assert [line.split()[0] for line in lines[1:-1]] == [tensor["name"] for tensor in wanted["tensors"]]
    assert lines[-1].startswith(f"{len(wanted['tensors'])} tensors, ")


def test_the_forms_of_a_spec_are_one_file(url: str, tmp_path: Path) -> None:
    """A query and a recipe, here and there, and the URLs of the same."""
    spec = tmp_path / "fc.json"
    document = {
        "seed": 2,
        "layers": [{"name": "fc", "type": "Tensor", "shape": [4, 3], "init": "xavier_normal"}],
    }
    spec.write_text(json.dumps(document))
    given = [
        (spec, QUERY, f"?{QUERY}", f"{url}/v1/weights?{QUERY}", json.dumps(document)),
        (ID, f"{url}/{ID.replace('@', '/tree/')}", f"{url}/{ID.replace('@', '/resolve/')}/model.safetensors"),
    ]
    for forms, name in zip(given, ("fc", "tiny-llama-seed-42"), strict=True):
        digests = set()
        for index, form in enumerate(forms):
            for more in ((), ("--url", url)):
                folder = tmp_path / f"{name}-{index}-{len(more)}"
                folder.mkdir()
                output = folder / f"{name}.safetensors" if str(form).endswith("seed-42") else folder
                result = invoke("fetch", form, "-o", output, "--json", *more)
                assert result.exit_code == 0, result.output
                found = json.loads(result.stdout)
                (path,) = folder.iterdir()
                assert found["file"] == str(path)
                assert found["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
                digests.add(found["sha256"])
                assert path.name in (f"{name}.safetensors", "weights.safetensors", "model.safetensors")
        assert len(digests) == 1


def test_a_text_of_a_repository_is_checked(url: str, between: Any, tmp_path: Path) -> None:
    address = f"{url}/tensorseed/tiny-llama/blob/main/config.json"
    assert invoke("fetch", address, "-o", tmp_path).exit_code == 0
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "llama"
    between.change = lambda body: body.replace(b"llama", b"lhama")
    between.answer = lambda *_: None
    wrong = tmp_path / "wrong.json"
    content = (tmp_path / "config.json").read_bytes().replace(b"llama", b"lhama")

    def answer(method: str, path: str, headers: dict[str, str]) -> Any:
        fields = {"etag": '"' + "0" * 40 + '"', "content-type": "application/json"}
        if method == "HEAD":
            return None
        length = len(content)
        return 206, {**fields, "content-range": f"bytes 0-{length - 1}/{length}"}, content

    between.answer = answer
    result = invoke("fetch", address, "-o", wrong)
    assert result.exit_code == 4
    assert not wrong.exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("plan", "shape=2&init=normel"), "Error: init: unknown scheme: did you mean normal?"),
        (("plan", "shape=2&shape=3&init=ones"), "Error: shape is there twice: give it once"),
        (("fetch", "tiny-lama"), "did you mean tensorseed/tiny-llama?"),
        (("fetch", "tiny-llama", "-o", "folder/"), "did you mean tensorseed/tiny-llama?"),
        (("export", "tiny-llama", "folder"), "did you mean tensorseed/tiny-llama?"),
        (("plan", "tensorseed/tiny-llama@seed42"), "there are main, seed-42 for any seed"),
        (("recipes", "nowhere"), "no recipe has 'nowhere' in it"),
    ],
)
def test_a_refusal_names_the_remedy(arguments: tuple[str, ...], told: str) -> None:
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert told in result.stderr


def test_an_option_of_another_program_is_known() -> None:
    assert "Did you mean '--output'?" in invoke("fetch", "x", "--out", "y").stderr
    assert "it is part of SPEC" in invoke("plan", "x", "--seed", "3").stderr
    context = checkout.make_context("tensorseed", [], resilient_parsing=True)
    commands = [checkout.get_command(context, name) for name in COMMANDS]
    known = {name for command in commands for param in command.params for name in param.opts}
    assert {f"--{name}" for names in SYNONYMS.values() for name in names} <= known
    of_spec = [checkout.get_command(context, name) for name in ("plan", "fetch")]
    assert not {f"--{name}" for name in HINTS} & {
        name for command in of_spec for param in command.params for name in param.opts
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_examples_and_exit_codes(name: str) -> None:
    text = CliRunner().invoke(checkout, [name, "--help"]).stdout
    assert f"\nExamples:\n  $ tensorseed {name}" in text or name == "key"
    assert "\nExit codes:\n  0 " in text
    assert "..." not in text.replace("[OPTIONS]", "").replace("]...", "")


def test_show_describes_files_of_any_program(tmp_path: Path) -> None:
    values = np.array([[1.0, 2.0, np.nan], [4.0, -np.inf, 0.0]], np.float16)
    path = tmp_path / "theirs.safetensors"
    arrays = {"w": values, "i": np.arange(5, dtype=np.int16), "e": np.zeros((0, 2), np.float32)}
    safetensors.numpy.save_file(arrays, path, {"format": "np"})
    result = invoke("show", path, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert (found["recipe"], found["metadata"]) == (None, {"format": "np"})
    each = {tensor.pop("name"): tensor for tensor in found["tensors"]}
    finite = [1.0, 2.0, 4.0, 0.0]
    assert each["w"] == {
        "dtype": "F16",
        "shape": [2, 3],
        "bytes": 12,
        "mean": pytest.approx(np.mean(finite)),
        "std": pytest.approx(np.std(finite)),
        "min": 0.0,
        "max": 4.0,
        "zeros": 1,
        "nonfinite": 2,
    }
    assert (each["i"]["mean"], each["i"]["max"]) == (2.0, 4.0)
    assert each["e"]["mean"] is None
    path.write_bytes(path.read_bytes()[:-1])
    cut = invoke("show", path)
    assert cut.exit_code == 0
    assert cut.stderr == "Warning: the file lacks 1 bytes\n"


def test_statistics_of_many_chunks_are_those_of_numpy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tensorseed.client.statistics.CHUNK_ELEMENTS", 7)
    path = tmp_path / "w.safetensors"
    assert invoke("fetch", "shape=9,11&init=normal&mean=3&std=0.5", "-o", path).exit_code == 0
    values = safetensors.numpy.load_file(path)["weight"].astype(np.float64)
    (found,) = json.loads(invoke("show", path, "--json").stdout)["tensors"]
    assert [found["mean"], found["std"]] == pytest.approx([values.mean(), values.std()], rel=1e-12)
    assert [found["min"], found["max"]] == [values.min(), values.max()]
    lines = invoke("show", path, "--no-statistics").stdout.splitlines()
    assert lines[-1].split() == ["weight", "9,11", "F32", "396", "B"]
    assert any(line.startswith("tensorseed.recipe: {") for line in lines)


def test_recipes_are_those_of_a_service(url: str) -> None:
    here = json.loads(invoke("recipes", "tiny", "llama", "--json").stdout)
    there = json.loads(invoke("recipes", "tiny", "llama", "--json", "--url", url).stdout)
    assert here == there
    assert {row["family"] for row in here} == {"llama", "LORA"}
    result = invoke("recipes", "tiny-llama")
    assert result.stdout.splitlines()[1].split()[:2] == ["tensorseed/tiny-llama", "llama"]


def test_an_evaluation_in_words_numbers_and_a_picture(url: str, tmp_path: Path) -> None:
    path = tmp_path / "network.json"
    path.write_text(json.dumps(NETWORK))
    result = invoke("evaluate", path, "--plot", tmp_path / "s.svg")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "s.svg").read_text().startswith("<?xml")
    assert invoke("evaluate", path, "--plot", tmp_path / "s.svg").exit_code == 5
    assert invoke("evaluate", path, "--plot", tmp_path / "s.gif").exit_code == 2
    lines = result.stdout.splitlines()
    assert lines[1].split()[:3] == ["a", "Linear", "8,4"]
    assert any(line.startswith("a: ") for line in lines)  # a warning
    here = json.loads(invoke("evaluate", "-", "--json", text=json.dumps(NETWORK)).stdout)
    there = json.loads(invoke("evaluate", path, "--json", "--url", url).stdout)
    assert here == there
    compared = {**NETWORK, "compare": [{"label": "x", "init": {"weight": "ones"}}, {"label": "y", "seed": 1}]}
    rows = invoke("evaluate", "-", text=json.dumps(compared)).stdout.splitlines()
    assert [row.split()[0] for row in rows[:3]] == ["variant", "x", "y"]
    refused = invoke("evaluate", "-", text=json.dumps(SPEC))
    assert refused.exit_code == 1
    assert "/input: input is required" in refused.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(shell: str) -> None:
    result = invoke("completion", shell)
    assert result.exit_code == 0
    assert f"_TENSORSEED_COMPLETE={shell}_complete" in result.stdout


def test_a_reader_that_leaves_ends_a_command_in_silence() -> None:
    command = f"'{sys.executable}' -m tensorseed plan 'shape=2&init=ones' | true; echo $?"
    run = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert (run.stdout, run.stderr) == ("0\n", "")
