"""Deaths of worker processes in any order, while clients ask."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tools.soak.replicas import PROGRAM, Replica, ask, digest, plan, running

WORKERS = 3
MERCY_SECONDS = 5.0  # until anything answers, with a process that serves; two starts take the cores meanwhile
ALL_SECONDS = 60.0  # until anything answers, with every process killed at once
SETTLED_STARTS = 3.0  # starts after which a process certainly serves
ELEMENTS = 1 << 20


@dataclass(frozen=True, slots=True)
class Outages:
    """What clients met."""

    kills: int
    probes: int
    slowest: float  # seconds until something answered, while a process served
    after_all: float  # seconds until something answered, with every process killed
    counted: int  # deaths in the metrics
    right: bool  # whether the digest of a file was the same before and after
    status: int  # the exit status of the stop

    @property
    def borne(self) -> bool:
        """Whether something answered whenever it could, and every death was counted."""
        prompt = self.slowest < MERCY_SECONDS and self.after_all < ALL_SECONDS
        return prompt and self.counted == self.kills and self.right and self.status == 0


def kill_in_any_order(seconds: float, seed: int = 0) -> Outages:
    """Kill processes of a server at random, also those that start, for so long; in the end all at once.

    One that serves is always left, so that something can answer.
    """
    replica = Replica((*PROGRAM,), TENSORSEED_WORKERS=str(WORKERS), TENSORSEED_THREADS="1")
    draw = random.Random(seed)
    with running(replica):
        path = plan(replica.port, ELEMENTS)["url"]
        alone = digest(replica.port, path)
        start = _start_seconds(replica)
        settled = set(_workers(replica.pid))
        stop = threading.Event()
        load = threading.Thread(target=_load, args=(replica.port, path, stop))
        load.start()
        kills, probes, slowest = 0, 0, 0.0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            workers = _workers(replica.pid)
            settled |= {pid for pid in workers if _age(pid) > start}
            serving = [pid for pid in workers if pid in settled]
            spared = draw.choice(serving) if serving else None
            for pid in draw.sample(workers, min(len(workers), draw.randrange(3))):
                if pid != spared and serving:
                    kills += _kill(pid)
            time.sleep(draw.uniform(0, 1))
            slowest = max(slowest, _wait(replica.port))
            probes += 1
        kills += sum(_kill(pid) for pid in _workers(replica.pid))
        after_all = _wait(replica.port)
        stop.set()
        load.join()
        right = digest(replica.port, path) == alone
        counted = _deaths(replica.port)
        return Outages(kills, probes, slowest, after_all, counted, right, replica.stop())


def _start_seconds(replica: Replica) -> float:
    """Seconds after whose passing a process certainly serves. All of the server's serve then."""
    began = time.monotonic()
    while _metric(replica.port, "tensorseed_ready_processes") < WORKERS:
        time.sleep(0.1)
    (oldest, *_) = _workers(replica.pid)
    return SETTLED_STARTS * max(_age(oldest), time.monotonic() - began)


def _load(port: int, path: str, stop: threading.Event) -> None:
    """Read a file again and again, whatever comes of it."""
    while not stop.is_set():
        with contextlib.suppress(OSError, http.client.HTTPException):
            digest(port, path)


def _wait(port: int) -> float:
    """Seconds until anything answers."""
    began = time.monotonic()
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if ask(port, "/healthz").status == 200:
                return time.monotonic() - began
        time.sleep(0.02)


def _deaths(port: int) -> int:
    """The deaths in the metrics, once all processes serve again."""
    while _metric(port, "tensorseed_ready_processes") < WORKERS:
        time.sleep(0.2)
    return round(_metric(port, "tensorseed_worker_deaths_total"))


def _metric(port: int, name: str) -> float:
    """The sum of a metric's series."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        lines = ask(port, "/metrics").body.decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))
    return 0.0


def _workers(pid: int) -> list[int]:
    """The worker processes, the oldest first."""
    children = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return [child for child in children if "spawn_main" in _read(child, "cmdline")]


def _age(pid: int) -> float:
    """Seconds since a process started; 0 for one that is gone."""
    fields = _read(pid, "stat").rpartition(")")[2].split()
    if not fields:
        return 0.0
    up = float(Path("/proc/uptime").read_text().split()[0])
    return up - int(fields[19]) / os.sysconf("SC_CLK_TCK")


def _read(pid: int, name: str) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_text()
    return ""


def _kill(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        if _read(pid, "stat").rpartition(")")[2].split()[:1] != ["Z"]:
            os.kill(pid, signal.SIGKILL)
            return True
    return False
