"""An S3 server in a process of its own, and exports in this process."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from click.testing import CliRunner

from tensorseed.__main__ import main
from tests.serving import free_port
from tests.tensorseed.client.conftest import wait_until

KEY, SECRET = "test", "a secret of tests"
BUCKET = "models"
OPEN_BUCKET = "open"  # to everybody
SHARDED = "tensorseed/tiny-llama-sharded@seed-42"
MIB = 1 << 20
SOAK = bool(os.environ.get("TENSORSEED_SOAK"))  # sizes of make soak: 2 GB, and 5 GB in one object


class S3(NamedTuple):
    """A server, and the variables of the environment that name it."""

    url: str
    variables: dict[str, str]

    def through(self, url: str) -> dict[str, str]:
        """The variables, with another server before this one."""
        return {**self.variables, "AWS_ENDPOINT_URL": url}


def weed() -> Path | None:
    """The program of SeaweedFS, where its package is installed."""
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.is_file() else shutil.which("weed")
    return None if found is None else Path(found)


@contextlib.contextmanager
def seaweed(program: Path) -> Iterator[S3]:
    """A ready server with a bucket, ended afterwards. Its ports for gRPC are 10,000 above the others."""
    ports: list[int] = []
    while len(ports) < 4:
        port = free_port()
        if port < 50_000 and port not in ports:
            with contextlib.suppress(OSError):
                _probe(port + 10_000)
                ports.append(port)
    s3, master, volume, filer = ports
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    others = {"name": "anonymous", "actions": [f"{verb}:{OPEN_BUCKET}" for verb in ("Read", "Write", "List")]}
    with tempfile.TemporaryDirectory(prefix="seaweed-") as folder:
        (Path(folder) / "s3.json").write_text(json.dumps({"identities": [identity, others]}))
        command = [
            *(str(program), "server", "-ip=127.0.0.1", f"-dir={folder}", "-volume.max=100"),
            *("-master.volumeSizeLimitMB=128", f"-master.port={master}", f"-volume.port={volume}"),
            *(f"-filer.port={filer}", "-s3", f"-s3.port={s3}", f"-s3.config={folder}/s3.json"),
            *("-s3.port.iceberg=0", "-s3.port.lance=0"),
        ]
        with subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as run:
            url = f"http://127.0.0.1:{s3}"
            variables = {
                "AWS_ENDPOINT_URL": url,
                "AWS_ACCESS_KEY_ID": KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_REGION": "us-east-1",
            }
            try:
                wait_until(lambda: _answers(url, run))
                server = S3(url, variables)
                wait_until(lambda: _makes_bucket(server))
                yield server
            finally:
                run.kill()


def _probe(port: int) -> None:
    import socket

    socket.create_server(("127.0.0.1", port)).close()


def _answers(url: str, run: subprocess.Popen[bytes]) -> bool:
    assert run.poll() is None, "the S3 server did not start"
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except OSError:
        return False


def _makes_bucket(server: S3) -> bool:
    """Whether the server has taken an object, which makes the bucket."""
    import obstore

    try:
        obstore.put(store_of(server), "made", b"")
    except Exception:  # it answers before it can write
        return False
    return True


def _config(server: S3) -> Any:
    return {name.lower(): value for name, value in server.variables.items()}


def store_of(server: S3) -> Any:
    """A client of the bucket."""
    from obstore.store import S3Store

    return S3Store(BUCKET, client_options={"allow_http": True}, config=_config(server))


def export(server: S3 | dict[str, str] | None, *arguments: object) -> Any:
    """Run the command in this process."""
    variables = {} if server is None else server.variables if isinstance(server, S3) else server
    runner = CliRunner(env={"JOB_COMPLETION_INDEX": None, "SLURM_ARRAY_TASK_ID": None, **variables})
    return runner.invoke(main, ["export", *(str(argument) for argument in arguments)])


def end_of(result: Any) -> dict[str, Any]:
    """The metrics of a run that succeeded."""
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout.splitlines()[-1]))


def digests_in(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file in a folder by path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def digests_at(server: S3, prefix: str) -> dict[str, str]:
    """The SHA-256 of every object below a prefix by path."""
    import obstore

    store = store_of(server)
    paths = [meta["path"] for page in obstore.list(store, prefix) for meta in page]
    return {
        path.removeprefix(f"{prefix}/"): hashlib.sha256(obstore.get(store, path).bytes()).hexdigest()
        for path in sorted(paths)
    }


def digests_of_service(url: str, repository: str, revision: str = "main") -> dict[str, str]:
    """The SHA-256 of every file of a service's repository by path."""
    with urllib.request.urlopen(f"{url}/api/models/{repository}/revision/{revision}") as answer:
        paths = [file["rfilename"] for file in json.load(answer)["siblings"]]
    found = {}
    for path in paths:
        with urllib.request.urlopen(f"{url}/{repository}/resolve/{revision}/{path}") as answer:
            found[path] = hashlib.sha256(answer.read()).hexdigest()
    return found
