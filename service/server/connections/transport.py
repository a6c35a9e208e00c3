"""Transport of a connection: large writes and lingering closes."""

from __future__ import annotations

import asyncio
import os
import struct
import sys
from collections.abc import Callable
from typing import Any

MIN_DIRECT_BYTES = 1 << 22  # by default the chunks of one or two streams that have the service to themselves
LINGER_SECONDS = 10.0

if sys.platform != "win32":
    import fcntl
    import termios

    def _unread_bytes(descriptor: int) -> int:
        """The bytes that the system has received and nobody has read."""
        (size,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)))
        return int(size)

else:

    def _unread_bytes(descriptor: int) -> int:  # noqa: ARG001
        """Unknown here, and none as a rule."""
        return 0


class ConnectionTransport:
    """The transport of a connection, with a `write` and a `close` of its own.

    A close after an answer lingers where the client may still send, as RFC 9112 (9.6) recommends. A socket
    that is closed with unread bytes resets the connection, and the client loses the answer. So this one ends
    its own direction first, and drops what comes until the client closes, for `linger_seconds` at most.

    `is_read` tells whether the client has sent all that it announced.
    """

    def __init__(self, transport: asyncio.Transport, is_read: Callable[[], bool]) -> None:
        self._transport = transport
        self._is_read = is_read
        self._socket = transport.get_extra_info("socket")
        self._plain = transport.get_extra_info("sslcontext") is None
        self._direct = self._plain and sys.platform != "win32"
        self.linger_seconds = LINGER_SECONDS
        self._closing = False
        self._lingering: asyncio.TimerHandle | None = None
        self._holds = False
        self._held = b""  # a head that waits for the body behind it

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def hold(self) -> None:
        """Hold the next write back until the one after it, or until the event loop goes on.

        A head and its body then take one system call, and wake their reader once.
        """
        self._holds = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send data, and buffer what the socket does not accept.

        As in any transport, an error closes the connection, and the protocol receives it. Large data release
        the interpreter's lock: uvloop holds it while it copies data into the socket, 0.7 ms for 4 MiB. No
        thread can hand over its chunk and begin the next meanwhile. `os.write` releases the lock, and waits
        to take it again. For the small chunks of many streams, that wait is longer than the copy.
        """
        if self._closing:
            return
        if self._holds:
            self._release()
            self._holds, self._held = False, bytes(data)
            asyncio.get_running_loop().call_soon(self._release)
            return
        if self._held:
            if len(data) < MIN_DIRECT_BYTES:
                held, self._held = self._held, b""
                self._transport.writelines((held, data))
                return
            self._release()
        if len(data) >= MIN_DIRECT_BYTES and self._direct and not self._transport.is_closing():
            data = memoryview(data)[self._sent(data) :]
        if data:
            self._transport.write(data)

    def _release(self) -> None:
        """Send what is held."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held)

    def _sent(self, data: bytes | bytearray | memoryview) -> int:
        """The number of bytes that the socket accepts now: none while earlier data wait."""
        if self._transport.get_write_buffer_size():
            return 0
        try:
            return os.write(self._socket.fileno(), data)
        except OSError:  # the socket is full or broken, which the transport finds out itself
            return 0

    def is_closing(self) -> bool:
        """Whether nothing more is sent or taken."""
        return self._closing or self._transport.is_closing()

    def close(self) -> None:
        """Send what is buffered, and linger if the client may send more."""
        if self.is_closing():
            return
        if not self._plain or not self.linger_seconds:  # TLS cannot close one direction
            self.close_idle()
            return
        if self._is_read() and not _unread_bytes(self._socket.fileno()):
            self.close_idle()
            return
        self._release()
        self._closing = True
        self._transport.resume_reading()
        self._transport.write_eof()
        self._linger()

    def close_idle(self) -> None:
        """Close a connection on which the client has nothing to send."""
        self._release()
        self._closing = True
        self._transport.close()

    def end(self) -> None:
        """Forget a connection that is lost, without a cycle for the garbage collector."""
        self._is_read = bool
        if self._lingering is not None:
            self._lingering.cancel()

    def _linger(self) -> None:
        loop = asyncio.get_running_loop()
        self._lingering = loop.call_later(self.linger_seconds, self._stop_lingering)

    def _stop_lingering(self) -> None:
        """Close the connection, unless the client still reads its answer."""
        if self._transport.get_write_buffer_size():
            self._linger()
        else:
            self._transport.abort()
