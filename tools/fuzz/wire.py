"""Requests over the loopback, on one connection that is reused."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterator

from tools.fuzz.messages import Answer, Asked, Send

SECONDS = 60.0


@contextlib.contextmanager
def sender(port: int) -> Iterator[Send]:
    """Sends to the server at this port."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)

    def send(asked: Asked) -> Answer:
        try:
            return _ask(connection, asked)
        except (http.client.RemoteDisconnected, ConnectionError):  # it closed the idle connection
            connection.close()
            return _ask(connection, asked)

    with contextlib.closing(connection):
        yield send


def _ask(connection: http.client.HTTPConnection, asked: Asked) -> Answer:
    connection.putrequest(asked.method, asked.target, skip_accept_encoding=True)
    for name, value in asked.fields.items():
        connection.putheader(name, value)
    if asked.body is not None:
        connection.putheader("Content-Length", str(len(asked.body)))
    connection.endheaders(asked.body)
    with connection.getresponse() as response:
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, fields, response.read())
