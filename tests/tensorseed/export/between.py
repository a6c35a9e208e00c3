"""Proxy before a store: it fails, changes requests, or is slow."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.waiting import PATIENCE

HOPS = {"connection", "transfer-encoding", "content-length", "keep-alive"}


class Proxy:
    """What stands between: `fail` gives a status instead of an answer, `change` alters the fields sent on."""

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target)
        self.requests: list[tuple[str, str]] = []
        self.fail: Callable[[str, str, int], int | None] = lambda *_: None
        self.change: Callable[[dict[str, str]], dict[str, str]] = dict
        self.pause = 0.0  # seconds before each answer


@contextmanager
def between(target: str) -> Iterator[tuple[Proxy, str]]:
    """A proxy before the server at a URL, and its own URL."""
    proxy = Proxy(target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Nothing is logged."""

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            count = len(proxy.requests)
            proxy.requests.append((self.command, self.path))
            time.sleep(proxy.pause)
            status = proxy.fail(self.command, self.path, count)
            if status is not None:
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()
                return
            there = http.client.HTTPConnection(
                str(proxy.target.hostname), proxy.target.port, timeout=PATIENCE
            )
            # the signature covers the host that the client named
            fields = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            with closing(there):
                there.request(self.command, self.path, body, proxy.change(fields))
                got = there.getresponse()
                content = got.read()
            self.send_response(got.status)
            for name, value in got.getheaders():
                if name.lower() not in HOPS:
                    self.send_header(name, value)
            length = got.getheader("content-length") if self.command == "HEAD" else str(len(content))
            self.send_header("content-length", length or "0")
            self.end_headers()
            self.wfile.write(content)

    for method in ("GET", "PUT", "POST", "DELETE", "HEAD"):
        setattr(Handler, f"do_{method}", Handler.answer)

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """A client that leaves is no error."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
