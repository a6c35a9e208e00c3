"""The service below a path, behind proxies that remove it."""

from __future__ import annotations

import json
import re
import shutil
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest

from tests.clients.clients import Python, javascript, python_of
from tests.clients.conftest import VERSIONS
from tests.deploy.fronts import BLOCKS, front
from tests.waiting import PATIENCE, PROGRAM_PATIENCE
from tools.soak.replicas import Replica, normals, running

ROOT = "/seed"
FILES = 1_200  # of a repository: more than the Hub lists at once
REPOSITORY = "seed/many"  # its namespace is the root's name
QUERY = "v1/weights?shape=256,784&init=xavier_uniform&seed=42"
RECIPE = {
    "id": REPOSITORY,
    "shard_bytes": 1,
    "config": {"model_type": "proof"},
    "files": {},
    "weights": {
        "layers": [{"name": f"w.{{0..{FILES - 1}}}", "type": "Tensor", "shape": [1], "init": "normal"}]
    },
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    recipes = tmp_path_factory.mktemp("recipes")
    (recipes / "many.json").write_text(json.dumps(RECIPE))
    server = Replica(
        TENSORSEED_THREADS="1",
        TENSORSEED_ROOT_PATH=ROOT,
        TENSORSEED_TRUSTED_PROXIES="127.0.0.1",
        TENSORSEED_RECIPES=str(recipes),
    )
    with running(server):
        yield server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a key and a certificate of 127.0.0.1 that signs itself."""
    folder = tmp_path_factory.mktemp("tls")
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    pem, key = folder / "tensorseed.pem", folder / "tensorseed.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(pem)], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module", params=[language for language, kind in BLOCKS if kind == "prefix"])
def base(request: pytest.FixtureRequest, server: Replica) -> Iterator[str]:
    """The URL of the service behind each proxy."""
    with front(request.param, "prefix", server.port) as port:
        yield f"http://127.0.0.1:{port}{ROOT}/"


@pytest.fixture(scope="module")
def secure(server: Replica, certificate: Path) -> Iterator[str]:
    """The URL of the service behind nginx with TLS."""
    with front("nginx", "tls", server.port, certificate=certificate) as port:
        yield f"https://127.0.0.1:{port}{ROOT}/"


def fetch(url: str, body: bytes | None = None, **headers: str) -> Any:
    request = urllib.request.Request(url, body, headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        answer.body = answer.read()
        return answer


def test_urls_in_answers_lead_through_the_proxy(base: str) -> None:
    query = fetch(base + QUERY)
    assert query.headers["Content-Location"].startswith(f"{ROOT}/v1/weights/")
    again = fetch(urljoin(base, query.headers["Content-Location"]), Range="bytes=8-99")
    assert (again.status, again.body) == (206, query.body[8:100])
    plan = json.loads(fetch(base + "v1/weights/plan", json.dumps(normals(9)).encode()).body)
    assert len(fetch(urljoin(base, plan["url"])).body) == plan["size"]
    assert len(fetch(urljoin(base, plan["url"]) + "/tensors/w?slice=0:1").body) > 4


def test_pages_of_a_listing_lead_through_the_proxy(base: str) -> None:
    url, found = f"{base}api/models/{REPOSITORY}/tree/main?limit=500", 0
    while url:
        answer = fetch(url)
        found += len(json.loads(answer.body))
        link = answer.headers["Link"] or ""
        url = urljoin(url, link[1 : link.index(">")]) if link else ""
    assert found >= FILES


def test_a_repository_of_the_same_name(base: str) -> None:
    path = f"{REPOSITORY}/resolve/main/config.json"
    assert json.loads(fetch(base + path).body) == RECIPE["config"]


def test_documentation_finds_its_parts(base: str) -> None:
    page = fetch(base + "docs").body.decode()
    assets = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert assets
    assert all(fetch(urljoin(base + "docs", asset)).status == 200 for asset in assets)
    specification = re.search(r"url: '([^']+)'", page)
    assert specification is not None
    document = json.loads(fetch(urljoin(base + "docs", specification[1])).body)
    assert [server["url"] for server in document["servers"]] == [ROOT]


def test_a_browser_renders_the_documentation(secure: str) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs chromium")
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors")
    wait = "--virtual-time-budget=20000"
    run = subprocess.run(
        [chromium, *options, wait, "--dump-dom", f"{secure}docs"],
        capture_output=True,
        text=True,
        timeout=PROGRAM_PATIENCE,
    )
    assert 'id="operations-weights-postWeights"' in run.stdout
    assert f'value="{ROOT}"' in run.stdout


@pytest.mark.parametrize("version", VERSIONS)
def test_python_lists_and_downloads_over_tls(
    secure: str, certificate: Path, version: str, tmp_path: Path
) -> None:
    pem = str(certificate / "tensorseed.pem")
    hub = Python(python_of(version), secure.rstrip("/"), tmp_path, SSL_CERT_FILE=pem, REQUESTS_CA_BUNDLE=pem)
    try:
        files = [entry["path"] for entry in hub("huggingface_hub:HfApi.list_repo_tree", REPOSITORY)]
        assert len(files) >= FILES
        saved = Path(hub("huggingface_hub:hf_hub_download", REPOSITORY, files[-1]))
    finally:
        hub.close()
    context = ssl.create_default_context(cafile=pem)
    with urllib.request.urlopen(f"{secure}{REPOSITORY}/resolve/main/{files[-1]}", context=context) as answer:
        assert saved.read_bytes() == answer.read()


def test_javascript_lists_every_file(base: str, tmp_path: Path) -> None:
    entries = javascript("listFiles", base.rstrip("/"), tmp_path, repo=REPOSITORY, recursive=True)
    assert len(entries) >= FILES
