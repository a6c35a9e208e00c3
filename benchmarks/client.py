"""Clients: curl, wrk, a keep-alive connection, and many connections."""

from __future__ import annotations

import http.client
import json
import re
import selectors
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.programs import path_of
from benchmarks.servers import Server

BUFFER = 1 << 20
NEW_SEEDS = """local seed = 0
function init(arguments) seed = tonumber(arguments[1]) end
function request()
  seed = seed + 1
  return wrk.format("GET", wrk.path .. "&seed=" .. seed)
end
"""


def curl(url: str) -> int:
    """Download to /dev/null. The bytes of the body."""
    command = [path_of("curl") or "curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{size_download}", url]
    status, size = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert status == "200", status
    return int(size)


def wrk(url: str, connections: int, seconds: float, first_seed: int | None = None) -> float:
    """Seconds per request of a GET again and again; from `first_seed` on, each asks for a seed of its own."""
    command = [path_of("wrk") or "wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(NEW_SEEDS)
        script.flush()
        if first_seed is None:
            command.append(url)
        else:
            command += ["-s", script.name, url, "--", str(first_seed)]
        report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return seconds_per_request(report)


def seconds_per_request(report: str) -> float:
    """Of what wrk prints. Raises ValueError where requests failed."""
    rate = re.search(r"Requests/sec:\s*([\d.]+)", report)
    if rate is None or float(rate[1]) == 0 or "Non-2xx" in report or "Socket errors" in report:
        raise ValueError(f"wrk: requests failed: {report[-500:]}")
    return 1 / float(rate[1])


def get(connection: http.client.HTTPConnection, path: str, part: tuple[int, int] | None = None) -> int:
    """Read one answer, or bytes [start, stop) of it, to its end. How many bytes it had."""
    headers = {"Range": f"bytes={part[0]}-{part[1] - 1}"} if part else {}
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    assert answer.status == (206 if part else 200), (answer.status, path)
    size, buffer = 0, memoryview(bytearray(BUFFER))
    while count := answer.readinto(buffer):
        size += count
    return size


def plan(server: Server, spec: object) -> tuple[str, int, float]:
    """The URL of a spec's file, its size, and the seconds until the plan was here."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    start = time.perf_counter()
    connection.request("POST", "/v1/weights/plan", json.dumps(spec))
    answer = connection.getresponse()
    text = answer.read()
    took = time.perf_counter() - start
    connection.close()
    assert answer.status == 200, text[:500]
    document = json.loads(text)
    return document["url"], int(document["size"]), took


def rate(server: Server, path: str, seconds: float) -> float:
    """Bytes a second of one client that asks for a file again and again; the last one is broken off."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    size, buffer, start = 0, memoryview(bytearray(BUFFER)), time.perf_counter()
    while (now := time.perf_counter()) < start + seconds:
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200, path
        while (now := time.perf_counter()) < start + seconds and (count := answer.readinto(buffer)):
            size += count
    connection.close()
    return size / (now - start)


@contextmanager
def downloads(server: Server, paths: Sequence[str]) -> Iterator[list[socket.socket]]:
    """Open connections, each with its request sent and nothing read."""
    connections = []
    try:
        for path in paths:
            connection = socket.create_connection(("127.0.0.1", server.port))
            connections.append(connection)
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        yield connections
    finally:
        for connection in connections:
            connection.close()


def drain(connections: Sequence[socket.socket], seconds: float) -> int:
    """Read from all as fast as they come. How many bytes came."""
    size, buffer = 0, bytearray(BUFFER)
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ)
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            for key, _ in selector.select(left):
                count = key.fileobj.recv_into(buffer)  # type: ignore[union-attr]
                assert count, "the server closed a connection"
                size += count
    return size


@contextmanager
def curls(server: Server, paths: Sequence[str]) -> Iterator[None]:
    """Downloads to /dev/null that go on until the end of the block."""
    program = path_of("curl") or "curl"
    processes = [subprocess.Popen([program, "-s", "-o", "/dev/null", server.url(path)]) for path in paths]
    try:
        yield
        assert all(process.poll() is None for process in processes), "a download ended early"
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def free_folder(size: int) -> Path | None:
    """A folder for temporary files with room for `size` bytes and as much again; None if there is none."""
    places = [Path(tempfile.gettempdir()), Path("/var/tmp"), Path("/dev/shm")]
    return next((p for p in places if p.is_dir() and shutil.disk_usage(p).free > 2 * size), None)
