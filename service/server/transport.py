"""A transport whose large writes release the interpreter's lock.

uvloop holds the lock while it copies data into the socket: 0.7 ms for 4 MiB. No thread can hand over its
chunk and begin the next meanwhile. `os.write` releases the lock, and waits to take it again. For the small
chunks of many streams, that wait is longer than the copy.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

MIN_DIRECT_BYTES = 1 << 22  # by default the chunks of one or two streams that have the service to themselves


class SocketWriter:
    """The transport of a connection without TLS. All but `write` is that of `transport`."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._socket = transport.get_extra_info("socket")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send data, and buffer what the socket does not accept.

        As in any transport, an error closes the connection, and the protocol receives it.
        """
        if len(data) >= MIN_DIRECT_BYTES and not self._transport.is_closing():
            data = memoryview(data)[self._sent(data) :]
        if data:
            self._transport.write(data)

    def _sent(self, data: bytes | bytearray | memoryview) -> int:
        """The number of bytes that the socket accepts now: none while earlier data wait."""
        if self._transport.get_write_buffer_size():
            return 0
        try:
            return os.write(self._socket.fileno(), data)
        except OSError:  # the socket is full or broken, which the transport finds out itself
            return 0
