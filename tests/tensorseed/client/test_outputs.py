"""Outputs of commands: nothing is overwritten unasked, and no input."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from service.__main__ import main
from tests.tensorseed.client.conftest import Between, bytes_of, file_of, wait_until
from tests.waiting import PROGRAM_PATIENCE

SPEC = {"layers": [{"name": "w", "type": "Tensor", "shape": [3], "init": "normal"}]}
DATA = bytes_of(file_of(SPEC))
TEXT = json.dumps(SPEC)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))  # for processes of their own
    (tmp_path / "mlp.json").write_text(TEXT)
    return tmp_path


def invoke(*arguments: str, **given: Any) -> Any:
    return CliRunner(**given).invoke(main, arguments)


def link(name: str) -> Callable[[], str]:
    def make() -> str:
        os.symlink("mlp.json", name)
        return name

    return make


def hard_link(name: str) -> Callable[[], str]:
    def make() -> str:
        os.link("mlp.json", name)
        return name

    return make


INPUTS: dict[str, tuple[str, Callable[[], str]]] = {
    "itself": ("mlp.json", lambda: "mlp.json"),
    "dot": ("mlp.json", lambda: "./mlp.json"),
    "folder": ("mlp.json", lambda: f"../{Path.cwd().name}/mlp.json"),
    "absolute": ("mlp.json", lambda: str(Path.cwd() / "mlp.json")),
    "output is a link": ("mlp.json", link("w")),
    "output is a hard link": ("mlp.json", hard_link("w")),
    "input is a link": ("spec.json", lambda: (os.symlink("mlp.json", "spec.json"), "mlp.json")[1]),
    "input is a device": ("/dev/stdin", lambda: "mlp.json"),
    "standard input": ("-", lambda: "mlp.json"),
    "part is the input": ("mlp.json", lambda: (hard_link("w.part")(), "w")[1]),
    "note is the input": ("mlp.json", lambda: (hard_link("w.part.json")(), "w")[1]),
}


@pytest.mark.parametrize("options", [[], ["--force"], ["--force", "--restart"]], ids=str)
@pytest.mark.parametrize("case", INPUTS)
def test_fetch_never_overwrites_its_input(folder: Path, case: str, options: list[str]) -> None:
    source, output = INPUTS[case]
    command = [sys.executable, "-m", "tensorseed", "fetch", source, "-o", output(), *options]
    before = sorted(os.listdir(folder))
    if source.startswith(("-", "/dev")):
        with (folder / "mlp.json").open("rb") as given:
            run = subprocess.run(command, stdin=given, capture_output=True, text=True)
        assert (run.returncode, run.stdout) == (5, "")
        assert "is the input: name another output" in run.stderr
    else:
        result = invoke(*command[3:])
        assert result.exit_code == 5, result.output
        assert "is the input: name another output" in result.stderr
    assert sorted(os.listdir(folder)) == before
    assert (folder / "mlp.json").read_text() == TEXT


@pytest.mark.parametrize("command", [["fetch", "mlp.json"], ["openapi"]], ids=str)
def test_a_file_that_is_there_is_overwritten_by_force_alone(
    folder: Path, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.commands._openapi_text", lambda: b"{}")  # which takes seconds
    option = "-o" if command[0] == "fetch" else "--output"
    (folder / "w").write_text("theirs")
    result = invoke(*command, option, "w")
    assert result.exit_code == 5
    assert result.stderr == "Error: w exists: name another output, or overwrite it with --force\n"
    assert (folder / "w").read_text() == "theirs"
    assert invoke(*command, option, "w", "--force").exit_code == 0
    assert (folder / "w").read_bytes() != b"theirs"
    assert sorted(os.listdir(folder)) == ["mlp.json", "w"]


@pytest.mark.parametrize("options", [[], ["--force"]], ids=str)
@pytest.mark.parametrize("command", [["fetch", "mlp.json", "-o"], ["openapi", "--output"]], ids=str)
@pytest.mark.parametrize(
    ("output", "code"),
    [
        ("pipe", 5),
        ("link", 5),
        ("nowhere", 5),
        ("/dev/null", 5),
        ("/dev/stdout", 5),
        ("missing/w", 5),
        ("mlp.json/w", 5),
        ("x" * 300, 5),
    ],
)
def test_what_is_no_file_is_no_output(
    folder: Path, command: list[str], output: str, code: int, options: list[str]
) -> None:
    (folder / "folder").mkdir()
    (folder / "theirs").write_text("theirs")
    os.mkfifo("pipe")
    os.symlink("theirs", "link")
    os.symlink("gone", "nowhere")
    before = {name: os.lstat(name) for name in [*os.listdir(), "/dev/null", "/dev/stdout"]}
    result = invoke(*command, output, *options)
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit)
    assert "Error: " in result.stderr
    after = {name: os.lstat(name) for name in [*os.listdir(), "/dev/null", "/dev/stdout"]}
    for name, status in before.items():
        assert (after[name].st_ino, after[name].st_mode) == (status.st_ino, status.st_mode)
    assert after.keys() == before.keys()
    assert (folder / "theirs").read_text() == "theirs"


def test_a_folder_is_no_output_of_openapi(folder: Path) -> None:
    assert invoke("openapi", "--output", ".", "--force").exit_code == 2
    assert invoke("openapi", "--output", "", "--force").exit_code == 5


def test_a_file_goes_into_a_folder_by_its_name(folder: Path) -> None:
    (folder / "folder").mkdir()
    for output, name in (("folder", "folder/mlp.safetensors"), (".", "mlp.safetensors")):
        assert invoke("fetch", "mlp.json", "-o", output).exit_code == 0
        assert (folder / name).read_bytes() == DATA
        assert invoke("fetch", "mlp.json", "-o", output).exit_code == 5
    assert invoke("fetch", "mlp.json", "-o", "", "--force").exit_code == 2


def test_a_read_only_file_is_overwritten_by_force_alone(folder: Path) -> None:
    (folder / "w").write_text("theirs")
    (folder / "w").chmod(0o400)
    assert invoke("fetch", "mlp.json", "-o", "w").exit_code == 5
    assert (folder / "w").read_text() == "theirs"
    assert invoke("fetch", "mlp.json", "-o", "w", "--force").exit_code == 0


def test_a_refusal_comes_before_any_request(folder: Path, url: str, between: Between) -> None:
    (folder / "w").write_text("theirs")
    assert invoke("fetch", "mlp.json", "-o", "w", "--url", url).exit_code == 5
    assert between.requests == []


def test_several_at_once_write_one_file(folder: Path, url: str, between: Between) -> None:
    """One of them writes it whole; the others say what is in their way."""
    between.pause = 0.3
    command = [sys.executable, "-m", "tensorseed", "fetch", "mlp.json", "-o", "w", "--url", url]
    with contextlib.ExitStack() as stack:
        running = [
            stack.enter_context(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
            for _ in range(4)
        ]
        told = [process.communicate(timeout=PROGRAM_PATIENCE)[1] for process in running]
    codes = [process.returncode for process in running]
    assert sorted(codes) == [0, 5, 5, 5]
    for code, text in zip(codes, told, strict=True):
        assert text.startswith("w: " if code == 0 else "Error: w")
        assert code == 0 or "is being written by another process" in text or "exists: " in text
    assert (folder / "w").read_bytes() == DATA
    assert sorted(os.listdir()) == ["mlp.json", "w"]


@pytest.mark.parametrize("times", [1, 3])
def test_an_interruption_leaves_a_part_that_is_resumed(
    folder: Path, url: str, between: Between, times: int
) -> None:
    stopped = threading.Event()
    between.pause = 0.5
    between.change = lambda body: (stopped.set(), body)[1]
    command = [sys.executable, "-m", "tensorseed", "fetch", "mlp.json", "-o", "w", "--url", url]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: (folder / "w.part.json").exists() or process.poll() is not None)
        for _ in range(times):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=PROGRAM_PATIENCE)
    assert "Traceback" not in told or times > 1  # Python's own, where it is not given the time to end
    if process.returncode in (130, -signal.SIGINT):  # a later signal finds it ending
        assert not (folder / "w").exists()
        assert invoke("fetch", "mlp.json", "-o", "w", "--url", url).exit_code == 0
    assert (folder / "w").read_bytes() == DATA


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
@pytest.mark.parametrize(
    "command", [["openapi"], ["verify", "w"], ["settings"], ["fetch", "--help"]], ids=str
)
def test_standard_output_that_takes_nothing_is_told(folder: Path, command: list[str]) -> None:
    (folder / "w").write_bytes(DATA)
    run = subprocess.run(
        ["sh", "-c", '"$0" -m service "$@" > /dev/full', sys.executable, *command],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 5
    assert run.stderr.startswith("Error: standard output cannot be written (no space left on device)")


def test_closed_standard_output_is_no_success(folder: Path) -> None:
    command = 'exec "$0" -m tensorseed fetch mlp.json -o - >&-'
    run = subprocess.run(
        ["sh", "-c", command, sys.executable], stderr=subprocess.PIPE, text=True, check=False
    )
    assert run.returncode == 2
    assert "standard output is closed, and would lose the file: add > FILE" in run.stderr


def test_a_library_saves_over_no_input_and_no_device(folder: Path) -> None:
    import tensorseed

    for spec in ("mlp.json", "./mlp.json", folder / "mlp.json"):
        with pytest.raises(OSError, match="is the input"):
            tensorseed.open(spec).save("mlp.json")
    with pytest.raises(OSError, match="is no regular file"):
        tensorseed.open(SPEC).save("/dev/null")
    assert (folder / "mlp.json").read_text() == TEXT
    for _ in range(2):  # as the writers of other libraries do
        tensorseed.open("mlp.json").save("w")
    assert (folder / "w").read_bytes() == DATA
