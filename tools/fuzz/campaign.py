"""Campaign of atheris against a target, in a child process.

libFuzzer ends the process that it runs in.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tools.fuzz.targets import MODULES, load

INSTRUMENTED = ["service", "tools.fuzz", "json", "base64", "urllib.parse"]
GRACE_SECONDS = 120.0  # for imports under instrumentation, and for the last input
LONGEST = 4096  # bytes of an input
MEMORY_MIB = 4096
SLOW_SECONDS = 20  # an input that takes longer is a fault

_PROGRESS = re.compile(r"#(\d+)\s+\w+.*?cov: (\d+) ft: (\d+)")
_EXECUTED = re.compile(r"stat::number_of_executed_units: (\d+)")
_ENDED = re.compile(r"Done (\d+) runs")


@dataclass(frozen=True, slots=True)
class Campaign:
    """What a run has found. `fault` is empty, or tells of the input that was handled badly."""

    target: str
    executions: int
    edges: int  # of the instrumented code, reached
    features: int  # edges with their counts and comparisons, reached
    fault: str

    def __str__(self) -> str:
        return f"{self.executions:,} executions, {self.edges:,} edges, {self.features:,} features"


def is_available() -> bool:
    """Whether atheris is installed; there is none for every platform."""
    return find_spec("atheris") is not None


def run(name: str, seconds: float, seed: int = 1) -> Campaign:
    """Fuzz a target, or a module that is one, for so long. Inputs that reach something new are not kept."""
    with tempfile.TemporaryDirectory(prefix="tensorseed-fuzz-") as folder:
        found = Path(folder) / "found"
        found.mkdir()
        command = [sys.executable, "-m", "tools.fuzz.campaign", MODULES.get(name, name), str(found)]
        command += [f"-max_total_time={max(1, round(seconds))}", f"-seed={seed}", f"-max_len={LONGEST}"]
        command += [f"-rss_limit_mb={MEMORY_MIB}", f"-timeout={SLOW_SECONDS}", "-print_final_stats=1"]
        command += [f"-artifact_prefix={folder}/"]
        try:
            ended = subprocess.run(command, capture_output=True, timeout=seconds + GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            return Campaign(name, 0, 0, 0, "it did not end")
        return _read(
            name, ended.returncode, ended.stderr.decode("utf-8", "replace"), ended.stdout, Path(folder)
        )


def _read(name: str, status: int, log: str, output: bytes, folder: Path) -> Campaign:
    progress = [tuple(map(int, numbers)) for numbers in _PROGRESS.findall(log)]
    executed = _EXECUTED.findall(log) or _ENDED.findall(log)
    executions = int(executed[-1]) if executed else max((count for count, *_ in progress), default=0)
    edges, features = progress[-1][1:] if progress else (0, 0)
    fault = "" if status == 0 else "\n".join((f"status {status}", *_inputs(folder), _told(output, log)))
    return Campaign(name, executions, edges, features, fault)


def _inputs(folder: Path) -> Iterator[str]:
    """The inputs at fault, which libFuzzer writes beside those it found."""
    for file in folder.iterdir():
        if file.is_file():
            yield f"{file.name}: {file.read_bytes()!r}"


def _told(output: bytes, log: str) -> str:
    """The exception that ended it, which stands on standard output, or else the end of the log."""
    text = output.decode("utf-8", "replace")
    start = text.rfind("=== Uncaught Python exception")
    return text[start:] if start >= 0 else log[-2000:]


def _fuzz(module: str, folder: str, arguments: list[str]) -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=[*INSTRUMENTED, module], enable_loader_override=False):
        target = load(module)
    for number, data in enumerate(target.corpus):
        (Path(folder) / f"{number:03}").write_bytes(data)
    atheris.Setup([sys.argv[0], *arguments, folder], atheris.instrument_func(target.check))
    atheris.Fuzz()


if __name__ == "__main__":
    _fuzz(sys.argv[1], sys.argv[2], sys.argv[3:])
