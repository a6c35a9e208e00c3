"""The scripts of examples/, run as their page says."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.blocks import blocks
from tests.serving import ROOT, served
from tests.waiting import PROGRAM_PATIENCE
from tools.notebook import rerun

EXAMPLES = ROOT / "examples"
FIRST = ["0.09105457", "0.00962579", "-0.03245293"]  # of mlp.json's first weight, in every language


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served() as (_, port):
        yield f"http://127.0.0.1:{port}"


def run(*command: str) -> str:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    finished = subprocess.run(
        command, capture_output=True, text=True, timeout=PROGRAM_PATIENCE, env=environment
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


def test_torch(url: str) -> None:
    printed = run(sys.executable, str(EXAMPLES / "torch_model.py"), url)
    assert f"first weights: {FIRST}" in printed
    assert "output: (1, 10)" in printed


def test_fsdp2() -> None:
    """The page's digests; those of torch's own initialisation depend on its version, and differ."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "4"]
    printed = run(*torchrun, str(EXAMPLES / "fsdp2.py"))
    (block,) = (block for block in blocks(EXAMPLES / "README.md") if block.needs == "torchrun")
    page = block.text.partition("\n")[2]
    width = page.index("torch.nn.init.normal_")
    assert [line[:width].rstrip() for line in printed.splitlines()] == [
        line[:width].rstrip() for line in page.splitlines()
    ]
    assert len({line[width:] for line in printed.splitlines()[1:-1]}) > 2
    table = re.findall(r"`([0-9a-f]{8})`", (EXAMPLES.parent / "README.md").read_text())
    assert set(table) == {digest[:8] for digest in re.findall(r"\b[0-9a-f]{16}\b", page)}


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
def test_jax(url: str) -> None:
    printed = run(sys.executable, str(EXAMPLES / "jax_params.py"), url)
    assert "deviation of the first kernel: 0.0505" in printed  # √(2 / 784)
    assert "output: (1, 10)" in printed


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
def test_jax_shards() -> None:
    printed = run(sys.executable, str(EXAMPLES / "jax_sharded.py"))
    lines = [
        re.fullmatch(r"\w+: shards of (\(.*\)), sha256 ([0-9a-f]{64})", line) for line in printed.splitlines()
    ]
    assert [line[1] for line in lines if line] == ["(784, 256)", "(196, 256)", "(392, 128)"]
    assert {line[2] for line in lines if line} == {
        "9d6e00b2c80d59de21f2a1fd9164bc4ade521c45935130dccae1e2d95088a895"
    }


@needs("node")
def test_javascript(url: str) -> None:
    printed = run("node", str(EXAMPLES / "weights.mjs"), url)
    assert all(printed.count(f"'{number}'") == 2 for number in FIRST)  # fetched, and made here


@needs("curl")
def test_curl(url: str) -> None:
    printed = run("bash", str(EXAMPLES / "curl.sh"), url)
    assert "sha256: 5ef7280c01a4f863433b0a85c5c571aa874cee5b532f6da77d19669c573fa034" in printed
    (numbers,) = json.loads(printed.splitlines()[-1])["tensors"]["0.weight"]["data"]
    assert [f"{number:.8f}" for number in numbers] == FIRST


def test_notebook(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new run prints what the notebook holds, and draws as many pictures."""
    monkeypatch.setenv("TENSORSEED_URL", url)
    path = EXAMPLES / "initialisation.ipynb"
    assert path.stat().st_size < 300_000
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert outputs(rerun(stored)) == outputs(stored)


def outputs(notebook: dict[str, Any]) -> list[tuple[str, str]]:
    """What each output is, with its text; a picture's is its size."""
    found = []
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            text = output.get("text") or output["data"]["text/plain"]
            found.append((output["output_type"], "".join(text)))
    return found


def test_every_script_is_listed_and_tested() -> None:
    scripts = {path.name for path in EXAMPLES.iterdir()} - {"README.md", "mlp.json", "__pycache__"}
    index = (EXAMPLES / "README.md").read_text()
    assert all(f"]({name})" in index for name in scripts)
    assert all(f'"{name}"' in Path(__file__).read_text() for name in scripts)
