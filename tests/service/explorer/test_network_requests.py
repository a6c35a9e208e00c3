"""Requests of the room of networks, and the faults that its texts name."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Client

ROOT = Path(__file__).parents[3]
MODULES = ROOT / "service" / "explorer" / "static" / "rooms" / "network"
PROGRAM = Path(__file__).with_name("network.mjs")
NODE = shutil.which("node")
GAIN = 1.5
INITS: list[dict[str, Any]] = [
    {"kind": "normal", "std": 0.02},
    {"kind": "trunc_normal", "std": 0.3},
    {"kind": "trunc_normal", "mean": 1, "std": 2, "cutoff": 1.5},
    {"kind": "trunc_normal", "a": "-Infinity", "b": 1},
    {"kind": "uniform", "a": -0.1, "b": 0.1},
    {"kind": "uniform"},
    {"kind": "sparse", "sparsity": 0.5},
    {"kind": "orthogonal"},
    {"kind": "lecun_uniform"},
    {"kind": "lecun_normal"},
    {"kind": "variance_scaling", "scale": 2},
    *({"kind": kind} for kind in ("xavier_uniform", "glorot_normal", "kaiming_normal", "he_uniform")),
    *({"kind": "kaiming_uniform", "nonlinearity": name} for name in ("relu", "tanh", "selu", "linear")),
    {"kind": "kaiming_normal", "a": 5**0.5, "mode": "fan_out"},
]
TEXT = '{"a/b": [1,\n  {"c": "x\\"]"}, [],\n {}, {"~": -1.5e3}], "d": null}'
PLACES = {
    "": (1, 1),
    "/a~1b": (1, 9),
    "/a~1b/1": (2, 3),
    "/a~1b/1/c": (2, 9),
    "/a~1b/4/~0": (3, 12),
    "/d": (3, 27),
    "/d/none/such": (3, 27),
    "/a~1b/9": (1, 9),
}
VARIANTS = {
    "zeros": {"label": "zeros", "init": "zeros"},
    "normal:std=0.02,mean=1": {
        "label": "normal std=0.02 mean=1",
        "init": {"kind": "normal", "std": 0.02, "mean": 1},
    },
    "siren:first=true": {"label": "siren first=true", "init": {"kind": "siren", "first": True}},
    "SGD:momentum=0.9": {
        "label": "SGD momentum=0.9",
        "optimizer": {"kind": "SGD", "lr": 0.1, "momentum": 0.9},
    },
    "Adam:lr=1e-4": {"label": "Adam lr=1e-4", "optimizer": {"kind": "Adam", "lr": 0.0001}},
    "given": {"label": "as given"},
    "given:GPT-2": {"label": "GPT-2"},
    '{"label": "two", "seed": 2}': {"label": "two", "seed": 2},
    "{": "{",
}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the modules compute, under Node."""
    if NODE is None:
        pytest.skip("node is not here: install Node.js to test the modules of the page")
    folder = tmp_path_factory.mktemp("modules")
    for name in ("pointers", "presets", "request"):
        shutil.copy(MODULES / f"{name}.js", folder / f"{name}.mjs")
    shutil.copy(PROGRAM, folder)
    given = {"inits": INITS, "gain": GAIN, "text": TEXT, "pointers": [*PLACES], "variants": [*VARIANTS]}
    command = [NODE, PROGRAM.name, json.dumps(given)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def evaluated(client: Client, text: str) -> list[dict[str, Any]]:
    answer = client.post("/v1/evaluations", content=text, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    reports: list[dict[str, Any]] = answer.json()["reports"]
    return reports


@pytest.mark.parametrize("kind", ["presets", "lessons"])
def test_the_faults_are_those_of_the_text(client: Client, room: dict[str, Any], kind: str) -> None:
    assert len(room[kind]) == 6
    for case in room[kind]:
        reports = evaluated(client, case["text"])
        faulty = [report["label"] for report in reports if report["warnings"]]
        assert faulty == [report["label"] for report in reports if report["label"] in case["faulty"]], case[
            "id"
        ]
        assert len(faulty) == len(case["faulty"]), case["id"]
        assert all(len(report["steps"]) == 1 for report in reports)


def test_the_ends_of_all_sliders_are_valid(client: Client, room: dict[str, Any]) -> None:
    for case in room["extremes"]:
        assert len(evaluated(client, case["text"])) == 1, case["id"]


def test_gain_multiplies_the_deviation(client: Client, room: dict[str, Any]) -> None:
    def deviations(inits: list[dict[str, Any]]) -> list[float]:
        layers = [
            {"name": f"w{index}", "type": "Tensor", "shape": [64, 32], "init": init}
            for index, init in enumerate(inits)
        ]
        answer = client.post("/v1/weights/plan", json={"layers": layers})
        assert answer.status_code == 200, answer.text
        return [tensor["std"] for tensor in answer.json()["tensors"]]

    wanted = [GAIN * std for std in deviations(INITS)]
    assert deviations(room["scaled"]) == pytest.approx(wanted, rel=1e-5)


def test_a_variant_is_a_short_text(room: dict[str, Any]) -> None:
    assert room["variants"] == [*VARIANTS.values()]
    assert room["list"] == ["zeros", "normal:std=0.02"]


def test_a_pointer_has_a_line_and_a_column(room: dict[str, Any]) -> None:
    assert [(place["line"], place["column"]) for place in room["places"]] == [*PLACES.values()]
    assert room["unreadable"] is None
