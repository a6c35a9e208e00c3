"""The JavaScript module against a service, and the blocks of its page."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.blocks import blocks
from tests.service.explorer.tensorseed.module import HERE, MODULE, needs_node
from tests.serving import ROOT, served
from tests.waiting import PROGRAM_PATIENCE

pytestmark = needs_node

PAGE = ROOT / "docs" / "javascript.md"
PRINTED = re.compile(r"console\.log\(.*\); // (.*)$", re.MULTILINE)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served() as (_, port):
        yield f"http://127.0.0.1:{port}"


def node(*arguments: str | Path, cwd: Path = ROOT) -> str:
    """The output of a script."""
    finished = subprocess.run(
        ["node", *arguments], capture_output=True, text=True, timeout=PROGRAM_PATIENCE, check=False, cwd=cwd
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_the_client_and_what_it_generates(url: str) -> None:
    assert int(node(HERE / "client.mjs", MODULE, url)) > 10


def test_the_blocks_of_the_page_print_what_it_says(url: str, tmp_path: Path) -> None:
    """A package that links the module, as npm installs it."""
    packages = tmp_path / "node_modules"
    packages.mkdir()
    (packages / "tensorseed").symlink_to(MODULE)
    found = [block for block in blocks(PAGE) if block.language == "js"]
    assert found
    for block in found:
        script = tmp_path / f"line-{block.line}.mjs"
        script.write_text(block.text.replace("http://127.0.0.1:8000", url), encoding="utf-8")
        assert node(script, cwd=tmp_path).splitlines() == PRINTED.findall(block.text), block.line
