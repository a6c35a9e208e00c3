"""Proxies of docs/proxies.md on the loopback, each run by its own program."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.blocks import Block, blocks
from tests.waiting import PATIENCE, wait_until
from tools.soak.replicas import free_port

PAGE = Path(__file__).parents[2] / "docs" / "proxies.md"
BLOCKS = {(block.language, block.needs): block for block in blocks(PAGE) if block.language not in {"", "sh"}}
PLACES = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"  # a user's PATH need not have all of them

_APACHE_MODULES = "/usr/lib/apache2/modules"


class Program(NamedTuple):
    """A proxy: its executable, the file that it reads, and its command line."""

    executable: str
    wrapped: Callable[[str, Path, int], str]
    command: Callable[[str, Path, Path, int], Sequence[str | Path]]


def _nginx(text: str, folder: Path, _: int) -> str:
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    text = text.replace("/var/cache/nginx/", f"{folder}/")
    settings = f"daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
    away = "proxy_bind 127.0.0.2;\n"  # as if it were on another host, or in a container
    return f"{settings}http {{\naccess_log off;\n{away}{paths}{text}}}\n"


def _apache(text: str, folder: Path, port: int) -> str:
    modules = (
        *("mpm_event", "authz_core", "proxy", "proxy_http", "proxy_balancer", "slotmem_shm"),
        *("lbmethod_bybusyness", "headers"),
    )
    loaded = "".join(f"LoadModule {name}_module {_APACHE_MODULES}/mod_{name}.so\n" for name in modules)
    settings = f"ServerName localhost\nDefaultRuntimeDir {folder}\nPidFile {folder}/pid\n"
    settings += f"ErrorLog {folder}/error.log\nMutex file:{folder} default\n"
    if os.getuid() == 0:
        settings += "User www-data\nGroup www-data\n"
    return f"{settings}{loaded}Listen 127.0.0.1:{port}\n{text}"


def _caddy(text: str, folder: Path, _: int) -> str:
    return f"{{\n\tadmin off\n\tstorage file_system {folder}\n}}\n{text}"


def _plain(text: str, _: Path, __: int) -> str:
    return text


PROGRAMS = {
    "nginx": Program("nginx", _nginx, lambda nginx, file, folder, _: (nginx, "-p", folder, "-c", file)),
    "caddy": Program(
        "caddy",
        _caddy,
        lambda caddy, file, *_: (caddy, "run", "--adapter", "caddyfile", "--config", file),
    ),
    "haproxy": Program("haproxy", _plain, lambda haproxy, file, *_: (haproxy, "-db", "-f", file)),
    "vcl": Program(
        "varnishd",
        _plain,
        lambda varnishd, file, folder, port: (
            *(varnishd, "-F", "-a", f"127.0.0.1:{port}", "-f", file, "-n", f"{folder}/work"),
            *("-s", "malloc,100m"),
        ),
    ),
    "apache": Program("apache2", _apache, lambda apache, file, *_: (apache, "-f", file, "-DFOREGROUND")),
}


def executable(language: str) -> str:
    """The program of a language of configurations. Skips the test where it is missing."""
    found = shutil.which(PROGRAMS[language].executable, path=PLACES)
    if found is None:
        pytest.skip(f"needs {PROGRAMS[language].executable}")
    return found


@contextlib.contextmanager
def front(language: str, kind: str, *servers: int, certificate: Path | None = None) -> Iterator[int]:
    """The port of a proxy as a block of the page configures it, with the addresses of this test.

    Raises:
        RuntimeError: if it ends before it listens.
    """
    program, found = PROGRAMS[language], executable(language)
    with tempfile.TemporaryDirectory(prefix="tensorseed-front-") as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o777)  # some change their user, when root starts them
        text = _addressed(BLOCKS[language, kind], port, servers, certificate)
        file = folder / "configuration"
        file.write_text(program.wrapped(text, folder, port))
        with (folder / "log").open("wb") as log:
            command = [str(word) for word in program.command(found, file, folder, port)]
            process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "HOME": name})
        try:
            _wait(port, process, folder)
            yield port
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _addressed(block: Block, port: int, servers: Sequence[int], certificate: Path | None) -> str:
    """The block with other ports, and with the certificate where it names one."""
    first, second = servers[0], servers[-1]
    changes = {
        r"\b8000\b": str(first),
        r"\b8001\b": str(second),
        r"listen 8080\b": f"listen 127.0.0.1:{port}",
        r"\*:8080\b": f"127.0.0.1:{port}",
        r"bind :8080\b": f"bind 127.0.0.1:{port}",
        r"^:8080 {": f":{port} {{\n\tbind 127.0.0.1",
    }
    text = block.text
    for pattern, new in changes.items():
        text = re.sub(pattern, new, text, flags=re.MULTILINE)
    if certificate is not None:
        text = re.sub(r"/etc/ssl/tensorseed\.(pem|key)", rf"{certificate}/tensorseed.\1", text)
    return text


def _wait(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    def listens() -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return True
        return False

    wait_until(lambda: listens() or process.poll() is not None)
    if listens():
        return
    told = "".join(file.read_text() for file in (folder / "log", folder / "error.log") if file.exists())
    raise RuntimeError(f"the proxy does not listen: {told[-2_000:]}")
