"""`tensorseed fetch` and `verify`: exit codes, messages, files."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner

from tensorseed.__main__ import main
from tensorseed.client.errors import ClientError, DiskError, MismatchError, NetworkError, RefusedError
from tensorseed.client.local_compute import compute_into
from tensorseed.client.part_file import PartFile, Target
from tensorseed.commands.base import CODES
from tensorseed.commands.fetch import _check_stream
from tensorseed.devices.local import LocalSettings
from tensorseed.spec.spec_token import encode_token
from tests.serving import ROOT
from tests.tensorseed.client.conftest import SPEC, Between, bytes_of, file_of

FILE = file_of()
DATA = bytes_of(FILE)
_WEIGHT = FILE.entry("fc.0.weight").start
FILE_PART = DATA[_WEIGHT + 3 * 2_800 : _WEIGHT + 5 * 2_800]  # rows 3 and 4, of 700 float32


def invoke(*arguments: object, text: str | None = None, **env: str) -> Any:
    return CliRunner(env=env).invoke(main, [str(argument) for argument in arguments], input=text)


def test_here_and_there_are_the_same_bytes(url: str, spec: Path, tmp_path: Path) -> None:
    assert invoke("fetch", spec, "-o", tmp_path / "here").exit_code == 0
    assert invoke("fetch", spec, "-o", tmp_path / "there", "--url", url).exit_code == 0
    assert (tmp_path / "here").read_bytes() == (tmp_path / "there").read_bytes() == DATA


def test_standard_output_takes_a_file(
    url: str, spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = f"standard output: {FILE.size:,} bytes, SHA-256 {hashlib.sha256(DATA).hexdigest()}, "
    for more, verb in (
        ((), "computed in "),
        (("--url", url), "downloaded and verified in "),
        (("--url", url, "--no-verify"), "downloaded in "),
    ):
        result = invoke("fetch", spec, "-o", "-", *more)
        assert (result.exit_code, result.stdout_bytes) == (0, DATA), result.stderr
        assert result.stderr.startswith(line + verb)
    quiet = invoke("fetch", spec, "-o", "-", "--quiet")
    assert (quiet.stdout_bytes, quiet.stderr) == (DATA, "")
    assert {path.name for path in tmp_path.iterdir()} <= {spec.name}


def test_standard_output_without_a_digest_is_compared_with_what_is_computed_here(
    url: str, between: Between
) -> None:
    part = f"{url}/v1/weights/{encode_token(FILE.resolved)}/tensors/fc.0.weight?slice=3:5,:"
    good = invoke("fetch", part, "-o", "-")
    assert (good.exit_code, good.stdout_bytes[-5600:]) == (0, FILE_PART)
    assert "downloaded and verified in " in good.stderr
    between.change = lambda body: body[:-1] + bytes([body[-1] ^ 1])
    bad = invoke("fetch", part, "-o", "-")
    assert bad.exit_code == 4
    assert "what was written is not what its recipe gives: throw it away" in bad.stderr
    assert invoke("fetch", part, "-o", "-", "--no-verify").exit_code == 0


def test_an_interrupted_stream_begins_anew(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tensorseed.client.stream_output.compute_to", interrupted)
    result = invoke("fetch", spec, "-o", "-")
    assert (result.exit_code, result.stderr) == (130, "interrupted: start anew\n")


@pytest.mark.parametrize("option", [["--restart"], ["--force"], ["--connections", "2"]], ids=str)
def test_standard_output_has_no_use_for_some_options(option: list[str]) -> None:
    result = invoke("fetch", "s1.abc", "-o", "-", *option)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{option[0]} has no use with -o -" in result.stderr


def test_a_terminal_takes_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorseed.commands.fetch.sys.stdout", SimpleNamespace(isatty=lambda: True))
    with pytest.raises(click.UsageError, match="a terminal cannot show"):
        _check_stream(as_json=False)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_token_and_standard_input_are_computed_here(tmp_path: Path, threads: int) -> None:
    token = encode_token(FILE.resolved)
    for text, given in ((token, None), ("-", json.dumps(SPEC))):
        output = tmp_path / text[:1]
        result = invoke("fetch", text, "-o", output, "--threads", threads, text=given)
        line = f"{output}: {FILE.size:,} bytes, SHA-256 {hashlib.sha256(DATA).hexdigest()}, computed in "
        assert (result.exit_code, result.stdout) == (0, "")
        assert result.stderr.startswith(line)
        assert output.read_bytes() == DATA


def test_a_rule_without_use_is_a_warning(url: str, tmp_path: Path) -> None:
    spec = tmp_path / "ruled.json"
    spec.write_text(json.dumps({**SPEC, "rules": [{"match": "nothing", "init": "ones"}]}))
    for more in ((), ("--url", url)):
        result = invoke("fetch", spec, "-o", tmp_path / "w", "--force", "--quiet", *more)
        line = "Warning: rule 0, match nothing, decided no tensor: correct it, or leave it out\n"
        assert (result.exit_code, result.stderr) == (0, line)
        assert (tmp_path / "w").read_bytes() == DATA


def test_generator_torch_is_computed_here(url: str, tmp_path: Path) -> None:
    spec = tmp_path / "torch.json"
    spec.write_text(json.dumps({**SPEC, "generator": "torch", "layers": SPEC["layers"][:1]}))  # type: ignore[index]
    assert invoke("fetch", spec, "-o", tmp_path / "here").exit_code == 0
    assert invoke("fetch", spec, "-o", tmp_path / "there", "--url", url).exit_code == 0
    assert (tmp_path / "here").read_bytes() == (tmp_path / "there").read_bytes()
    assert invoke("verify", tmp_path / "here").exit_code == 0


def test_what_is_computed_here_goes_on_where_it_ended(spec: Path, tmp_path: Path) -> None:
    output = tmp_path / "w"
    with PartFile(Target(output), f'"{FILE.digest}"', FILE.size) as part:
        part.write(1000, DATA[1000:2_000_000])
        part.mark(1000, 2_000_000)
        came: list[int] = []
        compute_into(part, FILE, LocalSettings(2, None), came.append)
        assert sum(came) == FILE.size - 1_999_000
        part.finish()
    assert output.read_bytes() == DATA


def test_verify_says_which_tensor(spec: Path, tmp_path: Path) -> None:
    path = tmp_path / "w"
    path.write_bytes(DATA)
    good = invoke("verify", path)
    assert good.exit_code == 0
    assert good.output.count("equal      ") == len(FILE.entries())
    assert invoke("verify", "-q", path).output == ""
    data = bytearray(DATA)
    data[FILE.entry("fc.1.bias").start] ^= 1
    path.write_bytes(data)
    bad = invoke("verify", "-q", path)
    assert bad.exit_code == 4
    assert bad.output.startswith("different  fc.1.bias  1 of 500 elements differ, the first at [0]: ")
    result = invoke("verify", "--json", path)
    assert result.exit_code == 4
    assert json.loads(result.output)["equal"] is False


def _unknown(tmp_path: Path) -> list[object]:
    path = tmp_path / "plain"
    path.write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    return ["verify", path]


def _cut(tmp_path: Path) -> list[object]:
    path = tmp_path / "cut"
    path.write_bytes(DATA[:100])
    return ["verify", path]


def _bad(tmp_path: Path) -> list[object]:
    path = tmp_path / "bad.json"
    path.write_text('{"layers": 5}')
    return ["fetch", path, "-o", tmp_path / "w"]


CASES: list[tuple[int, str, Callable[[Path], list[object]]]] = [
    (1, "/layers: layers must be a list", _bad),
    (1, "holds no recipe", _unknown),
    (1, "this token stands for no file", lambda path: ["fetch", "s1.abc", "-o", path / "w"]),
    (2, "--url", lambda path: ["fetch", "s1.abc", "-o", path / "w", "--url", "host:80"]),
    (2, "take it from a plan", lambda path: ["fetch", "http://a/v1/b", "-o", path / "w"]),
    (2, "give a URL such", lambda path: ["fetch", "s1.abc", "-o", path / "w", "--url", "http://h:99999"]),
    (2, "give a URL such", lambda path: ["fetch", "s1.abc", "-o", path / "w", "--url", "http://[::1"]),
    (
        1,
        "too long for a URL: give the spec instead",
        lambda path: ["fetch", "s1." + "a" * 99_999, "-o", path / "w", "--url", "http://127.0.0.1:1"],
    ),
    (2, "copy it whole", lambda path: ["fetch", "s1.abc", "-o", path / "w", "--key", "a b"]),
    (2, "Missing argument", lambda _: ["fetch"]),
    (2, "cannot both have standard output", lambda _: ["fetch", "s1.abc", "-o", "-", "--json"]),
    (
        3,
        "nothing answers at http://127.0.0.1:1: is it running? Start one with: tensorseed serve",
        lambda path: ["fetch", "s1.abc", "-o", path / "w", "--url", "http://127.0.0.1:1"],
    ),
    (4, "not a whole safetensors file", _cut),
    (5, "cannot be read (no such file", lambda path: ["verify", path / "none"]),
    (5, "cannot be read (no such file", lambda path: ["fetch", path / "none", "-o", path / "w"]),
    (5, "is no regular file", lambda path: (os.mkfifo(path / "pipe"), ["verify", path / "pipe"])[1]),
    (5, "is no regular file", lambda path: ["verify", "/dev/zero"]),
    (1, "has more than 1,000 bytes", lambda path: ["fetch", "/dev/zero", "-o", path / "w"]),
    (5, "cannot be read (is a directory", lambda path: ["fetch", path, "-o", path / "w"]),
]


@pytest.mark.parametrize(("code", "told", "arguments"), CASES, ids=[case[1] for case in CASES])
def test_exit_codes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    told: str,
    arguments: Callable[[Path], list[object]],
) -> None:
    monkeypatch.setattr("tensorseed.client.source.MAX_INPUT_BYTES", 1_000)
    result = invoke(*arguments(tmp_path))
    assert result.exit_code == code
    assert told in result.output
    assert "Traceback" not in result.output
    assert result.stdout == ""
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize(
    ("variable", "value"),
    [("ALL_PROXY", "socks5://h:1"), ("ALL_PROXY", "ftp://h"), ("SSL_CERT_FILE", "/nonexistent\x1b[1m")],
)
def test_an_environment_that_cannot_be_used_is_told(tmp_path: Path, variable: str, value: str) -> None:
    result = invoke("fetch", "s1.abc", "-o", tmp_path / "w", "--url", "http://h", **{variable: value})
    assert result.exit_code == 3
    assert "change HTTP_PROXY, ALL_PROXY or SSL_CERT_FILE" in result.stderr
    assert "\x1b" not in result.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_are_no_files(spec: Path, tmp_path: Path, closed: str) -> None:
    fetching = f'"$0" -m tensorseed fetch "$1" -o "$2" {closed} && "$0" -m tensorseed verify -q "$2" {closed}'
    run = subprocess.run(["sh", "-c", fetching, sys.executable, spec, tmp_path / "w"], cwd=ROOT)
    assert run.returncode == 0
    assert (tmp_path / "w").read_bytes() == DATA


def test_what_a_closed_standard_output_loses_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(DATA)
    for command in (["verify", tmp_path / "w"], ["--version"]):
        run = subprocess.run(
            ["sh", "-c", '"$0" -m tensorseed "$@" >&-', sys.executable, *command],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert (run.returncode, run.stderr) == (
            5,
            "Error: standard output is closed: name a file, as in > FILE\n",
        )


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_a_name_steers_no_terminal(tmp_path: Path, option: list[str]) -> None:
    header = json.loads(FILE.header[8:])
    end = max(entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__")
    header["\x1b[31m"] = {"dtype": "U8", "shape": [0], "data_offsets": [end, end]}
    raw = json.dumps(header).encode()
    path = tmp_path / "\x1b[1mw\udcff"
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + DATA[len(FILE.header) :])
    result = invoke("verify", *option, path)
    assert result.exit_code == 4
    assert "31m" in result.output
    assert "\x1b" not in result.output


def test_every_exit_code_is_documented() -> None:
    kinds = [ClientError, RefusedError, NetworkError, MismatchError, DiskError]
    page = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()
    for code in {0, 2, 130, *(kind.exit_code for kind in kinds)}:
        assert f"\n| {code} | " in page
        assert re.search(rf"^{code} ", CODES, re.MULTILINE)


def test_an_interruption_is_130(spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tensorseed.client.local_compute.compute_into", interrupted)
    result = invoke("fetch", spec, "-o", tmp_path / "w")
    assert result.exit_code == 130
    assert "goes on from here" in result.output


def test_the_key_of_the_environment(url: str, between: Between, spec: Path, tmp_path: Path) -> None:
    arguments = ("fetch", spec, "--force", "-o", tmp_path / "w")
    assert invoke(*arguments, "--url", url, TENSORSEED_KEY="secret").exit_code == 0
    assert {headers["authorization"] for _, _, headers in between.requests} == {"Bearer secret"}
    assert invoke(*arguments, TENSORSEED_KEY="secret").exit_code == 0  # and where it is not needed


def test_the_commands_start_without_what_only_the_work_needs() -> None:
    """`tensorseed serve` imports the commands too."""
    heavy = ["httpx", "rich", "torch", "tensorseed.client.download", "tensorseed.client.verify"]
    modules = "exits, fetch, verify, plan, show, evaluate, recipes, completion"
    code = f"""
import sys
from tensorseed.commands import {modules}
print([m for m in {heavy} if m in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_fetching_needs_neither_torch_nor_the_compiler() -> None:
    heavy = ["numba", "torch", "pydantic"]
    code = f"import sys, tensorseed.client.download; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
def test_a_terminal_sees_a_bar_and_a_pipe_sees_nothing(spec: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tensorseed", "fetch", str(spec), "-o", str(tmp_path / "w"), "--force"]
    for quiet in ([], ["--quiet"]):
        reader, writer = os.openpty()
        with os.fdopen(reader, "rb", buffering=0) as shown:
            subprocess.run([*command, *quiet], stderr=writer, check=True, env={**os.environ, "TERM": "xterm"})
            os.write(writer, b"end\n")
            os.close(writer)
            seen = b""
            while b"end" not in seen:
                seen += shown.read(1 << 16)
        assert (b"MiB" in seen) == (not quiet)
    run = subprocess.run(command, capture_output=True, check=True)
    assert (run.stdout, run.stderr.count(b"\n"), b"\x1b" in run.stderr) == (b"", 1, False)
    assert subprocess.run([*command, "--quiet"], capture_output=True, check=True).stderr == b""
