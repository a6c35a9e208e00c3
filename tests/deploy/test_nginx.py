"""Debian's nginx with the deployed configuration before two servers."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.wire import Wire
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
from tests.waiting import PATIENCE, wait_until
from tools.soak.downloads import Download
from tools.soak.proxies import CONFIGURATION, configured, executable, proxied
from tools.soak.replicas import Replica, ask, asking, digest, normals, plan, post, running

pytestmark = pytest.mark.skipif(executable() is None, reason="needs nginx")

MIB = 1 << 20
FILE = (5 << 18) + 77  # elements: five slices and a bit


class Site:
    """Two servers, and nginx before them."""

    def __init__(self, port: int, replicas: tuple[Replica, Replica]) -> None:
        self.port = port
        self.replicas = replicas

    def plan(self, elements: int, seed: int) -> dict[str, object]:
        return plan(self.port, elements, seed)

    def alive(self) -> None:
        """Let both serve again."""
        for replica in self.replicas:
            replica.kill()
            replica.begin()
        for replica in self.replicas:
            replica.wait()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    replicas = (Replica(TENSORSEED_THREADS="1"), Replica(TENSORSEED_THREADS="1"))
    with running(*replicas), proxied(*replicas) as port:
        yield Site(port, replicas)


def test_a_download_equals_the_direct_one(site: Site) -> None:
    url = str(site.plan(FILE, 1)["url"])
    direct = ask(site.replicas[0].port, url)
    through = ask(site.port, url)
    assert through.body == direct.body
    assert through.status == 200
    for name in ("Content-Length", "ETag", "Cache-Control", "Accept-Ranges", "Content-Type"):
        assert through.headers[name] == direct.headers[name]


@pytest.mark.parametrize(
    "wanted",
    ["bytes=0-0", "bytes=1048570-1048580", "bytes=3000000-", "bytes=-500", "bytes=0-9,2000000-2000009"],
)
def test_a_range_equals_the_direct_one(site: Site, wanted: str) -> None:
    url = str(site.plan(FILE, 2)["url"])
    direct, through = ask(site.replicas[0].port, url, Range=wanted), ask(site.port, url, Range=wanted)
    assert through.status == direct.status == 206
    if "," in wanted:  # parts between boundaries that are drawn anew
        assert len(through.body) == len(direct.body)
        return
    assert through.headers["Content-Range"] == direct.headers["Content-Range"]
    assert through.body == direct.body


def test_a_range_beyond_the_end_is_refused(site: Site) -> None:
    url = str(site.plan(FILE, 2)["url"])
    assert ask(site.port, url, Range="bytes=99999999-").status == 416


def test_slices_are_cached_one_by_one(site: Site) -> None:
    url = str(site.plan(FILE, 3)["url"])
    cached = {"Range": f"bytes={2 * MIB}-{2 * MIB + 9}"}
    for expected in ("MISS", "HIT"):
        answer = ask(site.port, url, **cached)
        assert answer.headers["X-Cache-Status"] == expected
    beside = ask(site.port, url, Range="bytes=0-9")
    assert beside.headers["X-Cache-Status"] == "MISS"


def test_names_that_look_alike_have_slices_of_their_own(site: Site) -> None:
    spec = {
        "layers": [
            {"name": "w", "type": "Tensor", "shape": [4], "init": "ones"},
            {"name": "w?slice=0:1", "type": "Tensor", "shape": [4], "init": "zeros"},
        ]
    }
    url = json.loads(post(site.port, "/v1/weights/plan", spec))["url"]
    for path in (f"{url}/tensors/w?slice=0:1", f"{url}/tensors/w%3Fslice=0:1"):
        assert ask(site.port, path).body == ask(site.replicas[0].port, path).body


@pytest.mark.parametrize("headers", [{"Accept": "application/json"}, {"Authorization": "Bearer none"}])
def test_numbers_and_keys_go_past_the_cache(site: Site, headers: dict[str, str]) -> None:
    url = str(site.plan(16, 4)["url"])
    for _ in range(2):
        answer = ask(site.port, url, **headers)
        assert answer.headers["X-Cache-Status"] is None
        assert answer.body == ask(site.replicas[0].port, url, **headers).body


@pytest.mark.parametrize(
    "accept",
    ["", "*/*", "application/octet-stream", "text/html, image/webp, */*;q=0.8", "Application/*;q=0.5"],
)
def test_a_slice_is_there_for_all_who_accept_safetensors(site: Site, accept: str) -> None:
    url = str(site.plan(FILE, 31)["url"])
    ask(site.port, url)
    headers = {"Accept": accept} if accept else {}
    answer = ask(site.port, url, **headers)
    assert answer.headers["X-Cache-Status"] == "HIT"
    assert answer.headers["Vary"] == "Accept"
    assert answer.body == ask(site.replicas[0].port, url, **headers).body


@pytest.mark.parametrize(
    "accept",
    [
        *("image/png", "text/html", "application/json", "application/vnd.x+json, */*", "x-application/*"),
        *("application/octet-stream;q=0", "*/*;q=0.0", "*/*, application/octet-stream; q=0", "text/*;q=1"),
    ],
)
def test_other_forms_go_past_the_cache(site: Site, accept: str) -> None:
    url = str(site.plan(FILE, 32)["url"])
    ask(site.port, url)
    answer = ask(site.port, url, Accept=accept)
    direct = ask(site.replicas[0].port, url, Accept=accept)
    assert answer.headers["X-Cache-Status"] is None
    assert (answer.status, answer.body) == (direct.status, direct.body)


def test_a_file_that_shared_caches_do_not_store_is_cached_by_slices(site: Site) -> None:
    url = str(site.plan(1 << 30, 33)["url"])
    wanted = {"Range": "bytes=-1000"}
    for expected in ("MISS", "HIT"):
        answer = ask(site.port, url, **wanted)
        assert (answer.status, len(answer.body)) == (206, 1_000)
        assert answer.headers["X-Cache-Status"] == expected
        assert answer.headers["Cache-Control"].startswith("public")
    assert answer.body == ask(site.replicas[0].port, url, **wanted).body
    for _ in range(2):
        with asking(site.port, url) as whole:
            assert whole.status == 200
            assert whole.headers.get_all("Cache-Control") == ["private, max-age=31536000, immutable"]


def test_head_and_post(site: Site) -> None:
    planned = site.plan(FILE, 5)
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("HEAD", str(planned["url"]))
        answer = connection.getresponse()
        assert answer.read() == b""
    assert answer.headers["Content-Length"] == str(planned["size"])
    posted = post(site.port, "/v1/weights", normals(FILE, 5))
    assert hashlib.sha256(posted).hexdigest() == digest(site.port, str(planned["url"]))


def test_an_unchanged_file_is_not_sent_again(site: Site) -> None:
    planned = site.plan(FILE, 6)
    ask(site.port, str(planned["url"]))
    assert ask(site.port, str(planned["url"]), If_None_Match=str(planned["etag"])).status == 304


@pytest.mark.parametrize("wanted", [{}, {"Range": "bytes=10-19"}])
def test_a_file_that_would_be_another_is_not_sent(site: Site, wanted: dict[str, str]) -> None:
    """As `tensorseed fetch` asks when it goes on."""
    planned = site.plan(FILE, 6)
    url, etag = str(planned["url"]), str(planned["etag"])
    for _ in range(2):
        assert ask(site.port, url, If_Match='"other"', **wanted).status == 412
        assert ask(site.port, url, If_Match=etag, **wanted).status == (206 if wanted else 200)


def test_a_range_of_another_file_is_the_whole(site: Site) -> None:
    planned = site.plan(FILE, 6)
    url, etag = str(planned["url"]), str(planned["etag"])
    assert ask(site.port, url, Range="bytes=10-19", If_Range='"other"').status == 200
    assert ask(site.port, url, Range="bytes=10-19", If_Range=etag).status == 206


def test_what_a_change_of_version_would_change_is_not_cached(site: Site) -> None:
    for _ in range(2):
        answer = ask(site.port, "/v1/weights?shape=2&init=normal&generator=torch")
        assert answer.status == 200
        assert answer.headers["X-Cache-Status"] == "MISS"


def test_a_request_id_passes_and_one_is_drawn(site: Site) -> None:
    url = str(site.plan(16, 7)["url"])
    for path in ("/healthz", url, url):  # the last one from the cache
        assert ask(site.port, path, X_Request_ID="mine-1").headers.get_all("X-Request-ID") == ["mine-1"]
    assert len(ask(site.port, "/healthz").headers["X-Request-ID"]) == 32


@pytest.mark.parametrize("path", METRICS)
def test_metrics_are_not_for_clients(site: Site, path: str) -> None:
    answer = ask(site.port, path, X_Request_ID="mine-2")
    assert_closed(answer)
    assert answer.headers.get_all("X-Request-ID") == ["mine-2"]
    assert ask(site.replicas[0].port, path).status == 200


@pytest.mark.parametrize("how", LARGE)
@pytest.mark.parametrize("path", ["/v1/losses/mse_loss", "/v1/weights"])
def test_a_body_that_is_too_large_is_refused_as_the_server_does(site: Site, path: str, how: Sent) -> None:
    assert_too_large(http.client.HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE), path, how)


@pytest.mark.parametrize(("request_", "status"), ALONE.items(), ids=[*map(str, ALONE.values())])
def test_what_no_replica_sees_is_refused_in_its_form(site: Site, request_: bytes, status: int) -> None:
    assert_refused(socket.create_connection(("127.0.0.1", site.port)), request_, status)


def test_no_replica_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = tmp_path / "nginx.conf"
    changed.write_text(CONFIGURATION.read_text().replace("read_timeout 120s", "read_timeout 200ms"))
    monkeypatch.setattr("tools.soak.proxies.CONFIGURATION", changed)
    replica = Replica()  # which is not begun
    with proxied(replica) as port:
        for path in ("/", "/v1/weights?shape=2&init=ones", "/v1/weights?shape=2&init=ones&seed=1"):
            answer = ask(port, path, X_Request_ID="mine-3")
            assert_problem(answer, 502)
            assert answer.headers.get_all("X-Request-ID") == ["mine-3"]
        assert_problem(ask(port, "/v1/weights?shape=2&init=ones", Accept="application/json"), 502)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        replica.port = silent.getsockname()[1]
        with proxied(replica) as port:
            for path in ("/healthz", "/v1/weights?shape=2&init=ones"):
                assert_problem(ask(port, path), 504)


def test_a_slice_is_served_with_every_replica_down(site: Site) -> None:
    url = str(site.plan(FILE, 8)["url"])
    expected = digest(site.port, url)
    try:
        site.replicas[0].kill()
        assert digest(site.port, url) == expected
        site.replicas[1].kill()
        assert digest(site.port, url) == expected
    finally:
        site.alive()


def test_one_replica_down_is_one_less(site: Site) -> None:
    try:
        site.replicas[0].kill()
        for seed in range(20, 26):
            planned = site.plan(16, seed)
            assert ask(site.port, str(planned["url"])).status == 200
    finally:
        site.alive()


def test_a_download_goes_on_when_its_replica_is_killed(site: Site) -> None:
    url = str(site.plan(24 << 18, 9)["url"])
    expected = digest(site.replicas[0].port, url)
    download = Download(url)
    killed = False

    def kill_one(received: int) -> None:
        nonlocal killed
        if received > 3 * MIB and not killed:
            killed = True
            site.replicas[0].kill()

    try:
        wait_until(lambda: download.read(site.port, kill_one))
        assert killed
        assert download.received > 24 * MIB  # the header too
        assert download.hexdigest() == expected
    finally:
        site.alive()


@pytest.mark.parametrize("named", [False, True])
def test_the_word_of_an_outer_proxy_counts_where_it_is_named(
    site: Site, named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = tmp_path / "nginx.conf"
    text = CONFIGURATION.read_text()
    if named:
        text = text.replace("# 10.0.0.1 1;", "127.0.0.1 1;")
        text = text.replace("# set_real_ip_from 10.0.0.1;", "set_real_ip_from 127.0.0.1;")
    changed.write_text(text)
    monkeypatch.setattr("tools.soak.proxies.CONFIGURATION", changed)
    wire = Wire(site.replicas[0].port)
    replica = Replica()
    replica.port = int(wire.url.rpartition(":")[2])
    try:
        with proxied(replica) as port:
            for path in ("/healthz", "/v1/weights?shape=2&init=ones", "/v1/weights?shape=2&init=on"):
                ask(port, path, X_Forwarded_For="192.0.2.1", X_Forwarded_Proto="https")
    finally:
        wire.close()
    assert len(wire.requests) == 3
    for request in wire.requests:
        found = request.headers["x-forwarded-for"], request.headers["x-forwarded-proto"]
        assert found == (("192.0.2.1", "https") if named else ("127.0.0.1", "http"))


def test_what_stands_in_for_an_address_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = tmp_path / "nginx.conf"
    changed.write_text(CONFIGURATION.read_text().replace("listen 8080;", "listen 80;"))
    monkeypatch.setattr("tools.soak.proxies.CONFIGURATION", changed)
    with pytest.raises(ValueError, match="listen 8080"):
        configured(tmp_path, 1, [])
