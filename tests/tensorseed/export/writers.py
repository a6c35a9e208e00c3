"""Writers in processes forked from one that has everything loaded."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

from tensorseed.devices.local import LocalSettings
from tensorseed.export.report import Report
from tests.tensorseed.export.stores import export
from tests.waiting import PATIENCE

MIB = 1 << 20
_ENTRY = {"type": "Tensor", "shape": [5, MIB], "init": "normal", "dtype": "bfloat16"}
LARGE = {"seed": 1, "layers": [{"name": "v", **_ENTRY}, {"name": "w", **_ENTRY}]}
NBYTES = 2 * 10 * MIB


def kill_after(
    nbytes: int, spec: Path, place: str, variables: dict[str, str], number: int = signal.SIGKILL
) -> int:
    """Run a writer, and kill it once it has computed so many bytes, parts of which are under way by then.

    `number` is the signal. Returns the exit code.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    reached = context.Event()
    process = context.Process(target=_write, args=(nbytes, reached, str(spec), place, variables, number))
    process.start()
    assert reached.wait(PATIENCE)
    assert process.pid is not None
    os.kill(process.pid, number)
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _write(
    nbytes: int, reached: object, spec: str, place: str, variables: dict[str, str], number: int
) -> None:
    seen, advance = 0, Report.advance
    pause = 60 if number == signal.SIGKILL else 1  # other signals wait for the chunk

    def stopping(report: Report, count: int) -> None:
        nonlocal seen
        advance(report, count)
        seen += count
        if seen >= nbytes:
            reached.set()
            time.sleep(pause)

    Report.advance = stopping  # type: ignore[method-assign]
    sys.exit(export(variables, spec, place, "--quiet").exit_code)


def _load() -> None:
    """Load the kernels, so that a writer begins at once."""
    from tensorseed.client.local_compute import computation_of, file_of
    from tensorseed.client.source import Source

    small = {**LARGE, "layers": [{"name": "w", **_ENTRY, "shape": [64]}]}
    file = file_of(Source(spec=json.dumps(small).encode()))
    for _ in computation_of(file, LocalSettings(1, None)).chunks():
        pass


_load()
