"""Server of tensorseed's answers, one field of which a test spoils.

It writes to the socket itself, since no library lets a server lie in every way.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tensorseed.files.digests import FileHash
from tensorseed.files.virtual_file import VirtualFile
from tensorseed.spec.spec_token import encode_token
from tests.tensorseed.client.conftest import bytes_of
from tests.waiting import PATIENCE

Fields = dict[str, bytes | list[bytes] | None]


@dataclass
class Answer:
    """The answer to one request; `raw` stands for all of it."""

    status: int = 200
    fields: Fields = field(default_factory=dict)
    body: Iterable[bytes] = ()
    raw: Iterable[bytes] | None = None

    def pieces(self) -> Iterator[bytes]:
        """Yield what goes over the wire."""
        if self.raw is not None:
            yield from self.raw
            return
        lines = [b"HTTP/1.1 %d Some" % self.status]
        for name, value in self.fields.items():
            values = [value] if isinstance(value, bytes) else value or []
            lines += [name.encode() + b": " + one for one in values]
        yield b"\r\n".join([*lines, b"connection: close", b"", b""])
        yield from self.body


class Hostile:
    """The right answers for a file, each of which `change` may spoil before it is sent."""

    def __init__(self, file: VirtualFile) -> None:
        self.data = bytes_of(file)
        self.token = encode_token(file.resolved)
        self.etag = f'"{file.digest}"'
        hashing = FileHash(file)
        hashing.whole.update(self.data)
        hashing.tensors.update(memoryview(self.data))
        found = hashing.result()
        self.plan: dict[str, Any] = {"token": self.token, "etag": self.etag, "size": file.size}
        self.digests: dict[str, Any] = {
            "algorithm": "sha256",
            "digest": found.digest,
            "size": file.size,
            "tensors": dict(found.tensors),
        }
        self.change: Callable[[str, Answer], Answer] = lambda _, answer: answer
        self.requests: list[str] = []

    def answer(self, method: str, path: str, head: str) -> Answer:
        """Return the answer to a request."""
        kind, answer = self._right(method, path, head)
        self.requests.append(f"{method} {path}")
        return self.change(kind, answer)

    def _right(self, method: str, path: str, head: str) -> tuple[str, Answer]:
        if path.endswith("/plan"):
            return "plan", document(self.plan)
        if path.endswith("/digest"):
            return "digest", document(self.digests)
        fields: Fields = {
            "etag": self.etag.encode(),
            "content-type": b"application/octet-stream",
            "content-length": b"%d" % len(self.data),
        }
        if method == "HEAD":
            return "head", Answer(200, {**fields, "content-location": f"/v1/weights/{self.token}".encode()})
        asked = re.search(r"(?im)^range: bytes=(\d+)-(\d+)", head)
        if asked is None:
            return "post", Answer(200, fields, [self.data])
        start, stop = int(asked[1]), int(asked[2]) + 1
        fields["content-range"] = b"bytes %d-%d/%d" % (start, stop - 1, len(self.data))
        fields["content-length"] = b"%d" % (stop - start)
        return "get", Answer(206, fields, [self.data[start:stop]])


def document(value: Any, status: int = 200, media_type: bytes = b"application/json") -> Answer:
    """Return an answer of JSON."""
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    fields: Fields = {"content-type": media_type, "content-length": b"%d" % len(text)}
    return Answer(status, fields, [text])


@contextmanager
def listening(hostile: Hostile) -> Iterator[str]:
    """The URL of the server, whose answers without end the client leaves: that is checked at the end."""
    stopping, read_on = threading.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                with suppress(TimeoutError):
                    try:
                        connection, _ = listener.accept()
                    except OSError:
                        return
                    threading.Thread(target=serve, args=(connection,), daemon=True).start()

        def serve(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                connection.settimeout(PATIENCE)
                received = b""
                while b"\r\n\r\n" not in received:
                    more = connection.recv(1 << 16)
                    if not more:
                        return
                    received += more
                head, _, body = received.partition(b"\r\n\r\n")
                length = re.search(rb"(?im)^content-length: (\d+)", head)
                while length and len(body) < int(length[1]):
                    body += connection.recv(1 << 16)
                method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
                end = time.monotonic() + PATIENCE
                for piece in hostile.answer(method, target.partition("?")[0], head.decode()).pieces():
                    if time.monotonic() > end:
                        read_on.set()
                    if stopping.is_set() or read_on.is_set():
                        return
                    connection.sendall(piece)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 16):  # else what was not read resets what was sent
                    pass

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stopping.set()
            listener.shutdown(socket.SHUT_RDWR)
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert not read_on.is_set(), "the client has read an answer without end"
