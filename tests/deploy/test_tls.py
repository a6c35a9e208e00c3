"""Debian's nginx with the deployed configuration for TLS before a server."""

from __future__ import annotations

import contextlib
import http.client
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from service.server.keys import make_key
from tests.deploy.refusals import (
    ALONE,
    LARGE,
    METRICS,
    Sent,
    assert_closed,
    assert_problem,
    assert_refused,
    assert_too_large,
)
from tests.serving import ROOT, free_port, served
from tests.waiting import PATIENCE
from tools.soak.proxies import CONFIGURATION as SLICES
from tools.soak.proxies import changed, executable, nginx
from tools.soak.replicas import Answer, ask

pytestmark = pytest.mark.skipif(executable() is None or shutil.which("openssl") is None, reason="needs nginx")

CONFIGURATION = ROOT / "deploy" / "nginx.tls.conf"
COMMAND = re.compile(r"^openssl req .*?[^\\]$", re.MULTILINE | re.DOTALL)
QUERY = "/v1/weights?shape=600,600&init=normal&seed=3"


class Front(NamedTuple):
    """nginx, the server behind it, a key, and the certificate."""

    port: int
    server: int
    key: str
    trust: ssl.SSLContext
    certificates: Path


def configured(certificates: Path, folder: Path, port: int, server: int) -> str:
    """The deployed configuration, with this host's addresses and folders and nothing else changed."""
    changes = {
        "server tensorseed:8000;": f"server 127.0.0.1:{server};",
        "listen 8443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "/etc/nginx/tls": str(certificates),
    }
    return changed(CONFIGURATION.read_text(), folder, changes)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("tls")
    (folder / "own" / "tls").mkdir(parents=True)
    found = COMMAND.search((ROOT / "docs" / "operations.md").read_text())
    assert found is not None
    subprocess.run(["sh", "-ec", found[0]], cwd=folder, check=True, capture_output=True)
    certificates = folder / "own" / "tls"
    key, line = make_key("all")
    (folder / "keys").write_text(f"{line}\n")
    options = {"TENSORSEED_KEYS_FILE": str(folder / "keys"), "TENSORSEED_TRUSTED_PROXIES": "127.0.0.1"}
    with (
        served(**options) as (_, server),
        nginx(lambda own, port: configured(certificates, own, port, server)) as port,
    ):
        trust = ssl.create_default_context(cafile=str(certificates / "tls.crt"))
        yield Front(port, server, key, trust, certificates)


def get(front: Front, path: str, **headers: str) -> Answer:
    connection = http.client.HTTPSConnection("localhost", front.port, context=front.trust, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Authorization": f"Bearer {front.key}", **headers})
        with connection.getresponse() as response:
            return Answer(response.status, response.headers, response.read())


def test_an_answer_is_that_of_the_server(front: Front) -> None:
    answer = get(front, QUERY)
    direct = ask(front.server, QUERY, Authorization=f"Bearer {front.key}")
    assert (answer.status, answer.body) == (200, direct.body)
    for name in ("Content-Length", "ETag", "Cache-Control", "Accept-Ranges", "Content-Location"):
        assert answer.headers[name] == direct.headers[name]
    part = get(front, QUERY, Range="bytes=1000000-")
    assert (part.status, part.body) == (206, direct.body[1_000_000:])


def test_without_a_key_nothing_is_answered_but_the_page(front: Front) -> None:
    assert get(front, QUERY, Authorization="").status == 401
    assert get(front, "/", Authorization="", Accept="text/html").status == 200
    assert get(front, "/healthz", Authorization="").status == 200


@pytest.mark.parametrize("path", METRICS)
def test_metrics_stay_inside(front: Front, path: str) -> None:
    assert_closed(get(front, path))
    assert ask(front.server, path, Authorization=f"Bearer {front.key}").status == 200


@pytest.mark.parametrize("how", LARGE)
def test_a_body_that_is_too_large_is_refused_as_the_server_does(front: Front, how: Sent) -> None:
    connection = http.client.HTTPSConnection("localhost", front.port, context=front.trust, timeout=PATIENCE)
    assert_too_large(connection, "/v1/losses/mse_loss", how)


@pytest.mark.parametrize(("request_", "status"), ALONE.items(), ids=[*map(str, ALONE.values())])
def test_what_the_server_does_not_see_is_refused_in_its_form(
    front: Front, request_: bytes, status: int
) -> None:
    plain = socket.create_connection(("localhost", front.port))
    assert_refused(front.trust.wrap_socket(plain, server_hostname="localhost"), request_, status)


def test_both_configurations_answer_alike_by_themselves() -> None:
    texts = [CONFIGURATION.read_text(), SLICES.read_text()]
    one, other = (text.partition("# What nginx answers by itself")[2] for text in texts)
    assert one == other != ""
    pages = (re.findall(r"error_page .*/[.]problem/.*;", text) for text in texts)
    assert next(pages) == next(pages) != []


def test_no_server_is_a_problem(front: Front) -> None:
    with nginx(lambda own, port: configured(front.certificates, own, port, free_port())) as port:
        assert_problem(get(front._replace(port=port), QUERY), 502)


def test_plain_http_is_led_to_tls(front: Front) -> None:
    answer = ask(front.port, QUERY, Host=f"localhost:{front.port}")
    assert answer.status == 308
    assert answer.headers["Location"] == f"https://localhost:{front.port}{QUERY}"


def test_an_unknown_certificate_is_refused(front: Front) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        get(front._replace(trust=ssl.create_default_context()), QUERY)
