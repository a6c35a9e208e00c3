"""Recording proxy between a client and the server; it can cut the line."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

PART = 1 << 16


class Request(NamedTuple):
    """The head of one request."""

    method: str
    target: str
    headers: dict[str, str]  # names in small letters

    @property
    def path(self) -> str:
        """The target without its query, as it was sent."""
        return urlsplit(self.target).path


@dataclass
class Wire:
    """Passes connections of the loopback on to a server's port."""

    server: int
    requests: list[Request] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)  # bytes after which the next longer answer breaks, in turn
    answered: int = 0  # bytes of all answers

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._connections: list[Connection] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def url(self) -> str:
        """The address that clients are told."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def clear(self) -> None:
        """Forget what was asked, and break nothing."""
        self.requests.clear()
        self.cuts.clear()
        self.answered = 0

    def asked(self, method: str, path_end: str = "") -> list[Request]:
        """The requests of a method to paths with that end."""
        return [seen for seen in self.requests if seen.method == method and seen.path.endswith(path_end)]

    def close(self) -> None:
        """Accept no more, and end the connections there are."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        for connection in self._connections:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.server))
            self._connections.append(Connection(client, server, self))


class Connection:
    """One connection, which two threads pass on until either side ends."""

    def __init__(self, client: socket.socket, server: socket.socket, wire: Wire) -> None:
        self._client, self._server, self._wire = client, server, wire
        self._sent = 0  # bytes of the present answer
        self._asking = threading.Thread(target=self._ask, daemon=True)
        self._asking.start()
        self._answering = threading.Thread(target=self._answer, daemon=True)
        self._answering.start()

    def close(self) -> None:
        """End it."""
        self._end()
        self._answering.join()

    def _ask(self) -> None:
        heads = Heads(self._wire.requests)
        with contextlib.suppress(OSError):
            while part := self._client.recv(PART):
                heads.feed(part)
                self._sent = 0
                self._server.sendall(part)
        self._end()

    def _answer(self) -> None:
        with contextlib.suppress(OSError):
            while part := self._server.recv(PART):
                part, breaks = self._broken(part)
                self._sent += len(part)
                self._wire.answered += len(part)
                self._client.sendall(part)
                if breaks:
                    break
        self._end()
        self._asking.join()
        self._client.close()
        self._server.close()

    def _broken(self, part: bytes) -> tuple[bytes, bool]:
        """What of a part gets through, and whether the connection breaks there."""
        cuts = self._wire.cuts
        if not cuts or self._sent + len(part) <= cuts[0]:
            return part, False
        return part[: max(cuts.pop(0) - self._sent, 0)], True

    def _end(self) -> None:
        for side in (self._client, self._server):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)


class Heads:
    """Finds the heads of the requests in what a client sends."""

    def __init__(self, found: list[Request]) -> None:
        self._found = found
        self._held = b""
        self._body = 0  # bytes of a body still to come

    def feed(self, part: bytes) -> None:
        """Take the next bytes."""
        self._held += part
        while True:
            skipped = min(self._body, len(self._held))
            self._held, self._body = self._held[skipped:], self._body - skipped
            head, end, rest = self._held.partition(b"\r\n\r\n")
            if self._body or not end:
                return
            first, *lines = head.decode("latin-1").split("\r\n")
            method, target, _ = first.split(" ")
            fields = (line.partition(":") for line in lines)
            headers = {name.lower(): value.strip() for name, _, value in fields}
            self._found.append(Request(method, target, headers))
            self._held, self._body = rest, int(headers.get("content-length", 0))
