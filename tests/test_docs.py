"""Documentation: blocks run, generated tables are current, none lacks."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tensorseed
from service.server.error_handlers import PROBLEMS
from tensorseed.evaluations.containers import CONTAINERS
from tensorseed.evaluations.optimizers import OPTIMIZERS
from tensorseed.evaluations.report import EvaluationWarning, LayerReport, Report
from tensorseed.evaluations.request import EvaluationRequest
from tensorseed.losses import LOSSES
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.spec.layers import LAYERS
from tensorseed.spec.modules import MODULES
from tensorseed.spec.schemes import SCHEME_CLASSES
from tests.blocks import MARKER, Block, blocks, commands_of, script
from tests.deploy.fronts import PROGRAMS
from tests.serving import served
from tests.waiting import PROGRAM_PATIENCE
from tools.docs.markdown import names, rendered
from tools.docs.tables import TABLES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = [README, *sorted(DOCS.glob("*.md")), ROOT / "examples" / "README.md", ROOT / "SECURITY.md"]
UNBOUND = {DOCS / "stream-v1.md", DOCS / "file-v1.md", ROOT / "CHANGELOG.md"}  # of the layout of prose
DOCUMENTS = [*PAGES, ROOT / "CHANGELOG.md", *sorted((DOCS / "decisions").glob("*.md"))]
BLOCKS = [block for page in PAGES for block in blocks(page)]
ADDRESS = "127.0.0.1:8000"

RUN = {"console", "sh", "python", "pycon"}
READ = {"json", "text", ""}
NODE = {"js"}  # tests/service/explorer/tensorseed runs them
CONFIGURATIONS = set(PROGRAMS)  # tests/deploy runs them
NOT_RUN = {
    "make": "the verbs set up an environment, serve until interrupted, or run these very tests",
    "bucket": "tests/tensorseed/export runs such commands against a server of S3 of its own",
    "docker": "the tests have no engine",
    "kubectl": "the tests have no cluster; tests/deploy/test_kubernetes.py renders and validates",
    "slurm": "the tests have no cluster; tests/deploy/test_kubernetes.py reads the command line",
    "serve": "it serves until interrupted",
    "torchrun": "tests/test_examples.py runs it, and compares what it prints with the page",
    "node": "tests/test_examples.py and tests/service/explorer run it, and skip it where node is missing",
}
LIBRARY = hasattr(tensorseed, "open")  # the library's front door: its blocks run once it is there


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server started as a user starts it, on a free port."""
    with served() as (_, port):
        yield f"127.0.0.1:{port}"


def runs(block: Block) -> bool:
    return block.language in RUN and not block.needs and (LIBRARY or block.language != "pycon")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.skipif(shutil.which("curl") is None, reason="the pages use curl")
@pytest.mark.parametrize("page", [p for p in PAGES if any(map(runs, blocks(p)))], ids=name_of)
def test_every_block_runs_and_prints_what_the_page_says(page: Path, address: str, tmp_path: Path) -> None:
    """One shell runs all blocks of a page in order, as a reader does."""
    found = commands_of([block for block in blocks(page) if runs(block)])
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TENSORSEED_", "HF_"))}
    run = subprocess.run(
        ["bash", "-eu"],
        input=script(found).replace(ADDRESS, address),
        cwd=tmp_path,
        env={
            **kept,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HF_HOME": str(tmp_path / "huggingface"),
            "HF_HUB_DISABLE_TELEMETRY": "1",
        },
        capture_output=True,
        text=True,
        timeout=PROGRAM_PATIENCE,
    )
    printed = run.stdout.split(f"{MARKER}\n")
    assert run.returncode == 0, (
        f"{found[len(printed) - 1].text}\n{run.stdout[-1_000:]}\n{run.stderr[-2_000:]}"
    )
    for command, got in zip(found, printed[:-1], strict=True):
        if command.printed is not None:
            assert got.rstrip("\n") == command.printed.rstrip("\n"), command.text


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{name_of(block.page)}:{block.line}")
def test_every_block_is_run_or_says_what_it_needs(block: Block) -> None:
    assert block.language in RUN | READ | NODE | CONFIGURATIONS
    assert not block.needs or block.needs in NOT_RUN or block.language in CONFIGURATIONS
    if block.language == "json":
        json.loads(block.text)


def test_no_reason_is_left_over() -> None:
    needs = {block.needs for block in BLOCKS if block.language not in CONFIGURATIONS}
    assert needs - {""} == set(NOT_RUN)


def test_the_readme_is_short() -> None:
    lines = README.read_text().splitlines()
    assert len(lines) <= 120
    picture = next(index for index, line in enumerate(lines) if "![" in line)
    assert picture < 10


def test_the_first_block_is_the_two_commands() -> None:
    first = blocks(README)[0]
    assert first.language == "sh"
    assert [line.split("#")[0].strip() for line in first.text.splitlines()] == ["make run", "make test"]
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"run", "test"} <= set(targets)


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=name_of)
def test_the_tables_are_what_is_generated_now(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert rendered(text) == text, "run make docs"


def test_every_table_has_its_place() -> None:
    placed = [name for page in DOCS.glob("*.md") for name in names(page.read_text(encoding="utf-8"))]
    assert sorted(placed) == sorted(TABLES)


SPEC = (DOCS / "spec.md").read_text()
EVALUATIONS = (DOCS / "evaluations.md").read_text()
EXPECTED = [name for name, cls in LOSSES.items() if cls.model_construct().expectation((2, 3))]
CODES = re.findall(r"\b[a-z]+_[a-z]+\b", EvaluationWarning.model_fields["code"].description or "")


@pytest.mark.parametrize("spelling", [name for cls in SCHEME_CLASSES for name in cls.spellings()])
def test_every_scheme_has_a_row(spelling: str) -> None:
    assert re.search(rf"^\| .*`{spelling}\b", SPEC, re.MULTILINE)


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_type_has_a_row(layer: str) -> None:
    assert re.search(rf"^\| `{layer}\(", SPEC, re.MULTILINE)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_has_a_row(dtype: str) -> None:
    assert f"| `{dtype}` |" in SPEC


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_has_a_row(loss: str) -> None:
    assert f"\n| `{loss}` |" in (DOCS / "losses.md").read_text()


@pytest.mark.parametrize("problem", sorted({kind.type for kind in PROBLEMS.kinds.values()}))
def test_every_problem_has_a_row(problem: str) -> None:
    assert f"| `{problem}` |" in (DOCS / "http.md").read_text()


@pytest.mark.parametrize(
    "field",
    sorted(
        {*EvaluationRequest.model_fields, *Report.model_fields, *LayerReport.model_fields, *CODES}
        - {"weights"}
    ),
)
def test_every_field_and_warning_of_an_evaluation_is_explained(field: str) -> None:
    assert f"`{field}`" in EVALUATIONS


@pytest.mark.parametrize("name", [*MODULES, *CONTAINERS, *OPTIMIZERS, *EXPECTED])
def test_every_module_optimizer_and_expected_loss_is_named(name: str) -> None:
    assert re.search(rf"\b{name}\b", EVALUATIONS)


def test_every_decision_is_listed() -> None:
    folder = DOCS / "decisions"
    index = (folder / "README.md").read_text()
    records = sorted(p.name for p in folder.glob("0*.md"))
    assert records
    assert re.findall(r"\]\((.*?)\)", index) == records


def test_the_index_leads_to_every_page() -> None:
    index = (DOCS / "README.md").read_text()
    pages = {page.name for page in DOCS.glob("*.md")} - {"README.md"}
    assert pages <= set(re.findall(r"\]\(([\w-]+\.md)\)", index))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_within_the_project_lead_somewhere(document: Path) -> None:
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)]+))?\)", text):
        target = document.parent / path if path else document
        assert target.exists(), path
        if anchor:
            assert anchor in anchors(target), f"{path}#{anchor}"


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_nothing_is_left_to_be_filled_in(document: Path) -> None:
    """Outside of its blocks of code no line is a word in capitals alone."""
    assert re.findall(r"^\W*[A-Z][A-Z _]{2,}\W*$", "\n".join(prose(document)), re.MULTILINE) == []


@pytest.mark.parametrize("page", [p for p in DOCUMENTS if p not in UNBOUND], ids=name_of)
def test_prose_has_one_sentence_a_line(page: Path) -> None:
    for line in prose(page):
        assert len(line) <= 120, line
        assert not re.search(r"[a-z)`*]\. [A-Z`*\[]", line), line


def prose(document: Path) -> list[str]:
    """The lines outside of blocks of code and tables, each link as its words."""
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    lines = [line for line in text.splitlines() if not line.startswith("|")]
    return [re.sub(r"\]\([^)]*\)", "]", line) for line in lines]
