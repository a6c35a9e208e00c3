"""Faults with tests of their own, run by pytest."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[2]

SUITES = {
    "the dearest requests of every route, beside the event loop": (
        "tests/service/server/test_event_loop.py",
    ),
    "requests framed in every wrong way": (
        "tests/service/server/connections/test_chunks.py",
        "tests/service/server/connections/test_request_head.py",
        "tests/service/server/connections/test_upgrade.py",
    ),
    "more connections than file descriptors": ("tests/service/server/connections/test_descriptors.py",),
    "keys files that change, break, and are none": ("tests/service/server/test_keys.py",),
    "torch with other kernels": ("tests/tensorseed/spec/test_torch_identity.py",),
    "servers that lie to a client": ("tests/tensorseed/client/test_hostile.py",),
    "JSON that says two things, or is huge": (
        "tests/tensorseed/spec/json/test_text.py",
        "tests/tensorseed/spec/json/test_structure.py",
    ),
    "integers that a float lacks": ("tests/tensorseed/spec/test_numbers.py",),
    "nginx, Caddy, HAProxy, Varnish and Apache in front": ("tests/deploy/test_proxies.py",),
    "exports of 2 GB, of 5 GB in one object, and writers killed anywhere": (
        "tests/tensorseed/export/test_faults.py",
        "tests/tensorseed/export/test_ray.py",
    ),
    "faults that set off alerts of Prometheus, and clear": ("tests/deploy/test_prometheus.py",),
}
"""Test files by the fault that they provoke."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The numbers of tests."""

    passed: int
    failed: int
    skipped: int

    @property
    def borne(self) -> bool:
        """Whether no test failed, and not all were skipped for want of a program."""
        return not self.failed and self.passed + self.skipped > 0


def run(paths: Sequence[str]) -> Outcome:
    """The outcome of test files. Faults are told on standard error."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
        env = {**os.environ, "TENSORSEED_SOAK": "1"}  # sizes that take minutes
        subprocess.run([*command, *paths], cwd=ROOT, env=env, stdout=sys.stderr, check=False)
        if not report.exists():
            return Outcome(0, 1, 0)
        suites = ElementTree.parse(report).getroot().iter("testsuite")
        counts = [{name: int(suite.get(name, 0)) for name in _COUNTS} for suite in suites]
    tests, failures, errors, skipped = (sum(count[name] for count in counts) for name in _COUNTS)
    return Outcome(tests - failures - errors - skipped, failures + errors, skipped)


_COUNTS = ("tests", "failures", "errors", "skipped")
