"""Raw bytes to an application that echoes what it was asked."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import uvicorn
from starlette.types import Message

from service.server.connections.limits import ConnectionLimits
from service.server.connections.protocol import LimitedProtocol

LIMITS = ConnectionLimits(url_bytes=2_000, header_bytes=4_096, header_seconds=20.0, idle_seconds=20.0)
HURRIED = replace(LIMITS, header_seconds=0.5, idle_seconds=0.5)
PATIENT = replace(LIMITS, header_seconds=3_600.0, idle_seconds=86_400.0)
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
"""A request behind others, whose answer shows that none of their bytes was taken for a request."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. Names of `fields` are in lower case."""

    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def asked(self) -> Any:
        """The request that the application echoed, or a problem document."""
        return json.loads(self.body)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer the request's method, path and body; 400 for a body that ends before its end."""
    if scope["type"] != "http":
        return
    body = b""
    message: Message = {"more_body": True}
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    cut = message["type"] == "http.disconnect"
    fields = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
    asked = {"method": scope["method"], "path": scope["path"], "query": scope["query_string"].decode()}
    text = json.dumps({**asked, "body": body.decode("latin-1"), "fields": fields}).encode()
    headers = [(b"content-length", b"%d" % len(text))]
    await send({"type": "http.response.start", "status": 400 if cut else 200, "headers": headers})
    await send({"type": "http.response.body", "body": text})


@contextlib.contextmanager
def serving(app: Any = echo, limits: ConnectionLimits = LIMITS, **more: Any) -> Iterator[tuple[Any, int]]:
    """A server of `app`, and its port."""
    config = uvicorn.Config(
        app,
        http=partial(LimitedProtocol, limits=limits),  # type: ignore[arg-type]
        log_config=None,
        lifespan="off",
        ws="none",
        server_header=False,
        **more,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield server, listener.getsockname()[1]
        server.should_exit = True
        thread.join(20)


def told(port: int, packets: Iterable[bytes], pause: float = 0.0) -> list[Reply]:
    """The answers to these bytes, until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), 20) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(ConnectionError):
            for packet in packets:
                client.sendall(packet)
                time.sleep(pause)
        received = b""
        with contextlib.suppress(ConnectionResetError):  # of a body that does not end
            while part := client.recv(1 << 16):
                received += part
    return replies(received)


def replies(received: bytes) -> list[Reply]:
    """The answers in these bytes, without interim ones."""
    found = []
    while received:
        head, end, received = received.partition(b"\r\n\r\n")
        assert end, head
        first, *lines = head.decode("latin-1").split("\r\n")
        version, status = first.split(" ")[:2]
        assert version == "HTTP/1.1", first
        if status == "100":
            continue
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        size = int(fields["content-length"])
        assert len(received) >= size
        found.append(Reply(int(status), fields, received[:size]))
        received = received[size:]
    return found
