"""Crowds of slow clients: partial heads, and a byte at a time."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tools.soak.replicas import Replica, ask, digest, plan, running

HALF = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Half: "
LEVEL = 64 << 20  # bytes that memory may have grown by when all have gone
SETTLE_SECONDS = 30.0
HUGE = 1 << 32  # elements
MODEST = 1 << 22


@dataclass(frozen=True, slots=True)
class Crowd:
    """What a server did meanwhile, and what it held."""

    clients: int
    slowest: float  # seconds that /healthz took meanwhile
    right: bool  # whether another client's download meanwhile had the digest that it has alone
    dropped: int  # clients that the server closed
    before: int  # bytes of memory
    during: int
    after: int

    @property
    def settled(self) -> bool:
        """Whether memory returned to its level."""
        return self.after <= self.before + LEVEL


def half_heads(clients: int, seconds: float, **environment: str) -> Crowd:
    """So many clients send half a head and wait."""
    return _crowd(clients, seconds, lambda _: HALF, 0, **environment)


def slow_readers(clients: int, seconds: float, **environment: str) -> Crowd:
    """So many clients ask for 16 GiB and read 1 KiB a second."""

    def request(port: int) -> bytes:
        return f"GET {plan(port, HUGE)['url']} HTTP/1.1\r\nHost: x\r\n\r\n".encode()

    return _crowd(clients, seconds, request, 1024, **environment)


def _crowd(
    clients: int, seconds: float, request: Callable[[int], bytes], reads: int, **environment: str
) -> Crowd:
    replica = Replica(**environment)
    with running(replica):
        path = plan(replica.port, MODEST)["url"]
        alone = digest(replica.port, path)
        before = replica.resident()
        slowest, right, dropped, during = 0.0, True, 0, before
        with _connected(replica.port, clients, request(replica.port)) as sockets:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                round_began = time.monotonic()
                dropped += sum(_closed(client, reads) for client in sockets)
                slowest = max(slowest, _latency(replica.port))
                right = right and digest(replica.port, path) == alone
                during = max(during, replica.resident())
                time.sleep(max(0.0, min(round_began + 1.0, end) - time.monotonic()))
        after = _settled(replica, before)
    return Crowd(clients, slowest, right, dropped, before, during, after)


@contextlib.contextmanager
def _connected(port: int, clients: int, request: bytes) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(clients):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(30)
            client.connect(("127.0.0.1", port))
            client.sendall(request)
            sockets.append(client)
        yield sockets


def _closed(client: socket.socket, reads: int) -> bool:
    """Read what a client reads a second. Returns whether the server has just closed; closes then, too."""
    if client.fileno() < 0 or not select.select([client], [], [], 0)[0]:
        return False
    with contextlib.suppress(ConnectionError):
        if client.recv(reads or 1024):
            return False
    client.close()
    return True


def _latency(port: int) -> float:
    begun = time.monotonic()
    ask(port, "/healthz")
    return time.monotonic() - begun


def _settled(replica: Replica, level: int) -> int:
    """The memory held once it has returned to its level, or after a while."""
    end = time.monotonic() + SETTLE_SECONDS
    while (held := replica.resident()) > level + LEVEL and time.monotonic() < end:
        time.sleep(0.5)
    return held
