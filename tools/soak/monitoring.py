"""Prometheus with `deploy/prometheus` on the loopback above local servers."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tools.soak.replicas import free_port

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
ALERTS = FOLDER / "alerts.yml"
CONFIGURATION = FOLDER / "prometheus.yml"
WINDOW_SECONDS = 10  # of the alerts, in place of five minutes
PENDING_SECONDS = 5  # of the alerts that wait, in place of a minute or more

Sample = tuple[dict[str, str], float]


def executable(name: str = "prometheus") -> str | None:
    """Prometheus or its promtool, where it is installed."""
    return shutil.which(name)


def replaced(text: str, changes: dict[str, str]) -> str:
    """The text of a deployed file with changes. Raises ValueError where it lacks what is to be changed."""
    for old, new in changes.items():
        if old not in text:
            raise ValueError(f"{FOLDER.name} has no {old!r} any more: change it here as well")
        text = text.replace(old, new)
    return text


class Prometheus:
    """A running Prometheus."""

    def __init__(self, port: int) -> None:
        self._port = port

    def query(self, expression: str) -> list[Sample]:
        """The samples of an expression now. Raises ValueError for one that is not valid."""
        found = self._ask(f"query?{urllib.parse.urlencode({'query': expression})}")
        if found["resultType"] == "scalar":
            return [({}, float(found["result"][1]))]
        return [(series["metric"], float(series["value"][1])) for series in found["result"]]

    def firing(self, instance: str) -> set[str]:
        """The alerts that fire for an instance."""
        return {
            alert["labels"]["alertname"]
            for alert in self._ask("alerts")["alerts"]
            if alert["state"] == "firing" and alert["labels"].get("instance", instance) == instance
        }

    def wait(self, condition: Callable[[Prometheus], bool], seconds: float = 60) -> bool:
        """Whether a condition holds within some time."""
        end = time.monotonic() + seconds
        while not (held := condition(self)) and time.monotonic() < end:
            time.sleep(0.2)
        return held

    def ready(self) -> bool:
        """Whether it answers queries."""
        with contextlib.suppress(OSError), urllib.request.urlopen(self._url("-/ready"), timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    def _ask(self, path: str) -> Any:
        try:
            with urllib.request.urlopen(self._url(f"api/v1/{path}"), timeout=20) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise ValueError(json.load(error)["error"]) from None

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._port}/{path}"


@contextlib.contextmanager
def monitored(*ports: int) -> Iterator[Prometheus]:
    """A Prometheus that scrapes servers each second, by the deployed files with shorter times."""
    with tempfile.TemporaryDirectory(prefix="tensorseed-prometheus-") as name:
        folder = Path(name)
        targets = ", ".join(f'"127.0.0.1:{port}"' for port in ports)
        changes = {"15s": "1s", '"127.0.0.1:8000"': targets}
        (folder / CONFIGURATION.name).write_text(replaced(CONFIGURATION.read_text(), changes))
        changes = {"5m": f"{WINDOW_SECONDS}s", "for: 1m": f"for: {PENDING_SECONDS}s"}
        (folder / ALERTS.name).write_text(replaced(ALERTS.read_text(), changes))
        port = free_port()
        command = [
            executable() or "prometheus",
            f"--config.file={folder / CONFIGURATION.name}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
            try:
                started = Prometheus(port)
                if not started.wait(Prometheus.ready):
                    raise RuntimeError(f"Prometheus does not start: {(folder / 'log').read_text()}")
                yield started
            finally:
                process.terminate()
                process.wait(30)
