"""The command line: every command, imported when it runs."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from service.__main__ import main as checkout
from tensorseed.__main__ import COMMANDS, Commands, main
from tensorseed.commands.names import _ELSEWHERE

HEAVY = ("numba", "numpy", "torch", "pydantic", "httpx", "fastapi", "uvicorn", "importlib.metadata")
PROGRAMS = {"tensorseed": main, "service": checkout}


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summary_is_that_of_the_command(name: str) -> None:
    command = checkout.get_command(checkout.make_context("tensorseed", [], resilient_parsing=True), name)
    assert command is not None
    assert command.name == name
    assert command.get_short_help_str(limit=200).removesuffix(".") == COMMANDS[name].summary


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_lists_every_command_and_imports_none(program: str) -> None:
    result = CliRunner().invoke(PROGRAMS[program], ["--help"])
    for name, entry in COMMANDS.items():
        assert f"{name} " in result.output
        assert entry.summary in result.output
    code = f"""
import sys
from {program}.__main__ import main
main(["--help"], standalone_mode=False)
print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""
    assert run(code).stderr == "[]\n"


def test_version() -> None:
    assert CliRunner().invoke(main, ["--version"]).output.startswith("tensorseed, version ")


def test_an_unknown_command_is_corrected() -> None:
    result = CliRunner().invoke(main, ["fetsh"])
    assert result.exit_code == 2
    assert "fetch" in result.output


@pytest.mark.parametrize(
    ("name", "proposed"),
    [("download", "fetch"), ("ls", "recipes"), ("inspect", "show"), ("start", "serve"), ("help", "--help")],
)
def test_a_name_of_another_program_is_known(name: str, proposed: str) -> None:
    result = CliRunner().invoke(main, [name, "x"])
    assert result.exit_code == 2
    assert f"No such command {name!r}. Did you mean {proposed!r}?" in result.stderr


def test_no_name_means_two_commands() -> None:
    words = [word for names in _ELSEWHERE.values() for word in names.split()]
    assert len(words) == len({*words, *COMMANDS}) - len(COMMANDS)
    assert set(_ELSEWHERE) <= set(COMMANDS)


def test_names_are_completed() -> None:
    context = main.make_context("tensorseed", [], resilient_parsing=True)
    assert [(item.value, item.help) for item in main.shell_complete(context, "ver")] == [
        ("verify", COMMANDS["verify"].summary)
    ]
    assert [item.value for item in main.shell_complete(context, "--v")] == ["--version"]


@pytest.mark.parametrize(
    ("arguments", "module", "remedy"),
    [
        (["serve"], "fastapi", "serve needs fastapi: install tensorseed[service]"),
        (["serve"], "service", "serve needs service.commands: install tensorseed[service]"),
        (["settings"], "pydantic_settings", "settings needs pydantic_settings: install tensorseed[service]"),
        (["fetch", "-", "-o", "x"], "httpx", "fetch needs httpx: install tensorseed"),
    ],
)
def test_a_missing_extra_is_named(arguments: list[str], module: str, remedy: str) -> None:
    code = f"""
import sys
sys.modules[{module!r}] = None
from tensorseed.__main__ import program
program("service")({arguments})
"""
    result = run(code)
    assert result.returncode == 2
    assert remedy in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unexpected_error_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "fetch", COMMANDS["fetch"]._replace(module="tensorseed.nowhere"))
    result = CliRunner().invoke(main, ["fetch"])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: unexpected \"ModuleNotFoundError: No module named 'tensorseed")
    assert result.stderr.count("\n") == 1
    shown = CliRunner(env={"TENSORSEED_TRACEBACK": "1"}).invoke(main, ["fetch"])
    assert isinstance(shown.exception, ModuleNotFoundError)


IMPORTED = """
import sys
import click
click.group(commands={"name": click.Command("name")})(lambda: None)(["--help"], standalone_mode=False)
before = {*sys.modules}
from tensorseed.__main__ import main
main(["--help"], standalone_mode=False)
print(*sorted({*sys.modules} - before), file=sys.stderr)
"""


def test_help_loads_few_modules_beside_those_of_click() -> None:
    loaded = run(IMPORTED).stderr.split()
    assert "tensorseed.commands.names" in loaded
    assert {name.partition(".")[0] for name in loaded} <= {"tensorseed", "signal"}
    assert len(loaded) <= 12


def test_the_program_of_a_checkout_has_its_own_service() -> None:
    assert isinstance(checkout, Commands)
    assert (main.service, checkout.service) == ("tensorseed_service", "service")
