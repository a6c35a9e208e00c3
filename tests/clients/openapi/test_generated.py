"""Generated clients of the OpenAPI document, against a live server."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clients.clients import BUILD, REMEDY
from tests.clients.conftest import read
from tests.clients.openapi.programs import DOCUMENT, HERE, MODULES, run
from tests.waiting import PROGRAM_PATIENCE

PYTHON = BUILD / "openapi-python" / "bin" / "python"
QUERY = "/v1/weights?shape=256,784&init=xavier_uniform&seed=42"
DIGEST = "0e8d0fd8ff0d534e95ae5d44132ef80e48fc40548ccfbefeacc0526d572980d3"
REQUESTS: dict[str, Any] = {
    "spec": {
        "seed": 42,
        "layers": [
            {
                "name": "fc",
                "type": "Linear",
                "in_features": 784,
                "out_features": 256,
                "init": {"bias": "zeros"},
            }
        ],
    },
    "loss": {"input": [[1.0, 2.0, 0.5]], "target": [1], "gradients": ["input"]},
    "evaluation": {
        "seed": 42,
        "layers": [
            {"name": "fc1", "type": "Linear", "in_features": 8, "out_features": 16, "init": "kaiming_normal"},
            {"type": "ReLU"},
            {"name": "fc2", "type": "Linear", "in_features": 16, "out_features": 4},
        ],
        "input": {"shape": [16, 8], "init": "normal"},
        "target": {"classes": 4},
        "loss": "cross_entropy",
        "optimizer": {"kind": "SGD", "lr": 0.1},
        "steps": 2,
    },
}
"""The requests of `requests.ts`."""

# Of models whose members are one of 120 layers and modules, mypy needs 15 seconds each.
MYPY = r"""
[mypy]
strict = true
warn_redundant_casts = false
exclude = models/(concat|evaluation_request|residual|sequential)\.py$

[mypy-tensorseed_client.models.concat,tensorseed_client.models.evaluation_request]
follow_imports = skip

[mypy-tensorseed_client.models.residual,tensorseed_client.models.sequential]
follow_imports = skip
"""


@pytest.fixture(scope="module")
def expected(port: int) -> dict[str, Any]:
    """What nobody's client gets."""

    def post(path: str, name: str) -> Any:
        body = json.dumps(REQUESTS[name]).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        return json.loads(read(port, path, "POST", body, **headers).body)

    return {
        "weights": DIGEST,
        "plan": post("/v1/weights/plan", "spec")["etag"],
        "loss": post("/v1/losses/cross_entropy", "loss")["loss"],
        "evaluation": post("/v1/evaluations", "evaluation")["loss"],
    }


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of three clients in TypeScript, with a program on each, compiled together."""
    folder = tmp_path_factory.mktemp("typescript")
    for source in (*HERE.glob("*.ts"), HERE / "tsconfig.json", HERE / "orval.config.cjs", DOCUMENT):
        shutil.copy(source, folder)
    (folder / "node_modules").symlink_to(MODULES)
    document = "openapi.json"

    def generate(program: str, *words: str) -> None:
        run(program, *words, home=folder)

    generate(
        *("openapi-typescript", document, "--default-non-nullable=false"),
        *("--output", "generated/openapi-typescript.ts"),
    )
    generate(
        *("openapi-ts", "--input", document, "--output", "generated/hey-api"),
        *("--client", "@hey-api/client-fetch", "--no-log-file"),
    )
    generate("orval", "--config", "orval.config.cjs")
    generate("tsc", "--project", "tsconfig.json")
    return folder


@pytest.mark.parametrize("client", ["openapi-typescript", "hey-api", "orval"])
def test_a_client_in_typescript(client: str, compiled: Path, port: int, expected: dict[str, Any]) -> None:
    printed = run(f"compiled/{client}.js", f"http://127.0.0.1:{port}", home=compiled)
    assert json.loads(printed.splitlines()[-1]) == expected


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a client in Python, with a program on it."""
    if not PYTHON.exists():
        pytest.skip(f"openapi-python-client is not installed: {REMEDY}")
    folder = tmp_path_factory.mktemp("python")
    shutil.copy(HERE / "program.py", folder)
    (folder / "mypy.ini").write_text(MYPY)
    (folder / "config.yml").write_text("post_hooks: []\n")  # the newest ruff makes it ill-typed
    made = subprocess.run(
        [
            *(PYTHON.with_name("openapi-python-client"), "generate", "--path", DOCUMENT),
            *("--config", "config.yml", "--output-path", "tensorseed_client", "--meta", "none"),
            "--fail-on-warning",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PROGRAM_PATIENCE,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


def test_a_client_in_python(package: Path, port: int, expected: dict[str, Any]) -> None:
    words = [PYTHON, "program.py", f"http://127.0.0.1:{port}", json.dumps(REQUESTS)]
    done = subprocess.run(words, cwd=package, capture_output=True, text=True, timeout=PROGRAM_PATIENCE)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected


def test_a_client_in_python_is_typed(package: Path) -> None:
    options = ("--config-file", "mypy.ini", "--python-executable", PYTHON, ".")
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", *options],
        cwd=package,
        capture_output=True,
        text=True,
        timeout=PROGRAM_PATIENCE,
    )
    assert checked.returncode == 0, checked.stdout[-4_000:]
