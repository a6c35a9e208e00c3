"""Watch on a client that may have stopped reading its answer."""

from __future__ import annotations

import asyncio

from .transport import ConnectionTransport


class UnreadAnswer:
    """The bytes that wait for a client, which is dropped when it has read none of them for `seconds`."""

    def __init__(self, transport: ConnectionTransport, seconds: float) -> None:
        self._transport = transport
        self._seconds = seconds
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None

    def watch(self) -> None:
        """Begin, or go on."""
        if self._timer is None:
            self._start()

    def watch_rest(self) -> None:
        """Begin on a closed connection, where the rest stays buffered until the client has read it."""
        if self._transport.get_write_buffer_size():
            self.watch()

    def stop(self) -> None:
        """End the watch: the client has read, or has left."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self) -> None:
        self._size = self._transport.get_write_buffer_size()
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._check)

    def _check(self) -> None:
        if self._transport.get_write_buffer_size() < self._size:
            self._start()
        else:
            self._transport.abort()
