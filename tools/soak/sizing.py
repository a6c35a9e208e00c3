"""Sizing of memory: every row of the table filled at once."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from service.settings import Settings
from tools.soak.replicas import Replica, ask, running

PROGRAM_BYTES = 500 << 20  # with torch, and what its allocator keeps
DERIVATION_BYTES = 500 << 20  # of the process that derives recipes, before the first
DIGEST_BYTES = 16 << 20
TEXT_BYTES = 32 << 20  # of generated texts of repositories, plain and compressed
TENSOR_BYTES = 640  # of model repositories
SPARE_CHUNKS = 80
DEAR_BYTES = 80 << 20  # of chunks that a thread computes, and that wait for it
PREPARED_BYTES = 384 << 20
MODEST = ("/healthz", "/v1/weights?shape=16,16&init=normal&seed=5")
ALLOWED = {200, 206, 413, 422, 429, 503}
TABLE = {
    "model_type": "distilbert",
    "sinusoidal_pos_embds": True,
    "max_position_embeddings": 3_000_000,
    "dim": 64,
    "n_heads": 1,
    "n_layers": 1,
    "vocab_size": 10,
    "hidden_dim": 4,
}


def worst_bytes(settings: Settings, threads: int = 4) -> int:
    """The sum of the table in docs/operations.md."""
    chunks = settings.streams * (settings.window + 1) + SPARE_CHUNKS
    return (
        PROGRAM_BYTES
        + settings.memory_bytes
        + chunks * settings.chunk_bytes
        + settings.answer_bytes
        + DIGEST_BYTES
        + TEXT_BYTES
        + DEAR_BYTES * threads
        + PREPARED_BYTES
        + TENSOR_BYTES * settings.cache_tensors
        + DERIVATION_BYTES
        + settings.recipe_bytes
    )


@dataclass(frozen=True, slots=True)
class Filled:
    """A server under requests that hold as much memory as they can."""

    statuses: Counter[int]  # of the requests that hold memory
    peak: int  # bytes of all its processes
    most: int  # bytes, by the table
    modest: int  # requests meanwhile that a client would not give up
    served: int  # of those

    @property
    def borne(self) -> bool:
        """Whether the memory sufficed, and modest requests were answered."""
        return self.peak <= self.most and self.served == self.modest and self.statuses.keys() <= ALLOWED


@dataclass(frozen=True, slots=True)
class Holder:
    """A request whose answer is hardly read."""

    method: str
    path: str
    body: bytes = b""
    headers: Sequence[str] = ()

    def bytes(self) -> Iterator[bytes]:
        """The request as it is sent."""
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: x", f"Content-Length: {len(self.body)}"]
        yield "\r\n".join([*lines, *self.headers, "", ""]).encode()
        yield self.body


def fill(settings: Settings, seconds: float) -> Filled:
    """Hold all rows for so many seconds."""
    replica = Replica(**{f"TENSORSEED_{name.upper()}": str(getattr(settings, name)) for name in NAMES})
    statuses: Counter[int] = Counter()
    modest = served = peak = 0
    holders = [*holding(settings)]
    with running(replica), ExitStack() as stack, ThreadPoolExecutor(len(holders)) as threads:
        held = [threads.submit(_hold, replica.port, holder, stack) for holder in holders]
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for path in MODEST:
                modest += 1
                with suppress(OSError, http.client.HTTPException):
                    served += ask(replica.port, path).status == 200
            peak = max(peak, tree_bytes(replica.pid))
            time.sleep(0.2)
        stack.close()  # which ends those that wait for an answer
        statuses.update(status for future in held if (status := future.result()))
    return Filled(statuses, peak, worst_bytes(settings), modest, served)


NAMES = ("memory_bytes", "streams", "recipe_bytes", "answer_bytes", "cache_tensors", "materialised_bytes")
"""The settings that the server is started with."""


def holding(settings: Settings) -> Iterator[Holder]:
    """What fills the rows, dearest first."""
    octets = ("Content-Type: application/octet-stream",)
    for seed in range(12):
        names = {"name": "a.{0..262143}", "type": "Tensor", "shape": [1], "init": "normal"}
        spec = json.dumps({"seed": seed, "layers": [names]}).encode()
        yield Holder("POST", "/v1/weights/plan", spec)
        yield Holder("POST", "/v1/weights", spec.replace(b"262143", b"200000"))
    yield Holder("POST", "/v1/recipes/plan", json.dumps(TABLE).encode())
    for seed in range(4):
        side = int((settings.materialised_bytes / 4) ** 0.5)
        yield Holder("GET", f"/v1/weights?shape={side},{side}&init=normal&generator=torch&seed={seed}")
    values = json.dumps({"input": [0.5] * 500_000, "target": [0.25] * 500_000, "gradients": ["input"]})
    for _ in range(4):
        yield Holder("POST", "/v1/losses/mse_loss", values.encode(), ("Accept: application/octet-stream",))
        yield Holder("POST", "/v1/losses/mse_loss", _loss_file(settings.loss_bytes), octets)
        wide = {"name": "a", "type": "Linear", "in_features": 1 << 12, "out_features": 1 << 12}
        network = {
            "layers": [wide],
            "input": {"shape": [64, 1 << 12], "init": "normal"},
            "return_weights": True,
        }
        yield Holder("POST", "/v1/evaluations", json.dumps(network).encode())
        yield Holder("POST", "/v1/weights/plan", b"[" + b"[]," * 600_000 + b"[]]")
    for seed in range(100):
        accept = ("Accept: application/json",)
        yield Holder("GET", f"/v1/weights?shape=65536&init=normal&seed={seed}", headers=accept)
    for seed in range(settings.streams + 20):
        yield Holder("GET", f"/v1/weights?shape=65536,65536&init=normal&seed={seed}")


def _loss_file(most: int) -> bytes:
    """A safetensors file of two tensors, of at most so many bytes and 64 MiB."""
    elements = (min(most, 64 << 20) - 1_024) // 8
    size = 4 * elements
    described = {
        "input": {"dtype": "F32", "shape": [elements], "data_offsets": [0, size]},
        "target": {"dtype": "F32", "shape": [elements], "data_offsets": [size, 2 * size]},
    }
    header = json.dumps(described).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + bytes(2 * size)


def _hold(port: int, holder: Holder, stack: ExitStack) -> int:
    """The status of the answer, whose connection stays open; 0 if none came."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=120)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    stack.callback(connection.close)
    stack.callback(_shut, connection)
    with suppress(OSError):
        for part in holder.bytes():
            connection.sendall(part)
    with suppress(OSError):
        return int(connection.recv(64)[9:12] or 0)
    return 0


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def tree_bytes(pid: int) -> int:
    """The private memory of a process and its children, with what they share counted once."""
    return sum(map(_proportional, [pid, *_children(pid)]))


def _proportional(pid: int) -> int:
    with suppress(OSError):
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return int(text.partition("Pss:")[2].split()[0]) << 10
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0]) << 10
    return 0


def _children(pid: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid:
                found.append(int(status.parent.name))
    return found
