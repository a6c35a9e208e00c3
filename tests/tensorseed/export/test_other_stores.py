"""Exports to Azure's storage and to Google's.

Azure's is Azurite, Microsoft's own emulator. Google's XML API is that of S3 but for its signatures, so that
SeaweedFS answers it where a proxy leaves them out.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import S3Store, from_url

from tensorseed.export.manifest import MANIFEST
from tests.serving import ROOT, free_port
from tests.tensorseed.client.conftest import wait_until
from tests.tensorseed.export.between import between
from tests.tensorseed.export.stores import OPEN_BUCKET, S3, SHARDED, digests_in, end_of, export
from tests.tensorseed.export.test_faults import failed
from tests.tensorseed.export.test_object_storage import large

AZURITE = ROOT / "build" / "clients" / "azure" / "node_modules" / ".bin" / "azurite-blob"
ACCOUNT = "devstoreaccount1"
# the key that every Azurite has, of Microsoft's documentation
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
CONTAINER = "models"


def azure(url: str) -> dict[str, str]:
    """The variables of an account at a URL."""
    return {
        "AZURE_STORAGE_ENDPOINT": f"{url}/{ACCOUNT}",
        "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": KEY,
    }


def google(url: str) -> dict[str, str]:
    """The variables of a server that wants no token, at a URL."""
    account = {"gcs_base_url": url, "disable_oauth": True}
    unused = dict.fromkeys(("client_email", "private_key", "private_key_id"), "")
    return {"GOOGLE_BASE_URL": url, "GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps({**account, **unused})}


def unsigned(fields: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name.lower() != "authorization"}


@pytest.fixture(scope="module")
def azurite() -> Iterator[str]:
    """The URL of an Azurite with a container."""
    node = shutil.which("node")
    if node is None or not AZURITE.exists():
        pytest.skip("node or Azurite is not here: make clients installs it")
    port = free_port()
    command = [node, str(AZURITE), "--inMemoryPersistence", "--silent", "--skipApiVersionCheck"]
    with subprocess.Popen(
        [*command, "--disableTelemetry", "--blobPort", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as run:
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: makes_container(url, run))
            yield url
        finally:
            run.kill()


def makes_container(url: str, run: subprocess.Popen[bytes]) -> bool:
    """Whether the server has made the container: obstore makes none."""
    import base64
    import hmac
    from datetime import UTC, datetime

    import httpx

    assert run.poll() is None, "Azurite did not start"
    stamp = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    headers = f"x-ms-date:{stamp}\nx-ms-version:2021-12-02\n"
    resource = f"/{ACCOUNT}/{ACCOUNT}/{CONTAINER}\nrestype:container"
    text = "PUT" + "\n" * 12 + headers + resource
    signature = base64.b64encode(hmac.digest(base64.b64decode(KEY), text.encode(), "sha256")).decode()
    try:
        answer = httpx.put(
            f"{url}/{ACCOUNT}/{CONTAINER}?restype=container",
            headers={
                "x-ms-date": stamp,
                "x-ms-version": "2021-12-02",
                "authorization": f"SharedKey {ACCOUNT}:{signature}",
            },
        )
    except httpx.TransportError:
        return False
    return answer.status_code in (201, 409)


@pytest.fixture
def googles(s3: S3) -> Iterator[Any]:
    """A proxy before SeaweedFS that leaves signatures out, and its URL."""
    store = S3Store(
        OPEN_BUCKET,
        client_options={"allow_http": True},
        config={name.lower(): value for name, value in s3.variables.items()},  # type: ignore[arg-type]
    )
    obstore.put(store, "made", b"")
    with between(s3.url) as (proxy, url):
        proxy.change = unsigned
        yield proxy, url


def contents(place: str, variables: dict[str, str]) -> dict[str, bytes]:
    """The bytes of every object by path."""
    config: Any = {name.lower(): value for name, value in variables.items()}
    store = from_url(place, config=config, client_options={"allow_http": True})
    paths = [meta["path"] for page in obstore.list(store) for meta in page]
    return {path: bytes(obstore.get(store, path).bytes()) for path in paths}


def check_exports(folder: Path, place: str, variables: dict[str, str]) -> None:
    """Objects are those of a folder, those of several parts too; what was changed is replaced."""
    for source, name in ((SHARDED, "small"), (large(folder), "large")):
        end_of(export(None, source, folder / name))
        wanted = digests_in(folder / name)
        result = export(variables, source, f"{place}/{name}")
        assert end_of(result)["aborted_uploads"] is None
        assert "Note: this store lists no unfinished uploads here" in result.stderr
        found = contents(f"{place}/{name}", variables)
        assert {path: hashlib.sha256(of).hexdigest() for path, of in found.items() if path != MANIFEST} == {
            path: digest for path, digest in wanted.items() if path != MANIFEST
        }
        again = end_of(export(variables, source, f"{place}/{name}"))["objects"]
        assert again == {"kept": len(wanted) - 1, "written": 0, "replaced": 0}
    config: Any = {name.lower(): value for name, value in variables.items()}
    store = from_url(f"{place}/small", config=config, client_options={"allow_http": True})
    obstore.put(store, "config.json", b"{")
    assert end_of(export(variables, SHARDED, f"{place}/small"))["objects"]["replaced"] == 1
    assert contents(f"{place}/small", variables)["config.json"] != b"{"


def test_azure_has_the_objects_of_a_folder(azurite: str, tmp_path: Path) -> None:
    check_exports(tmp_path, f"az://{CONTAINER}/a", azure(azurite))


def test_google_has_the_objects_of_a_folder(googles: Any, tmp_path: Path) -> None:
    check_exports(tmp_path, f"gs://{OPEN_BUCKET}/g", google(googles[1]))


def test_faults_of_azure_have_sentences(azurite: str) -> None:
    variables, place = azure(azurite), f"az://{CONTAINER}/faults"
    error = failed(export(variables, SHARDED, "az://nowhere/a"), 1)
    assert "there is no such bucket (ContainerNotFound): make it, or correct DEST" in error
    wrong = {**variables, "AZURE_STORAGE_ACCOUNT_KEY": KEY.replace("E", "F")}
    assert "the credentials do not allow this (AuthorizationFailure)" in failed(
        export(wrong, SHARDED, place), 1
    )
    nobody = azure("http://127.0.0.1:9")
    assert "(no answer)" in failed(export(nobody, SHARDED, place, "--attempts", 1), 3)
    with between(azurite) as (proxy, url):
        proxy.fail = lambda method, path, count: 503 if method == "PUT" else None
        assert "(status 503)" in failed(export(azure(url), SHARDED, place, "--attempts", 2), 3)
    assert contents(place, variables) == {}


def test_faults_of_google_have_sentences(googles: Any) -> None:
    proxy, url = googles
    variables, place = google(url), f"gs://{OPEN_BUCKET}/faults"
    error = failed(export(variables, SHARDED, "gs://nowhere/a"), 1)
    assert "(AccessDenied): let them read and write" in error or "no such bucket" in error
    proxy.fail = lambda method, path, count: 401
    error = failed(export(variables, SHARDED, place), 1)
    assert "refuses the credentials (403): set GOOGLE_APPLICATION_CREDENTIALS" in error
    proxy.fail = lambda method, path, count: 500
    assert "(status 500)" in failed(export(variables, SHARDED, place, "--attempts", 2), 3)
