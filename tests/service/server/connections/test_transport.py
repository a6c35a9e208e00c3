"""Transport: whole bytes in order at any pace, and lingering closes."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock

import pytest
import uvloop

from service.server.connections.transport import MIN_DIRECT_BYTES, ConnectionTransport
from tests.waiting import PATIENCE


class Waiting(asyncio.Protocol):
    """Knows whether the transport wants no more, and how the connection ended."""

    def __init__(self) -> None:
        self.may_write = asyncio.Event()
        self.may_write.set()
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def pause_writing(self) -> None:
        self.may_write.clear()

    def resume_writing(self) -> None:
        self.may_write.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


def connected(use: Callable[[ConnectionTransport, Waiting, socket.socket], Any]) -> Any:
    """Run `use` with a writer, its protocol and the other end of the connection."""

    async def run() -> Any:
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        theirs.settimeout(PATIENCE)
        with theirs:
            transport, protocol = await asyncio.get_running_loop().create_connection(Waiting, sock=ours)
            try:
                return await use(ConnectionTransport(transport, lambda: False), protocol, theirs)
            finally:
                transport.abort()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


def received(end: socket.socket, size: int) -> bytes:
    parts = []
    while size and (part := end.recv(min(size, 1 << 16))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


@pytest.mark.parametrize("pace", ["at once", "when told"])
def test_all_arrives_in_order(pace):
    large = MIN_DIRECT_BYTES
    sizes = [100, large, large - 1, 5 * large + 7, 1, large, 0, 3 * large, 10]
    data = [os.urandom(size) for size in sizes]

    async def use(writer: ConnectionTransport, protocol: Waiting, end: socket.socket) -> None:
        reading = asyncio.create_task(asyncio.to_thread(received, end, sum(sizes)))
        for part in data:
            writer.write(memoryview(part))
            if pace == "when told":
                await protocol.may_write.wait()
        assert await reading == b"".join(data)

    connected(use)


def test_the_socket_is_given_large_data_at_once_and_the_transport_the_rest(monkeypatch):
    direct, write = [], os.write

    def counted(fd: int, data: Any) -> int:
        sent = write(fd, data)
        direct.append(sent)
        return sent

    monkeypatch.setattr("service.server.connections.transport.os.write", counted)

    async def use(writer: ConnectionTransport, protocol: Waiting, end: socket.socket) -> None:
        data = os.urandom(4 * MIN_DIRECT_BYTES)
        writer.write(data)
        assert 0 < direct[0] < len(data)
        assert writer.get_write_buffer_size() > 0
        assert not protocol.may_write.is_set()
        writer.write(data)  # must wait its turn
        assert len(direct) == 1
        assert await asyncio.to_thread(received, end, 2 * len(data)) == 2 * data
        await protocol.may_write.wait()

    connected(use)


@pytest.mark.parametrize(("tls", "direct"), [(None, 1), (object(), 0)])
def test_large_writes_go_past_uvloop_but_for_tls(monkeypatch, tls: object, direct: int) -> None:
    sent = []
    monkeypatch.setattr(
        "service.server.connections.transport.os.write", lambda _, data: sent.append(data) or 0
    )
    transport = MagicMock()
    transport.is_closing.return_value = transport.get_write_buffer_size.return_value = 0
    transport.get_extra_info.side_effect = {"sslcontext": tls, "socket": MagicMock()}.get
    ConnectionTransport(transport, bool).write(bytes(MIN_DIRECT_BYTES))
    assert len(sent) == direct
    (data,) = transport.write.call_args.args
    assert len(data) == MIN_DIRECT_BYTES


@pytest.mark.parametrize(("tls", "half"), [(None, 1), (object(), 0)])
def test_a_close_lingers_but_for_tls(monkeypatch, tls: object, half: int) -> None:
    transport = MagicMock()
    transport.is_closing.return_value = False
    transport.get_extra_info.side_effect = {"sslcontext": tls, "socket": MagicMock()}.get

    async def use() -> None:
        writer = ConnectionTransport(transport, lambda: False)
        writer.close()
        writer.end()

    asyncio.run(use())
    assert transport.write_eof.call_count == half
    assert transport.close.call_count == 1 - half


def test_a_closed_connection_takes_what_the_client_still_sends(monkeypatch) -> None:
    monkeypatch.setattr("service.server.connections.transport.LINGER_SECONDS", 0.5)

    async def use(writer: ConnectionTransport, protocol: Waiting, end: socket.socket) -> None:
        writer.write(b"answer")
        writer.close()
        writer.write(b"more")
        writer.close()
        assert writer.is_closing()
        await asyncio.to_thread(end.sendall, bytes(1 << 20))
        assert await asyncio.to_thread(end.recv, 1 << 16) == b"answer"
        assert await asyncio.to_thread(end.recv, 1 << 16) == b""
        end.sendall(b"x")
        assert await asyncio.wait_for(protocol.lost, PATIENCE) is None

    connected(use)


@pytest.mark.parametrize(("sent", "lingers"), [(b"", False), (b"x", True)])
def test_a_connection_that_is_read_lingers_for_bytes_that_wait_alone(sent: bytes, lingers: bool) -> None:
    async def use(_: ConnectionTransport, __: Waiting, ___: socket.socket) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            transport, protocol = await asyncio.get_running_loop().create_connection(Waiting, sock=ours)
            transport.pause_reading()
            writer = ConnectionTransport(transport, lambda: True)
            theirs.sendall(sent)
            writer.close()
            await asyncio.sleep(0.1)
            assert protocol.lost.done() != lingers
            writer.abort()
            writer.end()

    connected(use)


def test_a_client_that_closes_ends_the_lingering(monkeypatch) -> None:
    monkeypatch.setattr("service.server.connections.transport.LINGER_SECONDS", 1_000)

    async def use(writer: ConnectionTransport, protocol: Waiting, end: socket.socket) -> None:
        writer.close()
        assert await asyncio.to_thread(end.recv, 1 << 16) == b""
        end.close()
        assert await asyncio.wait_for(protocol.lost, PATIENCE) is None
        writer.end()

    connected(use)


def test_a_slow_reader_of_a_closed_connection_gets_all(monkeypatch) -> None:
    monkeypatch.setattr("service.server.connections.transport.LINGER_SECONDS", 0.01)
    data = os.urandom(8 * MIN_DIRECT_BYTES)

    async def use(writer: ConnectionTransport, protocol: Waiting, end: socket.socket) -> None:
        writer.write(data)
        writer.close()
        await asyncio.sleep(0.2)
        assert await asyncio.to_thread(received, end, len(data)) == data
        await asyncio.wait_for(protocol.lost, PATIENCE)

    connected(use)


def test_a_client_that_has_gone_ends_the_connection(monkeypatch):
    tried, write = [], os.write
    monkeypatch.setattr(
        "service.server.connections.transport.os.write", lambda fd, data: tried.append(fd) or write(fd, data)
    )

    async def use(writer: ConnectionTransport, protocol: Waiting, end: socket.socket) -> None:
        end.close()
        writer.write(bytes(MIN_DIRECT_BYTES))
        await asyncio.wait_for(protocol.lost, PATIENCE)
        assert writer.is_closing()
        assert tried

    connected(use)


def test_a_held_head_goes_out_with_its_body_in_one_call():
    async def use(_: ConnectionTransport, protocol: Waiting, end: socket.socket) -> None:
        inner = MagicMock()
        inner.get_extra_info.return_value = None
        inner.is_closing.return_value = False
        writer = ConnectionTransport(inner, lambda: False)
        for body in (b"body", memoryview(b"x" * 100_000), b""):
            writer.hold()
            writer.write(b"head")
            inner.write.assert_not_called()
            writer.write(body)
            inner.writelines.assert_called_once_with((b"head", body))
            inner.reset_mock()
        await asyncio.sleep(0)
        inner.write.assert_not_called()

    connected(use)


@pytest.mark.parametrize("after", ["nothing", "another", "large", "close", "lingering close"])
def test_a_held_head_waits_for_nothing_but_its_body(after):
    expected = b"head" + {"another": b"headbody", "large": bytes(MIN_DIRECT_BYTES)}.get(after, b"")

    async def use(writer: ConnectionTransport, protocol: Waiting, end: socket.socket) -> None:
        reading = asyncio.create_task(asyncio.to_thread(received, end, len(expected)))
        writer.hold()
        writer.write(b"head")
        if after == "another":
            writer.hold()
            writer.write(b"head")
            writer.write(b"body")
        elif after == "large":
            writer.write(bytes(MIN_DIRECT_BYTES))
        elif after == "close":
            writer.close_idle()
        elif after == "lingering close":
            writer.close()
        assert await reading == expected

    connected(use)
