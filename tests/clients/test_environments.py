"""Environments of the clients: exact pins, named in one place."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.clients.clients import HERE, NODE, Python, python_of, version_in
from tests.clients.conftest import VERSIONS
from tests.clients.openapi.programs import MODULES
from tests.serving import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()


def test_the_newest_version_is_this_environments() -> None:
    assert version("huggingface_hub") == VERSIONS[0]
    assert version_in((ROOT / "constraints.txt").read_text(), "huggingface_hub") == VERSIONS[0]


def requirements(name: str) -> list[str]:
    lines = [line for line in (HERE / name).read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.]*", line) for line in lines)
    return lines


def test_the_elder_version_is_that_of_the_requirements() -> None:
    lines = requirements("hub-0.36.txt")
    assert version_in("\n".join(lines), "huggingface_hub") == VERSIONS[1]
    assert "hf_transfer" in "".join(lines)


def test_the_generator_in_python_is_pinned() -> None:
    assert version_in("\n".join(requirements("openapi/python.txt")), "openapi_python_client")


def test_transformers_4_is_the_version_that_the_pages_name() -> None:
    lines = requirements("transformers-4.txt")
    assert not {"torch", "numpy"} & {line.partition("==")[0] for line in lines}  # the main environment's
    pinned = version_in("\n".join(lines), "transformers")
    for page in ("recipes.md", "hub.md"):
        text = (ROOT / "docs" / page).read_text()
        assert pinned in text, page
        assert version("transformers").rpartition(".")[0] in text, page


def test_the_stack_is_pinned_and_shares_torch_and_transformers() -> None:
    names = {line.partition("==")[0] for line in requirements("stack.txt")}
    assert not {"torch", "numpy", "transformers", "huggingface_hub"} & names
    assert re.search(r"^LLAMA_CPP_PYTHON := \d+\.\d+\.\d+$", MAKEFILE, re.MULTILINE)


@pytest.mark.parametrize("wanted", VERSIONS)
def test_what_is_installed_is_what_is_named(wanted: str, hub: Python) -> None:
    python = python_of(wanted)
    if hub.python == python:
        assert hub("importlib.metadata:version", "huggingface_hub") == wanted


@pytest.mark.parametrize(("folder", "built"), [(HERE, NODE), (HERE / "openapi", MODULES.parent)])
def test_javascript_is_pinned_and_names_no_registry(folder: Path, built: Path) -> None:
    wanted = json.loads((folder / "package.json").read_text())["dependencies"]
    lock = json.loads((folder / "package-lock.json").read_text())
    assert lock["packages"][""]["dependencies"] == wanted
    assert all("resolved" not in package for package in lock["packages"].values())
    assert all("integrity" in package for name, package in lock["packages"].items() if name)
    for name, pinned in wanted.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", pinned)
        installed = built / "node_modules" / name / "package.json"
        if installed.exists():
            assert json.loads(installed.read_text())["version"] == pinned


def test_the_tests_make_them() -> None:
    assert re.search(r"^test: .*\bclients\b", MAKEFILE, re.MULTILINE)
