"""Alerts, page and dashboard with Debian's Prometheus, synthetic and real."""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import yaml

from tests.deploy.faulty import FAULT_SEED
from tests.service.server.test_metrics import DASHBOARD, expressions
from tests.serving import ROOT, served, status
from tools.soak.monitoring import ALERTS, CONFIGURATION, Prometheus, executable, monitored
from tools.soak.replicas import ask, post

pytestmark = pytest.mark.skipif(executable() is None, reason="needs Prometheus")

RULES = {
    rule["alert"]: rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]
}
PAGE = (ROOT / "docs" / "operations.md").read_text()
LARGE = "/v1/weights?shape=4096,65536&init=normal"


def test_the_files_are_valid() -> None:
    subprocess.run([executable("promtool") or "promtool", "check", "config", CONFIGURATION], check=True)


Series = dict[str, str]
"""Samples of each minute: ten of a healthy server, ten of a faulty one, and those of a healthy one again."""


def counter(name: str, labels: str = "") -> Series:
    return {f"tensorseed_{name}_total{{{labels}}}": "0x9 1x9 1x30"}


def gauges(**values: str) -> Series:
    return {f"tensorseed_{name}": text for name, text in values.items()}


SERIES = {
    "TensorseedDown": {'up{job="tensorseed"}': "1x9 0x9 1x30"},
    "TensorseedProcessesMissing": gauges(ready_processes="2x9 1x9 2x30", workers="2x9 2x9 2x30"),
    "TensorseedProcessDied": counter("worker_deaths", 'cause="SIGKILL"'),
    "TensorseedFault": counter("requests", 'status="500"'),
    "TensorseedStreamFailed": counter("failed_streams"),
    "TensorseedDeviceFailed": gauges(failed_devices="0x9 1x9 0x30"),
    "TensorseedOutOfMemory": counter("problems", 'type="out-of-memory"'),
    "TensorseedDeviceMemoryLow": {
        'tensorseed_device_memory_bytes{kind="free"}': "100x9 4x9 100x30",
        'tensorseed_device_memory_bytes{kind="total"}': "100x9 100x9 100x30",
    },
    "TensorseedRejecting": counter("rejected_requests", 'limit="streams"'),
    "TensorseedRefusingConnections": counter("refused_connections"),
    "TensorseedStreamsNearLimit": gauges(active_streams="3x9 10x9 3x30", max_streams="10x9 10x9 10x30"),
    "TensorseedQueueing": {
        'tensorseed_queue_seconds_bucket{le="0.1"}': "0+60x9 540x9 540+60x30",
        'tensorseed_queue_seconds_bucket{le="1"}': "0+60x9 600+60x9 1200+60x30",
        'tensorseed_queue_seconds_bucket{le="+Inf"}': "0+60x9 600+60x9 1200+60x30",
    },
    "TensorseedSeveralVersions": {
        'tensorseed_build{version="1"}': "1x9 1x99 1x30",
        'tensorseed_build{version="2"}': "_x10 1x99 stale",
    },
}
FAULTY, CLEARED = 13, 30  # minutes at which an alert fires, and has cleared
LATER = {"TensorseedSeveralVersions": (75, 130)}


def check(tmp_path: Path, alert: str, series: Series, expected: dict[int, int]) -> None:
    """Let promtool check at which minutes of a synthetic history an alert fires: 1, or not: 0."""
    firing = f'ALERTS{{alertname="{alert}",alertstate="firing"}}'
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f"clamp_max(count({firing}), 1) or vector(0)",
                "eval_time": f"{minute}m",
                "exp_samples": [{"labels": "{}", "value": value}],
            }
            for minute, value in expected.items()
        ],
    }
    path = tmp_path / "test.yml"
    path.write_text(
        yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": [test]})
    )
    command = [executable("promtool") or "promtool", "test", "rules", str(path)]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr


def test_every_alert_has_a_history() -> None:
    assert set(SERIES) == set(RULES)


@pytest.mark.parametrize("alert", RULES)
def test_an_alert_fires_on_the_first_fault_and_clears(alert: str, tmp_path: Path) -> None:
    faulty, cleared = LATER.get(alert, (FAULTY, CLEARED))
    check(tmp_path, alert, SERIES[alert], {9: 0, faulty: 1, cleared: 0})


@pytest.mark.parametrize("alert", RULES)
def test_a_fault_before_the_first_scrape_is_told(alert: str, tmp_path: Path) -> None:
    """A counter that is above 0 when it is first seen shows no increase."""
    series = {name: re.sub(r"^\S+x9", "_x10", values) for name, values in SERIES[alert].items()}
    faulty, cleared = LATER.get(alert, (FAULTY, CLEARED))
    check(tmp_path, alert, series, {9: 0, faulty: 1, cleared: 0})


@pytest.mark.parametrize("alert", RULES)
def test_a_healthy_server_sets_off_nothing(alert: str, tmp_path: Path) -> None:
    series = {
        name: re.sub("x9 .*", "x9" if values.startswith("_") else "x60", values)
        for name, values in SERIES[alert].items()
    }
    check(tmp_path, alert, series, dict.fromkeys((*range(20), 59), 0))


def test_servers_that_are_gone_are_told(tmp_path: Path) -> None:
    """All processes of a server, while the port of its metrics still answers."""
    series = gauges(ready_processes="2x9 stale", workers="2x60")
    check(tmp_path, "TensorseedProcessesMissing", series, {9: 0, 15: 1})


@dataclass(frozen=True)
class Site:
    """Servers of one process and of two, one that fails on demand, and a Prometheus that watches them."""

    prometheus: Prometheus
    single: int
    several: int
    faulty: int
    supervisor: int  # the process id of the server of several

    @property
    def healthy(self) -> tuple[int, int]:
        return self.single, self.several


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with contextlib.ExitStack() as stack:
        (_, single), (supervisor, several), (_, faulty) = (
            stack.enter_context(served("--threads", "1", *options, module=module))
            for module, options in (
                ("service", ()),
                ("service", ("--workers", "2")),
                ("tests.deploy.faulty", ("--streams", "1")),
            )
        )
        ports = single, several, faulty
        prometheus = stack.enter_context(monitored(*ports))
        watched = "count(tensorseed_build and on (instance) tensorseed_build offset 5s)"
        assert prometheus.wait(lambda it: it.query(watched) == [({}, len(ports))])
        yield Site(prometheus, *ports, supervisor.pid)


def traffic(port: int) -> None:
    """Ordinary requests: files, a stream, a plan, a listing and a loss."""
    for seed in range(3):
        for path in (
            f"/v1/weights?shape=64,64&init=normal&seed={seed}",
            "/v1/schemes",
            "/v1/recipes",
            "/nowhere",
        ):
            status(port, path)
        ask(port, f"/v1/weights?shape=2048,2048&init=normal&seed={seed}")
        post(
            port,
            "/v1/weights/plan",
            {"layers": [{"name": "a", "type": "Linear", "in_features": 2, "out_features": 2}]},
        )


def asked() -> list[str]:
    """The expressions of the dashboard and of the page."""
    dashboard = [
        text.replace('"$job"', '".*"').replace("$__rate_interval", "10s")
        for text in expressions(json.loads(DASHBOARD.read_text()))
        if "{" in text
    ]
    page = PAGE.partition("### What to watch")[2].partition("\n## ")[0]
    return [*dashboard, *re.findall(r"`([^`]*tensorseed_[^`]*)`", page.partition("<!-- end -->")[2])]


def test_a_healthy_server_has_data_for_every_expression(site: Site) -> None:
    lacking = asked()
    assert len(lacking) > 20

    def complete(prometheus: Prometheus) -> bool:
        for port in site.healthy:
            traffic(port)
        lacking[:] = [expression for expression in lacking if not has_data(prometheus, expression)]
        return not lacking

    assert site.prometheus.wait(complete), lacking


def has_data(prometheus: Prometheus, expression: str) -> bool:
    return any(not math.isnan(value) for _, value in prometheus.query(expression))


def test_a_healthy_server_sets_off_no_alert(site: Site) -> None:
    for port in site.healthy:
        assert site.prometheus.firing(f"127.0.0.1:{port}") == set()


def test_every_fault_sets_off_its_alert_and_clears(site: Site) -> None:
    instance = f"127.0.0.1:{site.faulty}"
    assert site.prometheus.firing(instance) == set()
    assert status(site.faulty, "/v1/schemes") == 500
    assert status(site.faulty, "/v1/devices") == 503
    assert status(site.faulty, "/v1/layers") == 200
    with pytest.raises(http.client.IncompleteRead):
        ask(site.faulty, f"{LARGE}&seed={FAULT_SEED}")
    with streaming(site.faulty):
        assert status(site.faulty, LARGE) == 429
        expected = {
            "TensorseedFault",
            "TensorseedStreamFailed",
            "TensorseedDeviceFailed",
            "TensorseedOutOfMemory",
            "TensorseedRejecting",
            "TensorseedStreamsNearLimit",
        }
        assert site.prometheus.wait(lambda it: it.firing(instance) == expected), site.prometheus.firing(
            instance
        )
    remaining = {"TensorseedDeviceFailed"}  # until the service is started again
    assert site.prometheus.wait(lambda it: it.firing(instance) == remaining), site.prometheus.firing(instance)


@contextlib.contextmanager
def streaming(port: int) -> Iterator[None]:
    """A client that reads nothing of a large file."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(f"GET {LARGE} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert client.recv(12) == b"HTTP/1.1 200"
        yield


def holds(query: str, prometheus: Prometheus) -> bool:
    """Whether the query has a result."""
    return bool(prometheus.query(query))


def test_a_worker_that_is_replaced_takes_no_count_with_it(site: Site) -> None:
    instance = f'{{instance="127.0.0.1:{site.several}"}}'
    os.kill(workers(site.supervisor)[0], signal.SIGKILL)
    for condition in ("<", "=="):
        expected = f"tensorseed_ready_processes{instance} {condition} tensorseed_workers"
        assert site.prometheus.wait(partial(holds, expected))
        traffic(site.several)
    assert site.prometheus.query(f"max(resets(tensorseed_requests_total{instance}[5m]))") == [({}, 0)]


def workers(supervisor: int) -> list[int]:
    """The processes that serve."""
    children = map(int, Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split())
    return [child for child in children if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()]


def test_a_server_that_ends_is_told() -> None:
    with contextlib.ExitStack() as stack, served("--threads", "1") as (process, port):
        prometheus = stack.enter_context(monitored(port))
        assert prometheus.wait(lambda it: bool(it.query("tensorseed_build")))
        process.kill()
        assert prometheus.wait(lambda it: "TensorseedDown" in it.firing(f"127.0.0.1:{port}"))
