"""Sockets: every address of a host, Unix domain sockets, and refusals."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

import pytest

from service.processes import listening
from service.processes.listening import PortError, authority, bound, bound_path, listen
from tests.waiting import PATIENCE


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this host has no IPv6")


def connects(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), PATIENCE):
            return True
    except OSError:
        return False


@pytest.mark.parametrize(
    ("host", "written"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        pytest.param("::1", "[::1]", marks=ipv6),
        pytest.param("::", "[::1]", marks=ipv6),
    ],
)
def test_a_port_is_bound_before_it_listens(host: str, written: str) -> None:
    with bound(host, 0) as (made,):
        port = made.getsockname()[1]
        assert authority(made) == f"{written}:{port}"
        assert not connects(written.strip("[]"), port)
        listen([made], 8)
        assert connects(written.strip("[]"), port)
        assert host != "::" or connects("127.0.0.1", port)


@ipv6
def test_a_name_with_several_addresses_has_a_port_on_all(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = [(socket.AF_INET6, 1, 6, "", ("::1", 0, 0, 0)), (socket.AF_INET, 1, 6, "", ("127.0.0.1", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [*addresses, addresses[0]])
    with bound("localhost", 0) as sockets:
        assert len({made.getsockname()[1] for made in sockets}) == 1
        assert [authority(made).rpartition(":")[0] for made in sockets] == ["[::1]", "127.0.0.1"]


def test_an_address_that_this_host_lacks_is_left_out_if_the_name_has_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    addresses = [(socket.AF_INET, 1, 6, "", (host, 0)) for host in ("192.0.2.1", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    with bound("localhost", 0) as sockets:
        assert [made.getsockname()[0] for made in sockets] == ["127.0.0.1"]


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=ipv6)])
def test_a_port_that_is_taken_is_refused(host: str) -> None:
    with bound(host, 0) as (taken,):
        port = taken.getsockname()[1]
        taken.listen()
        with pytest.raises(PortError, match=f"port {port} of {host} is taken: choose another one, such as"):
            bound(host, port).__enter__()


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "a" * 70, "", "fe80::1%none"])
def test_what_is_no_address_of_this_host_is_refused(host: str) -> None:
    with pytest.raises(PortError, match=r"is no address of this host: .*: choose one, such as --host 127"):
        bound(host, 0).__enter__()


def test_a_port_of_privileged_users_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> socket.socket:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(listening, "_bound", refused)
    with pytest.raises(
        PortError, match=r"port 80 of 127\.0\.0\.1 is for privileged users: choose one from 1024"
    ):
        bound("127.0.0.1", 80).__enter__()


def test_a_unix_socket_is_made_for_every_user_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with bound_path(path) as sockets:
        listen(sockets, 8)
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
        with pytest.raises(PortError, match="another server listens on it: choose another --uds"):
            bound_path(path).__enter__()
    assert not path.exists()


def test_a_socket_that_a_killed_server_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with bound_path(path):
        before = path.stat().st_ino
        path.rename(tmp_path / "old")  # as a server that is started meanwhile does
        path.touch()
    assert path.stat().st_ino != before


@pytest.mark.parametrize("name", ["file", "missing/socket", "a" * 200])
def test_a_path_that_cannot_be_a_socket_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(PortError, match=r"the socket .* cannot be made: .*: choose another --uds"):
        bound_path(tmp_path / name).__enter__()
    assert (tmp_path / "file").read_text() == "kept"
    assert os.listdir(tmp_path) == ["file"]
