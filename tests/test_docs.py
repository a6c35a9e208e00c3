"""The README is true: its blocks run against a live server, and nothing that exists is missing from it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tensorseed.evaluations.optimizers import OPTIMIZERS
from tensorseed.evaluations.report import EvaluationWarning, LayerReport, Report
from tensorseed.evaluations.request import EvaluationRequest
from tensorseed.losses import LOSSES
from tensorseed.spec.layers import LAYERS
from tensorseed.spec.modules import MODULES
from tensorseed.spec.schemes import SCHEME_CLASSES
from tests.serving import served

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
SESSIONS = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
ADDRESS = "127.0.0.1:8000"


def commands(session: str) -> list[tuple[str, str]]:
    """Each command of a console block with what it prints. A here-document's lines belong to its command."""
    found: list[tuple[str, str]] = []
    until = ""
    for line in session.splitlines(keepends=True):
        if until:
            found[-1] = (found[-1][0] + line, "")
            until = "" if line.strip() == until else until
        elif line.startswith("$ "):
            found.append((line[2:], ""))
            here = re.search(r"<<'(\w+)'", line)
            until = here[1] if here else ""
        else:
            found[-1] = (found[-1][0], found[-1][1] + line)
    return found


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server started as a user starts it, on a free port."""
    with served() as (_, port):
        yield f"127.0.0.1:{port}"


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README's lines use curl")
def test_every_console_block_prints_what_the_readme_says(address, tmp_path):
    """One shell runs all blocks in order, as a reader does."""
    marker = "-- end of command --"
    pairs = [pair for session in SESSIONS for pair in commands(session)]
    script = "".join(f"{command}echo '{marker}'\n" for command, _ in pairs)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run = subprocess.run(
        ["bash", "-eu"],
        input=script.replace(ADDRESS, address),
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    printed = run.stdout.split(f"{marker}\n")[:-1]
    assert len(pairs) > 6
    for (command, expected), got in zip(pairs, printed, strict=True):
        assert got.rstrip("\n") == expected.rstrip("\n"), command


def test_the_first_block_is_the_two_commands():
    first = re.search(r"```sh\n(.*?)```", README, re.DOTALL)
    assert first is not None
    assert [line.split("#")[0].strip() for line in first[1].splitlines()] == ["make run", "make test"]
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"run", "test"} <= set(targets)


@pytest.mark.parametrize("scheme", SCHEME_CLASSES, ids=lambda s: s.spellings()[0])
def test_every_scheme_has_a_row(scheme):
    for spelling in scheme.spellings():
        assert f"`{spelling}" in README


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_has_a_row(loss):
    assert re.search(rf"^\| `{loss}` \| [^|]+ \| [^|]+ \|$", README, re.MULTILINE)


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_type_is_named(layer):
    assert re.search(rf"\b{layer}\b", README)


EXPECTED = [name for name, cls in LOSSES.items() if cls.model_construct().expectation((2, 3))]
EVALUATIONS = (ROOT / "docs" / "evaluations.md").read_text()
CODES = re.findall(r"\b[a-z]+_[a-z]+\b", EvaluationWarning.model_fields["code"].description or "")


@pytest.mark.parametrize(
    "field",
    sorted(
        {*EvaluationRequest.model_fields, *Report.model_fields, *LayerReport.model_fields, *CODES}
        - {"weights"}
    ),
)
def test_every_field_and_warning_of_an_evaluation_is_explained(field):
    assert f"`{field}`" in EVALUATIONS


@pytest.mark.parametrize("name", [*MODULES, *OPTIMIZERS, *EXPECTED])
def test_every_module_optimizer_and_expected_loss_is_named(name):
    assert re.search(rf"\b{name}\b", EVALUATIONS)


def test_every_decision_is_listed():
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()
    records = sorted(p.name for p in folder.glob("0*.md"))
    assert records
    assert re.findall(r"\]\((.*?)\)", index) == records


@pytest.mark.parametrize("document", ["README.md", "docs/stream-v1.md", "CHANGELOG.md"])
def test_links_within_the_project_lead_somewhere(document):
    path = ROOT / document
    for link in re.findall(r"\]\(((?!https?:)[^)#]+)", path.read_text()):
        assert (path.parent / link).exists(), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_left_to_be_filled_in(document):
    """Outside of its blocks of code no line is a word in capitals alone."""
    prose = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    assert re.findall(r"^\W*[A-Z][A-Z _]{2,}\W*$", prose, re.MULTILINE) == []
