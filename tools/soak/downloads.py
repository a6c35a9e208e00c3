"""Downloads whose server is killed, and which go on at another one."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tools.soak.proxies import proxied
from tools.soak.replicas import BLOCK, Replica, ask, asking, digest, plan, running

TRIES = 10  # of one download behind nginx
PAUSE = 0.5  # seconds before each: nginx asks a replica that has failed again after one

Reached = Callable[[int], None]  # is told how many bytes there are


@dataclass(frozen=True, slots=True)
class Torn:
    """What became of the downloads."""

    downloads: int
    torn: int  # ended before their last byte
    right: int  # had the digest of the whole


class Download:
    """A file that is read piece by piece, wherever it is offered."""

    def __init__(self, path: str, **fields: str) -> None:
        self.path = path
        self._fields = fields
        self.received = 0
        self._etag = ""
        self._hash = hashlib.sha256()

    def read(self, port: int, reached: Reached = lambda _: None) -> bool:
        """Go on at one server until the end, or until it is gone. Returns whether the end was reached."""
        part = {"Range": f"bytes={self.received}-", "If_Range": self._etag} if self.received else {}
        with (
            contextlib.suppress(OSError, http.client.HTTPException),
            asking(port, self.path, **self._fields, **part) as answer,
        ):
            if answer.status != (206 if part else 200):
                return False
            self._etag = answer.headers["ETag"]
            left = int(answer.headers["Content-Length"])
            while left:
                block = answer.read1(BLOCK)
                if not block:
                    return False
                self._hash.update(block)
                self.received += len(block)
                left -= len(block)
                reached(self.received)
            return True
        return False

    def hexdigest(self) -> str:
        """The SHA-256 of what has been read."""
        return self._hash.hexdigest()


def tear(downloads: int, mebibytes: int = 64, seed: int = 0) -> Torn:
    """Read a file as often, each time killing the server at a random byte and going on at the other."""
    draw = random.Random(seed)
    pair = [Replica(), Replica()]
    torn = right = 0
    with running(*pair):
        path = plan(pair[0].port, mebibytes << 18)["url"]
        whole = digest(pair[0].port, path)
        for _ in range(downloads):
            pair.reverse()
            first, second = pair
            second.wait()  # it was killed in the round before
            download = Download(path)
            ended = download.read(first.port, Killer([first], draw.randrange(mebibytes << 20)))
            torn += not ended
            right += (ended or download.read(second.port)) and download.hexdigest() == whole
            first.kill()
            first.begin()
    return Torn(downloads, torn, right)


def tear_behind_proxy(downloads: int, *, sliced: bool, mebibytes: int = 256, seed: int = 0) -> Torn:
    """Read a new file as often through nginx, each time killing the server that sends it at a random byte.

    Sliced, nginx asks for a MiB at a time, at either server, and goes on at the other. Else, as for requests
    with a key, one server sends all of it, and its death cuts the download for certain: what lies in buffers
    between it and the client is far less than what is still to come.
    """
    draw = random.Random(seed)
    pair = [Replica(), Replica()]
    fields = {} if sliced else {"Authorization": "Bearer none"}  # which goes past the cache
    torn = right = 0
    with running(*pair), proxied(*pair) as port:
        for number in range(downloads):
            path = plan(pair[0].port, mebibytes << 18, 2 * number + sliced)["url"]
            whole = digest(pair[1].port, path)
            download = Download(path, **fields)
            kill = Killer(pair, draw.randrange(mebibytes << 19))
            ends = [download.read(port, kill)]
            while not ends[-1] and len(ends) < TRIES:
                time.sleep(PAUSE)
                ends.append(download.read(port))
            torn += len(ends) > 1
            right += download.hexdigest() == whole
            assert kill.killed is not None
            kill.killed.begin()
            kill.killed.wait()
    return Torn(downloads, torn, right)


def is_streaming(replica: Replica) -> bool:
    """Whether it sends a file at the moment."""
    metrics = ask(replica.port, "/metrics").body.decode()
    return float(metrics.partition("\ntensorseed_active_streams ")[2].split()[0]) > 0


class Killer:
    """Kills one of some servers, the one that sends a file, once there are more than `at` bytes of it."""

    def __init__(self, replicas: Sequence[Replica], at: int) -> None:
        self._replicas = replicas
        self._at = at
        self.killed: Replica | None = None

    def __call__(self, received: int) -> None:
        """Told how many bytes there are."""
        if received > self._at and self.killed is None:
            self.killed = next(filter(is_streaming, self._replicas), self._replicas[0])
            self.killed.kill()
