"""Architecture: order, sizes, cycles and prose, by docs/architecture.md."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
PACKAGES = ("tensorseed", "service")
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
MAX_LINES = 300
MAX_MODULES = 20
MAX_SUMMARY = 72
DOCUMENTED = [
    path
    for folder in (*PACKAGES, "tests", "tools", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path.name != "__init__.py" or path.read_text().strip()
]


def imported(module: str) -> Iterator[str]:
    """The modules of the project that a module imports, wherever in it, for types too."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*parents, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                if inner in MODULES or source in MODULES:
                    yield inner if inner in MODULES else source


def test_no_files_import_each_other_in_a_circle() -> None:
    graph = {module: set(imported(module)) - {module} for module in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def imported_at_import(node: ast.AST) -> Iterator[str]:
    """The modules that running `node` at import time imports: not in functions, not for type checkers."""
    match node:
        case ast.Import():
            yield from (alias.name for alias in node.names)
        case ast.ImportFrom(module=str(module), level=0):
            yield module
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
            return
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            for child in node.orelse:
                yield from imported_at_import(child)
        case _:
            for child in ast.iter_child_nodes(node):
                yield from imported_at_import(child)


def test_only_the_torch_executor_of_sampling_imports_torch_with_itself() -> None:
    importers = {
        module
        for module, path in MODULES.items()
        if module.startswith("tensorseed.sampling.")
        for name in imported_at_import(ast.parse(path.read_text()))
        if name.partition(".")[0] == "torch"
    }
    assert importers == {"tensorseed.sampling.executors.tensor"}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_at_most_300_lines(module: str) -> None:
    assert len(MODULES[module].read_text().splitlines()) <= MAX_LINES


def test_a_folder_has_at_most_20_modules() -> None:
    folders = {path.parent for path in MODULES.values()}
    for folder in folders:
        modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(modules) <= MAX_MODULES, folder


@pytest.mark.parametrize("path", DOCUMENTED, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_has_a_short_summary_in_the_terms_of_the_field(path: Path) -> None:
    summary = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]
    assert 0 < len(summary) <= MAX_SUMMARY
    assert re.match(r"(What|Who|How|Where|Which|From)\b", summary) is None


def tree() -> set[str]:
    """The folders in the page's tree, those of the two packages."""
    block = re.search(r"## The tree\n\n```\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    found: set[str] = set()
    parents: list[str] = []
    for line in block[1].splitlines():
        match = re.match(r"( *)([a-z_]+)/ ", line)
        if match is None:
            continue
        depth = len(match[1]) // 2
        parents[depth:] = [match[2]]
        found.add("/".join(parents))
    return {folder for folder in found if folder.split("/")[0] in PACKAGES}


def test_the_tree_has_every_folder() -> None:
    folders = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in [ROOT / package, *(ROOT / package).rglob("*/")]
        if path.is_dir() and "__pycache__" not in path.parts
    }
    assert tree() == folders


def test_every_file_that_a_way_names_exists() -> None:
    ways = PAGE[PAGE.index("## The way of a GET") : PAGE.index("## Rules of the house")]
    named = re.findall(r"`((?:[a-z]+/)+[a-z_]+)(?:\.\w+)?`", ways)
    assert len(named) > 20
    for name in named:
        places = [ROOT / package / name for package in PACKAGES]
        assert any(place.is_dir() or place.with_suffix(".py").exists() for place in places), name


def test_the_order_is_that_of_the_contracts() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = [
        contract for contract in settings["tool"]["importlinter"]["contracts"] if contract["type"] == "layers"
    ]
    block = re.search(r"## The order\n.*?```\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    written = [line.removesuffix(" > tensorseed") for line in block[1].splitlines()]
    assert all(contract["exhaustive"] for contract in contracts)
    assert [order(contract["containers"][0], contract["layers"]) for contract in contracts] == written


def order(container: str, layers: list[str]) -> str:
    """The line of a contract, in which `*` is the files of the folder itself."""
    return f"{container}." + " > ".join("*" if ":" in layer else layer for layer in layers)


def test_a_folder_of_folders_has_an_order() -> None:
    packages = {module for module, path in MODULES.items() if path.name == "__init__.py"}
    nesting = {module.rpartition(".")[0] for module in packages} - {""}
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    assert nesting == {name for contract in contracts for name in contract.get("containers", ())}
