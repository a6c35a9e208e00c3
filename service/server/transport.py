"""A connection's transport whose large writes let other threads run.

uvloop copies what it is given into the socket while it holds the interpreter's lock: 0.7 ms for 4 MiB, in
which no thread can hand over the chunk that it has computed and begin the next. `os.write` lets go of it, and
then has to wait for it again: with many streams, whose chunks are small, that is longer than the copy.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

LARGE = 1 << 22  # bytes; by default the chunks of one stream or two that have the service alone


class Outlet:
    """The transport of a connection without TLS, but for `write`."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._socket = transport.get_extra_info("socket")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send data, or keep what the socket does not take. As in any transport, an error ends the connection
        and is told to the protocol.
        """
        if len(data) >= LARGE and not self._transport.is_closing():
            data = memoryview(data)[self._sent(data) :]
        if data:
            self._transport.write(data)

    def _sent(self, data: bytes | bytearray | memoryview) -> int:
        """How much of the data the socket takes here and now: nothing while earlier data wait."""
        if self._transport.get_write_buffer_size():
            return 0
        try:
            return os.write(self._socket.fileno(), data)
        except OSError:  # the socket is full or broken: so the transport will find it
            return 0
