"""The JavaScript module against the frozen vectors."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from tests.service.explorer.tensorseed.module import HERE, MODULE, needs_node
from tests.serving import ROOT
from tests.waiting import PROGRAM_PATIENCE

VECTORS = ROOT / "tests" / "vectors"

SERVICE_ONLY = {"parts"}  # inits that the module does not compute


@pytest.fixture(scope="module")
def report() -> Any:
    """The counts and differences of `vectors.mjs`."""
    command = ["node", HERE / "vectors.mjs", MODULE, VECTORS]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=PROGRAM_PATIENCE, check=False)
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


@needs_node
def test_every_vector_is_met_bit_for_bit(report: Any) -> None:
    assert report["differences"] == []


@needs_node
def test_no_vector_is_left_out_but_those_of_the_service_alone(report: Any) -> None:
    requests = [vector["request"] for vector in read("files.json")]
    inits = Counter(parse_qs(urlsplit(request).query)["init"][0] for request in requests)
    unsupported = {init: count for init, count in inits.items() if init in SERVICE_ONLY}
    assert report["unsupported"] == unsupported
    counts = report["counts"]
    assert counts["files"] == len(requests) - sum(unsupported.values())
    assert counts["slices"] > counts["files"]
    assert counts["elements"] == len(read("elements.json"))
    stages = read("stages.json")
    assert {stage for stage in stages if counts[stage] < len(stages[stage])} == set()
    assert counts["spec tensors"] > 100


def read(name: str) -> Any:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def test_the_constants_are_those_of_the_page() -> None:
    """Vectors may miss a coefficient of a rare region: the source has every constant of the stream."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in sorted(MODULE.rglob("*.js")))
    numbers = np.array(re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.])", source), np.float64)
    constants = json.loads((ROOT / "docs" / "stream-v1.constants.json").read_text(encoding="utf-8"))
    computed = {"ROOT_2", *(f"EXP{index}" for index in range(14))}
    for precision in (np.float32, np.float64):
        known = set(numbers[np.abs(numbers) < 1e30].astype(precision))
        named = constants[precision.__name__].items()
        missing = {name for name, constant in named if precision(constant["value"]) not in known}
        assert missing <= computed
