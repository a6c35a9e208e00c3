"""Time from process start to readiness, against imports."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial

from benchmarks.compare import in_turn, seconds
from benchmarks.effort import Effort
from benchmarks.rows import Row, Target, compared
from benchmarks.servers import environment, free_port, service_command

POLL = 0.01  # seconds
SERVER = "numpy, fastapi, uvicorn"  # what any service of arrays imports


def starting(effort: Effort) -> Iterator[Row]:
    """The uncounted first round fills the cache."""
    theirs = {modules: partial(importing, modules) for modules in ("torch", SERVER)}
    took = in_turn({"ours": until_ready, **theirs}, effort.rounds)
    name = "process start to ready, kernels cached"
    for modules, bound in (("torch", 1.5), (SERVER, 2)):
        against = f'`python -c "import {modules}"`'
        yield compared(name, against, took["ours"], took[modules], target=Target(bound, maximum=True))


def until_ready() -> float:
    """Seconds from the start of `serve` until /readyz answers 200."""
    port = free_port()
    start = time.perf_counter()
    with subprocess.Popen(service_command(port), stderr=subprocess.DEVNULL, env=environment()) as process:
        try:
            while not is_ready(port):
                assert process.poll() is None, "the service did not start"
                time.sleep(POLL)
            return time.perf_counter() - start
        finally:
            process.terminate()


def is_ready(port: int) -> bool:
    """Whether the service on the port says that it is ready."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def importing(modules: str) -> float:
    """Seconds of a process that imports modules and ends."""
    return seconds(lambda: subprocess.run([sys.executable, "-c", f"import {modules}"], check=True))
