"""Installed wheel, run from another directory."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from tensorseed.checkpoints.library import shipped
from tests.serving import ROOT, served

SOURCES = ["pyproject.toml", "setup.py", "README.md", "tensorseed", "service"]
README = (ROOT / "README.md").read_text()
URL, DIGEST = re.findall(r"curl -s '[^']*(/v1/weights\?[^']*)' \| sha256sum\n([0-9a-f]{64})", README)[0]
SPEC = re.findall(r"<<'SPEC'\n(.*?)\nSPEC\n", README, re.DOTALL)[0]
SPEC_DIGEST = re.findall(r"([0-9a-f]{64})  mlp.safetensors", README)[0]
EXTRAS = ("torch", "jax", "transformers", "matplotlib", "fastapi", "starlette", "uvicorn", "opentelemetry")


def pip(*arguments: object) -> None:
    command = [sys.executable, "-m", "pip", *map(str, arguments), "--no-deps", "--no-index", "--quiet"]
    subprocess.run([*command, "--disable-pip-version-check"], check=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the installed wheel. It is built of a copy, since setuptools keeps files beside it."""
    folder = tmp_path_factory.mktemp("wheel")
    (folder / "sources").mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / "sources" / name)
    pip("wheel", "--no-build-isolation", "--wheel-dir", folder, folder / "sources")
    (wheel,) = folder.glob("*.whl")
    pip("install", "--target", folder / "site", wheel)
    shutil.rmtree(folder / "sources")
    return folder / "site"


@pytest.fixture(scope="module")
def port(site: Path) -> Iterator[int]:
    with served(module="tensorseed", cwd=site.parent, PYTHONPATH=str(site)) as (_, port):
        yield port


def run(site: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, env=environment, cwd=site.parent, check=True, capture_output=True, text=True
    ).stdout


def get(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        content: bytes = answer.read()
    return content


def test_it_installs_no_other_names(site: Path) -> None:
    names = {path.name for path in site.iterdir()} - {"bin"}
    assert names == {"tensorseed", "tensorseed_service", f"tensorseed-{version('tensorseed')}.dist-info"}


def test_it_has_every_package(site: Path) -> None:
    for folder, installed in (("tensorseed", "tensorseed"), ("service", "tensorseed_service")):
        sources = {path.relative_to(ROOT / folder) for path in (ROOT / folder).rglob("*.py")}
        assert {path.relative_to(site / installed) for path in (site / installed).rglob("*.py")} == sources
        assert (site / installed / "py.typed").is_file()


def test_it_has_every_file_of_the_page(site: Path) -> None:
    static = Path("explorer", "static")
    files = {path.relative_to(ROOT / "service") for path in (ROOT / "service" / static).rglob("*.*")}
    installed = site / "tensorseed_service"
    assert {path.relative_to(installed) for path in (installed / static).rglob("*.*")} == files


def test_it_is_what_runs(site: Path) -> None:
    code = "import tensorseed, tensorseed_service.commands as c; print(tensorseed.__file__, c.__file__)"
    assert all(path.startswith(str(site)) for path in run(site, "-c", code).split())


def test_its_command_line_answers(site: Path) -> None:
    assert run(site, "-m", "tensorseed", "--version") == f"tensorseed, version {version('tensorseed')}\n"
    assert "TENSORSEED_PORT=8000" in run(site, "-m", "tensorseed", "settings")
    assert (site / "bin" / "tensorseed").is_file()


def test_the_library_needs_no_extra(site: Path) -> None:
    (site.parent / "mlp.json").write_text(SPEC)
    code = f"""
import sys
sys.modules.update(dict.fromkeys({EXTRAS}))
from tensorseed.__main__ import main
main(["fetch", "mlp.json", "-o", "mlp.safetensors"])
"""
    run(site, "-c", code)
    assert hashlib.sha256((site.parent / "mlp.safetensors").read_bytes()).hexdigest() == SPEC_DIGEST


def test_its_recipes_are_found(site: Path, port: int) -> None:
    code = "from tensorseed.checkpoints.library import shipped; print(shipped())"
    assert run(site, "-c", code).strip() == str(site / "tensorseed" / "checkpoints" / "recipes")
    listed = json.loads(get(port, "/v1/recipes"))
    assert len(listed) == len(list(shipped().glob("*.json")))


def test_it_serves_the_digest_of_the_readme(port: int) -> None:
    assert hashlib.sha256(get(port, URL)).hexdigest() == DIGEST


def test_it_serves_a_file_of_the_hub(port: int) -> None:
    assert json.loads(get(port, "/tensorseed/tiny-llama/resolve/main/config.json"))["model_type"] == "llama"
    assert b'"__metadata__"' in get(port, "/tensorseed/tiny-llama/resolve/main/model.safetensors")[:4096]
