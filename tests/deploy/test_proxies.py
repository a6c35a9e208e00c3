"""Common proxies before the service, as docs/proxies.md configures them."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import itertools
import json
import re
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.deploy.fronts import BLOCKS, PROGRAMS, front
from tests.serving import IDLE_SECONDS
from tests.waiting import PATIENCE, wait_until
from tools.soak.downloads import Download
from tools.soak.proxies import executable as nginx
from tools.soak.proxies import proxied
from tools.soak.replicas import Answer, Replica, asking, digest, normals, post, running

MIB = 1 << 20
SMALL = (1 << 18) + 77  # elements: a file of a bit over 1 MiB
LARGE = 3 << 28  # elements: a file of 3 GiB
FRONTS = [
    *((language, kind) for language, kind in BLOCKS if kind in {"", "first", "cache"}),
    ("nginx", "deployed"),
]
FAULTS = {  # of configurations that one writes first; the page names each
    ("nginx", "first"): {"large body"},
    ("nginx", "cache"): {"large body", "tail", "several ranges"},
    ("vcl", "first"): {"tail", "several ranges", "condition", "ahead"},
    ("apache", "first"): {"encoded slash"},
}
KEPT = ("Content-Length", "ETag", "Content-Type", "Content-Disposition", "Vary")
SEEDS = itertools.count(int(time.time()))  # of files that no cache has seen
TYPES = {
    "application/octet-stream": ("*/*", "application/octet-stream", "text/html,*/*;q=0.8", "application/*"),
    "application/json": ("application/json", "application/json, */*;q=0.1"),
}


@dataclass(frozen=True)
class Site:
    """A proxy before two servers."""

    port: int
    servers: tuple[Replica, Replica]
    faults: frozenset[str]

    def direct(self, path: str, **headers: str) -> Answer:
        """The answer of the service itself."""
        return ask(self.servers[0].port, path, **headers)

    def ask(self, path: str, **headers: str) -> Answer:
        """The answer through the proxy."""
        return ask(self.port, path, **headers)

    def generated(self) -> float:
        """The bytes computed so far."""
        return sum(self._metric("tensorseed_generated_bytes_total"))

    def idle(self) -> None:
        """Assert that nothing is streamed any more, after a while."""
        wait_until(lambda: not sum(self._metric("tensorseed_active_streams")))

    def _metric(self, name: str) -> Iterator[float]:
        for server in self.servers:
            text = ask(server.port, "/metrics").body.decode()
            yield sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))


def ask(port: int, path: str, method: str = "GET", **headers: str) -> Answer:
    """The whole answer. A `_` in a header's name is a `-`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request(method, path, headers={n.replace("_", "-"): v for n, v in headers.items()})
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())


def replica() -> Replica:
    """A server that drops no client which reads nothing: what ends a stream is the proxy."""
    return Replica(TENSORSEED_THREADS="1", TENSORSEED_IDLE_SECONDS=IDLE_SECONDS)


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Replica, Replica]]:
    pair = (replica(), replica())
    with running(*pair):
        yield pair


@pytest.fixture(scope="module", params=FRONTS, ids=lambda pair: "-".join(filter(None, pair)))
def site(request: pytest.FixtureRequest, servers: tuple[Replica, Replica]) -> Iterator[Site]:
    language, kind = request.param
    if kind == "deployed":
        if nginx() is None:
            pytest.skip("needs nginx")
        opened = proxied(*servers)
    else:
        opened = front(language, kind, *(server.port for server in servers))
    with opened as port:
        yield Site(port, servers, frozenset(FAULTS.get(request.param, ())))


@pytest.fixture(scope="module")
def url(servers: tuple[Replica, Replica]) -> Callable[[int, int], str]:
    """The URL of a file of as many normals, by number of elements and seed."""

    def planned(elements: int, seed: int = 1) -> str:
        return str(json.loads(post(servers[0].port, "/v1/weights/plan", normals(elements, seed)))["url"])

    return planned


def same(through: Answer, direct: Answer, *names: str) -> None:
    """Assert that two answers have the same status, body and header fields."""
    assert through.status == direct.status
    assert through.body == direct.body
    for name in (*KEPT, *names):
        assert through.headers[name] == direct.headers[name], name


def test_a_file_is_whole_first_and_again(site: Site, url: Any) -> None:
    path = url(SMALL, next(SEEDS))
    for _ in range(3):
        same(site.ask(path), site.direct(path), "Cache-Control", "Accept-Ranges")


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("wanted", ["0-0", "1000-1999", "1000000-", "-500"])
def test_a_range_is_that_of_the_file(site: Site, url: Any, wanted: str, warm: bool) -> None:
    path = url(SMALL, next(SEEDS))
    if warm:
        site.ask(path)
    through = site.ask(path, Range=f"bytes={wanted}")
    assert through.status == 206
    same(through, site.direct(path, Range=f"bytes={wanted}"), "Content-Range")


def test_a_range_beyond_the_end_is_refused(site: Site, url: Any) -> None:
    assert site.ask(url(SMALL, next(SEEDS)), Range="bytes=99999999-").status == 416


def test_several_ranges(site: Site, url: Any) -> None:
    path, wanted = url(SMALL, next(SEEDS)), "bytes=0-9,5000-5009,900000-900009"
    answer = site.ask(path, Range=wanted)
    if "several ranges" in site.faults:
        assert answer.status in {200, 416}
    else:
        assert answer.body == site.direct(path, Range=wanted).body


def test_conditions(site: Site, url: Any) -> None:
    path = url(SMALL, next(SEEDS))
    etag = str(site.ask(path).headers["ETag"])
    assert site.ask(path, If_None_Match=etag).status == 304
    assert site.ask(path, If_None_Match='"other"').status == 200
    assert site.ask(path, Range="bytes=5-9", If_Range=etag).status == 206
    changed = site.ask(path, Range="bytes=5-9", If_Range='"other"')
    assert changed.status == 200
    assert changed.body == site.direct(path).body
    assert site.ask(path, If_Match='"other"').status == (200 if "condition" in site.faults else 412)
    assert site.ask(path, If_Match=etag, Range="bytes=5-9").status == 206


def test_head_tells_the_same_before_and_after(site: Site, url: Any) -> None:
    path = url(SMALL, next(SEEDS))
    direct = site.direct(path)
    for _ in range(2):
        head = ask(site.port, path, "HEAD")
        assert (head.status, head.body) == (200, b"")
        assert head.headers["Content-Length"] == direct.headers["Content-Length"]
        assert head.headers["ETag"] == direct.headers["ETag"]
        site.ask(path)


@pytest.mark.parametrize("order", [1, -1])
def test_each_gets_the_form_it_accepts(site: Site, url: Any, order: int) -> None:
    path = url(16, next(SEEDS))
    asked = [(accept, media_type) for media_type, accepts in TYPES.items() for accept in accepts]
    for accept, media_type in [*asked[::order], *asked]:
        answer = site.ask(path, Accept=accept)
        assert (answer.status, answer.headers["Content-Type"]) == (200, media_type), accept
        same(answer, site.direct(path, Accept=accept))
    assert site.ask(path, Accept="image/png").status == 406
    assert site.ask(path).headers["Content-Type"] == "application/octet-stream"


def test_a_file_is_not_compressed(site: Site, url: Any) -> None:
    path = url(SMALL, next(SEEDS))
    answer = site.ask(path, Accept_Encoding="gzip, br, zstd")
    assert answer.headers["Content-Encoding"] is None
    same(answer, site.direct(path))


def test_a_body_is_passed_on(site: Site) -> None:
    spec = json.dumps(normals(SMALL)).encode()
    assert sent(site.port, spec) == sent(site.servers[0].port, spec)
    large = sent(site.port, spec + b" " * (2 * MIB))
    if "large body" in site.faults:
        assert large[0] == 413
    else:
        assert large == sent(site.servers[0].port, spec)


def sent(port: int, body: bytes) -> tuple[int, bytes]:
    """The status and body of the answer to a spec."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("POST", "/v1/weights", body)
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_errors_are_problems_and_not_stored(site: Site) -> None:
    for _ in range(2):
        for path, status in (("/v1/weights?shape=2", 422), ("/v1/nothing", 404)):
            answer = site.ask(path)
            assert answer.status == status
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Age"] in {None, "0"}


def test_a_slash_in_a_name_is_no_path(site: Site) -> None:
    layers = [{"name": name, "type": "Tensor", "shape": [4], "init": "ones"} for name in ("a/b", "a?b", "ä")]
    path = json.loads(post(site.servers[0].port, "/v1/weights/plan", {"layers": layers}))["url"]
    for name in ("a/b", "a?b", "ä"):
        tensor = f"{path}/tensors/{urllib.parse.quote(name, safe='')}"
        if "encoded slash" in site.faults and "%2F" in tensor:
            assert site.ask(tensor).status == 404
        else:
            same(site.ask(tensor), site.direct(tensor))
    if "encoded slash" in site.faults:
        return
    tree = "/api/models/tensorseed/tiny-llama/tree/refs%2Fpr%2F1"
    assert site.ask(tree).headers["X-Error-Code"] == "RevisionNotFound"


def test_the_longest_token_is_a_url(site: Site) -> None:
    names = [hashlib.sha512(bytes([number])).hexdigest() for number in range(32)]
    layers = [{"name": name, "type": "Tensor", "shape": [1], "init": "ones"} for name in names]
    path = json.loads(post(site.servers[0].port, "/v1/weights/plan", {"layers": layers}))["url"]
    assert len(path) > 7_500
    assert site.ask(path).status == 200


def test_the_end_of_a_terabyte_is_there_at_once(site: Site, servers: Any) -> None:
    if "tail" in site.faults:
        pytest.skip("this one is answered from the first byte on, as the page says")
    spec = {"layers": [{"name": "t.{0..511}", "type": "Tensor", "shape": [1 << 29], "init": "normal"}]}
    path = json.loads(post(servers[0].port, "/v1/weights/plan", {"seed": next(SEEDS), **spec}))["url"]
    before = site.generated()
    same(site.ask(path, Range="bytes=-1000"), site.direct(path, Range="bytes=-1000"), "Content-Range")
    assert site.generated() - before < 8 * MIB


def test_a_slow_client_is_not_computed_for_ahead(site: Site, url: Any) -> None:
    path = url(LARGE, next(SEEDS))
    before = site.generated()
    with asking(site.port, path) as answer:
        assert answer.status == 200
        assert len(answer.read(MIB)) == MIB
        time.sleep(1)
        if "ahead" not in site.faults:
            assert site.generated() - before < 256 * MIB
    site.idle()


def test_a_cache_without_slices_stores_nothing_large(servers: tuple[Replica, Replica], url: Any) -> None:
    """nginx takes the range out of the request. What it then reads ends with its client."""
    pair = ("nginx", "cache")
    with front(*pair, servers[0].port) as port:
        site = Site(port, servers, frozenset(FAULTS[pair]))
        with asking(port, url(LARGE, next(SEEDS)), Range="bytes=-1000") as answer:
            assert answer.status == 200
            assert answer.headers["Cache-Control"].startswith("private")
            assert len(answer.read(MIB)) == MIB
        site.idle()


def test_a_listing_and_its_pages(site: Site) -> None:
    path = "/api/models/tensorseed/tiny-llama/tree/main"
    whole = json.loads(site.ask(path).body)
    found, target = [], f"{path}?limit=2"
    while target:
        answer = site.ask(target, Host="evil.example")
        found += json.loads(answer.body)
        link = answer.headers["Link"] or ""
        assert "evil" not in link
        target = urllib.parse.urljoin(target, link[1 : link.index(">")]) if link else ""
    assert found == whole


@pytest.mark.parametrize(
    "pair",
    [(language, "") for language in PROGRAMS] + [("nginx", "deployed")],
    ids=lambda pair: pair[0] + pair[1],
)
def test_a_download_goes_on_when_its_replica_is_killed(
    pair: tuple[str, str], servers: tuple[Replica, Replica], url: Any
) -> None:
    language, kind = pair
    path = url(24 << 18, next(SEEDS))
    expected = digest(servers[0].port, path)
    killed = False

    def kill_one(received: int) -> None:
        nonlocal killed
        if received > 3 * MIB and not killed:
            killed = True
            servers[0].kill()

    opened = proxied(*servers) if kind else front(language, kind, *(server.port for server in servers))
    with opened as port:
        download = Download(path)
        try:
            wait_until(lambda: download.read(port, kill_one))
            assert killed
            assert download.hexdigest() == expected
            for seed in range(3):
                assert ask(port, f"/v1/weights?shape=3&init=normal&seed={seed}").status == 200
        finally:
            servers[0].begin()
            servers[0].wait()
