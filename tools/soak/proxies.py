"""nginx with `deploy/nginx.conf` on the loopback before local servers."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tools.soak.replicas import Replica, free_port

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx.conf"


def executable() -> str | None:
    """nginx, where it is installed; Debian keeps it out of a user's PATH."""
    return shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


def configured(folder: Path, port: int, replicas: list[Replica]) -> str:
    """The deployed configuration, with this host's addresses and folders and nothing else changed."""
    text = CONFIGURATION.read_text()
    servers = "".join(f"server 127.0.0.1:{replica.port} max_fails=1 fail_timeout=1s;" for replica in replicas)
    changes = {
        "server replica:8000 max_fails=1 fail_timeout=1s;": servers,
        "listen 8080;": f"listen 127.0.0.1:{port};",
        "/var/cache/nginx/slices": str(folder / "slices"),
    }
    return changed(text, folder, changes)


def changed(text: str, folder: Path, changes: Mapping[str, str]) -> str:
    """A deployed configuration with its logs and temporary files in a folder, and what else is named.

    Raises:
        ValueError: where it lacks one of the texts to change.
    """
    own = {
        "/tmp/": f"{folder}/",  # first: the folder's own name may begin so
        "/dev/stdout": str(folder / "access.log"),
        "/dev/stderr": str(folder / "error.log"),
    }
    for old, new in {**own, **changes}.items():
        if old not in text:
            raise ValueError(f"the configuration has no {old!r} any more: change it here as well")
        text = text.replace(old, new)
    return text


@contextlib.contextmanager
def proxied(*replicas: Replica) -> Iterator[int]:
    """The port at which nginx listens before the replicas, which need not run yet."""
    with nginx(lambda folder, port: configured(folder, port, list(replicas))) as port:
        yield port


@contextlib.contextmanager
def nginx(write: Callable[[Path, int], str]) -> Iterator[int]:
    """The port of nginx, whose configuration `write` makes for its folder and port."""
    with tempfile.TemporaryDirectory(prefix="tensorseed-nginx-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # its workers are another user, if it is started by root
        port = free_port()
        configuration = folder / "nginx.conf"
        configuration.write_text(write(folder, port))
        command = [executable() or "nginx", "-c", str(configuration), "-g", "daemon off;"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait(port, process, folder / "error.log")
            yield port
        finally:
            process.terminate()
            process.wait(30)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        if process.poll() is not None:
            raise RuntimeError(f"nginx has ended before it listened: {log.read_text()}")
        time.sleep(0.05)
    raise RuntimeError("nginx does not listen")
