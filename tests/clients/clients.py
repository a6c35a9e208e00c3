"""The clients: where they are, and how a test speaks to one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tests.serving import ROOT
from tests.waiting import PROGRAM_PATIENCE

HERE = Path(__file__).parent
BUILD = ROOT / "build" / "clients"
NODE = BUILD / "node"
REMEDY = "run make clients"


class ClientError(Exception):
    """What a client raised: the names of its classes, the innermost first, and its message."""

    def __init__(self, kinds: list[str], message: str) -> None:
        super().__init__(f"{kinds[0]}: {message}")
        self.kinds = kinds


def python_of(version: str) -> Path:
    """The Python that holds a version of huggingface_hub. Skips the test where it was not made."""
    here = metadata.version("huggingface_hub") == version
    folder = Path(sys.prefix) if here else BUILD / f"hub-{version.rpartition('.')[0]}"
    python = folder / "bin" / "python"
    if not python.exists():
        pytest.skip(f"huggingface_hub {version} is not installed: {REMEDY}")
    return python


def version_in(requirements: str, package: str) -> str:
    """The exact version of a package in a file of requirements."""
    lines = (line.partition("==") for line in requirements.splitlines())
    return next(version for name, _, version in lines if name.lower().replace("-", "_") == package)


def environment(endpoint: str, home: Path, **more: str) -> dict[str, str]:
    """The environment of a client: nothing is reached but the endpoint, and nothing is kept but in `home`."""
    nowhere = "http://127.0.0.1:1"
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "OPENBLAS_CORETYPE") if name in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "HF_HOME": str(home / "huggingface"),
        "HF_ENDPOINT": endpoint,
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_COLOR": "1",
        "http_proxy": nowhere,
        "https_proxy": nowhere,
        "no_proxy": "127.0.0.1",
        **more,
    }


class Python:
    """A Python client in a process of its own, which does one call after the other."""

    def __init__(self, python: Path, endpoint: str, home: Path, **more: str) -> None:
        self.python = python
        self.environment = environment(endpoint, home, **more)
        self._process = subprocess.Popen(
            [python, HERE / "driver.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self.environment,
            text=True,
        )

    def __call__(self, call: str, *args: Any, **given: Any) -> Any:
        """The result of `module:function`, or of `module:Class.method`. Raises ClientError."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(
            json.dumps({"call": call, "args": args, "given": given}, default=str),
            file=self._process.stdin,
            flush=True,
        )
        answer = json.loads(self._process.stdout.readline())
        if "kinds" in answer:
            raise ClientError(answer["kinds"], answer["message"])
        return answer["result"]

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=PROGRAM_PATIENCE)


def command(
    python: Path, endpoint: str, home: Path, *words: str | Path, **more: str
) -> subprocess.CompletedProcess[str]:
    """What the command line `hf` of a client does."""
    return subprocess.run(
        [python.with_name("hf"), *words],
        env=environment(endpoint, home, **more),
        capture_output=True,
        text=True,
        timeout=PROGRAM_PATIENCE,
    )


def javascript(function: str, endpoint: str, home: Path, **given: Any) -> Any:
    """The result of a function of call.mjs under Node. Raises ClientError; skips where there is no Node."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    if not (NODE / "node_modules").exists():
        pytest.skip(f"@huggingface/hub is not installed: {REMEDY}")
    told = json.dumps({"hubUrl": endpoint, **given}, default=str)
    run = subprocess.run(
        [node, HERE / "call.mjs", NODE, function, told],
        env=environment(endpoint, home),
        capture_output=True,
        text=True,
        timeout=PROGRAM_PATIENCE,
    )
    assert run.returncode == 0, run.stderr
    answer = json.loads(run.stdout.splitlines()[-1])
    if "kinds" in answer:
        raise ClientError(answer["kinds"], answer["message"])
    return answer["result"]
