"""Server processes on the loopback, started and queried as by a user."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

PROGRAM = (sys.executable, "-m", "service")
START_SECONDS = 300.0  # a start without a cache compiles every loop
BLOCK = 1 << 20


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


class Replica:
    """One server. It may be killed, and started again at the same port."""

    def __init__(self, program: Sequence[str] = PROGRAM, **environment: str) -> None:
        self.port = free_port()
        self._program = program
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def attached(cls, process: subprocess.Popen[bytes], port: int) -> Replica:
        """One that has been started otherwise."""
        replica = cls()
        replica.port, replica._process = port, process
        return replica

    @property
    def pid(self) -> int:
        """Its process. Only while it runs."""
        assert self._process is not None
        return self._process.pid

    def begin(self) -> None:
        """Start it, and do not wait."""
        command = [*self._program, "serve", "--port", str(self.port)]
        self._process = subprocess.Popen(
            command, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def wait(self) -> float:
        """Wait until it is ready, and return the seconds that took. Raises RuntimeError if it ends first."""
        begun = time.monotonic()
        while time.monotonic() - begun < START_SECONDS:
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError("the server has ended before it was ready")
            with contextlib.suppress(OSError, http.client.HTTPException):
                if ask(self.port, "/readyz").status == 200:
                    return time.monotonic() - begun
            time.sleep(0.05)
        raise RuntimeError(f"the server was not ready within {START_SECONDS:.0f} s")

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to end; the exit status."""
        return self._end(signal.SIGTERM)

    def resident(self) -> int:
        """The bytes of memory that it holds."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) << 10

    def _end(self, how: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(how)
        status = self._process.wait(60)
        self._process = None
        return status


@contextlib.contextmanager
def running(*replicas: Replica) -> Iterator[None]:
    """The replicas, ready; killed in the end."""
    try:
        for replica in replicas:
            replica.begin()
        for replica in replicas:
            replica.wait()
        yield
    finally:
        for replica in replicas:
            replica.kill()


@contextlib.contextmanager
def asking(port: int, path: str, **headers: str) -> Iterator[http.client.HTTPResponse]:
    """An answer whose body is still to be read. A `_` in a header's name is a `-`."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", path, headers=sent)
        with connection.getresponse() as response:
            yield response


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Message
    body: bytes


def ask(port: int, path: str, **headers: str) -> Answer:
    """The whole answer."""
    with asking(port, path, **headers) as response:
        return Answer(response.status, response.headers, response.read())


def post(port: int, path: str, spec: object) -> bytes:
    """The body of the answer to a spec."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request("POST", path, json.dumps(spec))
        return connection.getresponse().read()


def normals(elements: int, seed: int = 7) -> dict[str, Any]:
    """The spec of a file of as many normals in float32."""
    return {"seed": seed, "layers": [{"name": "w", "type": "Tensor", "shape": [elements], "init": "normal"}]}


def plan(port: int, elements: int, seed: int = 7) -> dict[str, Any]:
    """The plan of that file."""
    answer: dict[str, Any] = json.loads(post(port, "/v1/weights/plan", normals(elements, seed)))
    return answer


def digest(port: int, path: str, **headers: str) -> str:
    """The SHA-256 of an answer's body, read to its declared end. Raises ConnectionError if it is cut."""
    found, received = hashlib.sha256(), 0
    with asking(port, path, **headers) as response:
        while block := response.read(BLOCK):
            found.update(block)
            received += len(block)
        if received != int(response.headers["Content-Length"]):
            raise ConnectionError(f"only {received:,} bytes have come")
    return found.hexdigest()
