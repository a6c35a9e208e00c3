"""Standard streams that are closed or broken."""

from __future__ import annotations

import contextlib
import itertools
import os
import shlex
import signal
import subprocess
import sys
import time

import pytest

from tests.serving import ROOT, free_port, status
from tests.waiting import PROGRAM_PATIENCE

CLOSED = {0: "<&-", 1: ">&-", 2: "2>&-"}
SETS = [closed for count in (1, 2, 3) for closed in itertools.combinations(CLOSED, count)]


@pytest.mark.parametrize("closed", SETS)
def test_what_is_closed_is_the_null_device(closed: tuple[int, ...]) -> None:
    """Here and in child processes."""
    program = f"""
import os, subprocess, sys
from tensorseed.concurrency.streams import open_missing
open_missing()
null = os.stat(os.devnull).st_rdev
assert all(os.fstat(number).st_rdev == null for number in {closed})
print("written", file=sys.stdout)
print("written", file=sys.stderr)
child = "import os; os._exit(any(os.fstat(n).st_rdev != os.stat(os.devnull).st_rdev for n in {closed}))"
os._exit(subprocess.run([sys.executable, "-c", child], close_fds=False).returncode)
"""
    redirections = " ".join(CLOSED[number] for number in closed)
    command = f"{shlex.join([sys.executable, '-c', program])} {redirections}"
    assert subprocess.run(["bash", "-c", command], cwd=ROOT).returncode == 0


@pytest.mark.parametrize(
    ("ending", "workers"), [("2>&-", 1), ("2>&- >&- <&-", 2), ("2>&1 | head -1", 1), ("2>&1 | head -1", 2)]
)
def test_a_server_without_streams_serves_and_stops(ending: str, workers: int) -> None:
    """Also one whose log goes to a reader that has ended."""
    port = free_port()
    serve = [
        sys.executable,
        "-m",
        "service",
        "serve",
        f"--port={port}",
        f"--workers={workers}",
        "--access-log",
    ]
    command = f"{{ {shlex.join(serve)} & echo $! >&9; wait $!; echo $? >&9; }} {ending}"
    reader, writer = os.pipe()
    with (
        open(reader) as told,
        subprocess.Popen(
            ["bash", "-c", f"exec 9>&{writer}; {command}"],
            cwd=ROOT,
            pass_fds=[writer],
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        ) as process,
    ):
        os.close(writer)
        try:
            pid = int(told.readline())
            end = time.monotonic() + PROGRAM_PATIENCE
            while status(port, "/readyz") != 200:
                assert time.monotonic() < end
                time.sleep(0.1)
            for _ in range(20):
                assert status(port, "/v1/schemes") == 200
            os.kill(pid, signal.SIGTERM)
            assert int(told.readline()) == 0
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
