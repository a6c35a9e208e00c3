"""Sockets that the service listens on: TCP or Unix domain."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)  # as ::1 of localhost on a host without IPv6
SOCKET_MODE = 0o666  # a proxy of any user may connect
PORT_EXAMPLE = "such as --port 9000 or make run PORT=9000"

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound

_Address = tuple[Any, ...]


class PortError(ValueError):
    """An address or a port that cannot be had. The message names the remedy."""


@contextmanager
def bound(host: str, port: int, example: str = PORT_EXAMPLE) -> Iterator[list[socket.socket]]:
    """The TCP sockets of every address of the host, bound to the port and not listening yet.

    Port 0 is a free one. The host `::` is every interface, by IPv6 and by IPv4. `example` is the remedy of a
    port that cannot be had.

    Raises:
        PortError: an address or the port cannot be had.
    """
    sockets: list[socket.socket] = []
    fault: OSError | None = None
    with ExitStack() as stack:
        for family, address in _addresses(host, port):
            taken = sockets[0].getsockname()[1] if sockets else port
            try:
                sockets.append(_bound(family, (address[0], taken, *address[2:])))
            except OSError as error:
                if error.errno not in ABSENT:
                    raise _refusal(host, port, error, example) from None
                fault = error
            else:
                stack.enter_context(sockets[-1])
        if fault is not None and not sockets:
            raise _refusal(host, port, fault, example)
        yield sockets


@contextmanager
def bound_path(path: Path) -> Iterator[list[socket.socket]]:
    """The Unix domain socket of a path, bound and not listening yet. It is removed afterwards.

    One that a killed server has left is replaced.

    Raises:
        PortError: the socket cannot be made.
    """
    with socket.socket(socket.AF_UNIX) as made:
        try:
            _remove_stale(path)
            made.bind(str(path))
            path.chmod(SOCKET_MODE)
        except OSError as error:
            reason = error.strerror or str(error)
            raise PortError(f"the socket {path} cannot be made: {reason}: choose another --uds") from None
        ours = path.stat().st_ino
        try:
            yield [made]
        finally:
            with suppress(OSError):
                if path.stat().st_ino == ours:
                    path.unlink()


def listen(sockets: Sequence[socket.socket], backlog: int) -> None:
    """Begin to accept connections.

    Raises:
        PortError: another process has begun to listen on the same port since it was bound.
    """
    for each in sockets:
        try:
            each.listen(backlog)
        except OSError as error:
            host, port, *_ = each.getsockname()
            raise _refusal(host, port, error) from None


def is_any(listening: socket.socket) -> bool:
    """Whether a TCP socket listens on every interface."""
    return listening.family != getattr(socket, "AF_UNIX", None) and listening.getsockname()[0] in _ANY


def authority(listening: socket.socket) -> str:
    """The host and the port of a TCP socket, as a client of this host writes them."""
    host, port, *_ = listening.getsockname()
    host = _ANY.get(host, host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _addresses(host: str, port: int) -> list[tuple[int, _Address]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise PortError(f"{host!r} is no address of this host: {_remedy(error)}") from None
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _bound(family: int, address: _Address) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would share the port with another server
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address[0] != "::")
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def _remove_stale(path: Path) -> None:
    """Remove a socket that nobody listens on.

    Raises:
        OSError: the path is something else, or is in use.
    """
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise FileExistsError(errno.EEXIST, "it is a file")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(errno.EADDRINUSE, "another server listens on it")


def _refusal(host: str, port: int, error: OSError, example: str = PORT_EXAMPLE) -> PortError:
    place = f"port {port} of {host}"
    if error.errno == errno.EADDRINUSE:
        return PortError(f"{place} is taken: choose another one, {example}")
    if error.errno in (errno.EACCES, errno.EPERM):
        return PortError(f"{place} is for privileged users: choose one from 1024 on, {example}")
    if error.errno in ABSENT:
        return PortError(f"{host!r} is no address of this host: {_remedy(error)}")
    return PortError(f"{place} cannot be had: {error.strerror}: choose another one, {example}")


def _remedy(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return f"{reason}: choose one, such as --host 127.0.0.1, or --host 0.0.0.0 for every interface"
