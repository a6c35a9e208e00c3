"""A server in a process of its own, started as a user starts it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tests.waiting import PATIENCE, PROGRAM_PATIENCE

ROOT = Path(__file__).parents[1]
IDLE_SECONDS = "86400"  # beyond PATIENCE: what a test waits for shall not come from this limit


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def served(
    *options: str,
    module: str = "service",
    cwd: Path = ROOT,
    stderr: IO[bytes] | None = None,
    **variables: str,
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The process and port of a ready server, ended afterwards. Its log goes to `stderr`.

    It drops no client that reads or sends nothing.

    Raises:
        RuntimeError: if the server ends before it is ready, or is not ready in time.
    """
    port = free_port()
    command = [sys.executable, "-m", module, "serve", "--port", str(port), *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TENSORSEED_")}
    environment |= {"TENSORSEED_IDLE_SECONDS": IDLE_SECONDS, **variables}
    with (
        tempfile.TemporaryFile() if stderr is None else contextlib.nullcontext(stderr) as log,
        subprocess.Popen(command, stderr=log, env=environment, cwd=cwd) as process,
    ):
        try:
            end = time.monotonic() + PROGRAM_PATIENCE
            while status(port, "/readyz") != 200:
                if process.poll() is not None or time.monotonic() > end:
                    log.seek(0)
                    raise RuntimeError(f"the server did not start: {log.read().decode()[-2_000:]}")
                time.sleep(0.1)
            yield process, port
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()


def status(port: int, path: str) -> int:
    """The status of one answer; 0 where nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0
