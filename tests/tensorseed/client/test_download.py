"""Files from real servers, with everything in the way that can be."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from service.server.app import create_app
from service.settings import Settings
from tensorseed.client import download
from tensorseed.client.download import fetch_from
from tensorseed.client.errors import MismatchError, NetworkError, RefusedError
from tensorseed.client.http.remote import Remote, RemoteFile
from tensorseed.client.http.retries import Backoff
from tensorseed.client.source import read_source
from tests.tensorseed.client.conftest import (
    MIB,
    SPEC,
    Between,
    bytes_of,
    file_of,
    options,
    serving,
    wait_until,
)
from tests.waiting import PROGRAM_PATIENCE

FILE = file_of()
DATA = bytes_of(FILE)
LARGE = {"layers": [{"name": "w", "type": "Tensor", "shape": [48, MIB // 4], "init": "normal"}]}


def fetch(url: str | list[str], text: str | Path, output: Path, **given: Any) -> int:
    urls = [url] if isinstance(url, str) else url
    return asyncio.run(fetch_from(urls, read_source(str(text)), options(output, **given))).size


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests of 200,000 bytes, so that there are many."""
    monkeypatch.setattr(download, "download", partial(download.download, request_bytes=200_000))


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """How much came, and what to call for every bytes that come."""
    seen: dict[str, Any] = {"before": 0, "came": 0, "do": lambda came: None}

    @contextmanager
    def bar(what: str, size: int, done: int, *, quiet: bool) -> Iterator[Any]:
        seen["before"] = done

        def progress(count: int) -> None:
            seen["came"] += count
            seen["do"](seen["came"])

        yield progress

    monkeypatch.setattr(download, "bar", bar)
    return seen


@pytest.mark.parametrize("connections", [1, 4])
def test_the_file_is_what_the_spec_says(
    url: str, between: Between, spec: Path, tmp_path: Path, pieces: None, connections: int
) -> None:
    output = tmp_path / "w"
    assert fetch(url, spec, output, connections=connections) == len(DATA)
    assert output.read_bytes() == DATA
    assert sorted(path.name for path in tmp_path.iterdir()) == ["spec.json", "w"]
    ranges = [headers["range"] for _, _, headers in between.requests if "range" in headers]
    assert len(ranges) == len(set(ranges)) == -(-len(DATA) // 200_000)
    assert between.requests[-1][1].endswith("/digest")


def test_a_token_a_url_a_query_and_a_slice(url: str, spec: Path, tmp_path: Path) -> None:
    plan = asyncio.run(_plan(url, spec.read_bytes()))
    assert plan.path is not None
    for text in (plan.path.rpartition("/")[2], f"{url}{plan.path}"):
        fetch(url, text, tmp_path / "w", force=True)
        assert (tmp_path / "w").read_bytes() == DATA
    fetch(url, f"{url}/v1/weights?shape=3,4&init=ones", tmp_path / "q")
    assert len((tmp_path / "q").read_bytes()) % 8 == 0
    fetch(url, f"{url}{plan.path}/tensors/fc.0.weight?slice=3:5,:", tmp_path / "s")
    entry = FILE.entry("fc.0.weight")
    rows = DATA[entry.start + 3 * 2800 : entry.start + 5 * 2800]
    assert (tmp_path / "s").read_bytes().endswith(rows)


async def _plan(url: str, spec: bytes) -> RemoteFile:
    async with Remote([url], None, 1, lambda: options(Path()).backoff(1)) as asked:
        return await asked.plan(spec)


def test_a_spec_too_long_for_a_url_is_posted(url: str, between: Between, tmp_path: Path) -> None:
    names = [f"layer.{'x' * 40}.{i}.{'y' * (i % 7)}z" for i in range(300)]
    layers = [
        {"name": name, "type": "Tensor", "shape": [1 + i], "init": "normal"} for i, name in enumerate(names)
    ]
    spec = tmp_path / "long.json"
    spec.write_text(json.dumps({"layers": layers}))
    between.cut_after = 50_000
    with pytest.raises(NetworkError, match="goes on from here"):
        fetch(url, spec, tmp_path / "w", attempts=1)
    between.cut_after = None
    assert fetch(url, spec, tmp_path / "w") == len(bytes_of(file_of({"layers": layers})))
    assert (tmp_path / "w").read_bytes() == bytes_of(file_of({"layers": layers}))
    assert not [headers for _, _, headers in between.requests if "range" in headers]


def test_connections_that_break_are_taken_up_where_they_broke(
    url: str, between: Between, spec: Path, tmp_path: Path, watched: dict[str, Any]
) -> None:
    between.cut_after = 1_000_000
    fetch(url, spec, tmp_path / "w", connections=2)
    assert (tmp_path / "w").read_bytes() == DATA
    assert watched["came"] == len(DATA)
    assert len([1 for method, path, _ in between.requests if method == "GET"]) > 4


@pytest.mark.parametrize("status", [429, 503, 500])
def test_what_passes_is_asked_again(
    url: str,
    between: Between,
    spec: Path,
    tmp_path: Path,
    pieces: None,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
) -> None:
    refused: set[str] = set()
    slept: list[float | None] = []

    def first_time(method: str, path: str, headers: dict[str, str]) -> Any:
        what = f"{method} {path} {headers.get('range')}"
        if what in refused:
            return None
        refused.add(what)
        return status, {"retry-after": "7", "content-type": "application/problem+json"}, b'{"detail": "busy"}'

    class Patient(Backoff):
        async def wait(self, asked: float | None = None) -> None:
            slept.append(asked)

    between.answer = first_time
    fetch(url, spec, tmp_path / "w", backoff=Patient)
    assert (tmp_path / "w").read_bytes() == DATA
    assert slept == [7.0] * len(refused)
    assert len(refused) > 10  # plan, pieces, digest


def test_what_does_not_pass_ends_it(url: str, between: Between, spec: Path, tmp_path: Path) -> None:
    between.answer = lambda method, path, _: None if path.endswith("plan") else (429, {}, b"")
    with pytest.raises(NetworkError, match=r"answered 429.*: the same command goes on from here"):
        fetch(url, spec, tmp_path / "w")
    assert not (tmp_path / "w").exists()
    assert len(between.requests) >= 1 + 3


@pytest.mark.parametrize("status", [401, 403, 404, 409])
def test_a_refusal_ends_it_at_once(
    url: str, between: Between, spec: Path, tmp_path: Path, status: int
) -> None:
    between.answer = lambda *_: (status, {}, b'{"detail": "no: ask for another"}')
    with pytest.raises(RefusedError) as caught:
        fetch(url, spec, tmp_path / "w")
    assert str(caught.value).partition(" (")[0] == "no: ask for another"
    assert ("TENSORSEED_KEY" in str(caught.value)) == (status == 401)
    assert len(between.requests) == 1


def test_every_fault_of_a_spec_is_told(url: str, tmp_path: Path) -> None:
    spec = tmp_path / "bad.json"
    spec.write_text('{"seed": -1, "layers": [{"name": "a", "type": "Tensor", "shape": [2], "init": "one"}]}')
    with pytest.raises(RefusedError, match=r"2 faults:\n  /seed: .*\n  /layers/0/init: .*ones"):
        fetch(url, spec, tmp_path / "w")


def test_an_entity_tag_that_changes_is_never_mixed(
    url: str, between: Between, spec: Path, tmp_path: Path, pieces: None
) -> None:
    gets: list[str] = []

    def second(method: str, path: str, headers: dict[str, str]) -> Any:
        if method != "GET":
            return None
        gets.append(path)
        if len(gets) < 2:
            return None
        start, stop = headers["range"].removeprefix("bytes=").split("-")
        fields = {"etag": '"other"', "content-range": f"bytes {start}-{stop}/{len(DATA)}"}
        return 206, fields, bytes(int(stop) + 1 - int(start))

    between.answer = second
    with pytest.raises(MismatchError, match='has the ETag "other"'):
        fetch(url, spec, tmp_path / "w", connections=1)
    between.answer = lambda method, path, _: (412, {}, b'{"detail": "changed"}') if method == "GET" else None
    with pytest.raises(MismatchError, match=r"another by now \(changed\)"):
        fetch(url, spec, tmp_path / "w")
    assert not (tmp_path / "w").exists()
    between.answer = lambda *_: None
    fetch(url, spec, tmp_path / "w")
    assert (tmp_path / "w").read_bytes() == DATA


def test_a_part_of_another_spec_is_not_gone_on_with(url: str, between: Between, tmp_path: Path) -> None:
    for seed in (1, 2):
        (tmp_path / f"{seed}.json").write_text(json.dumps({**SPEC, "seed": seed}))
    between.cut_after = 500_000
    with pytest.raises(NetworkError):
        fetch(url, tmp_path / "1.json", tmp_path / "w", attempts=1)
    between.cut_after = None
    with pytest.raises(MismatchError, match="restart=True"):
        fetch(url, tmp_path / "2.json", tmp_path / "w")
    fetch(url, tmp_path / "2.json", tmp_path / "w", restart=True)
    assert (tmp_path / "w").read_bytes() == bytes_of(file_of({**SPEC, "seed": 2}))


def test_a_server_without_ranges_is_told(url: str, between: Between, spec: Path, tmp_path: Path) -> None:
    etag = f'"{FILE.digest}"'
    between.answer = lambda method, *_: (200, {"etag": etag}, DATA) if method == "GET" else None
    with pytest.raises(NetworkError, match="does not serve byte ranges"):
        fetch(url, spec, tmp_path / "w")


@pytest.mark.parametrize("body", [b"{}", b"hello", b'{"token": 1}', b"[]"])
def test_another_service_is_told(url: str, between: Between, spec: Path, tmp_path: Path, body: bytes) -> None:
    between.answer = lambda *_: (200, {}, body)
    with pytest.raises(NetworkError, match="check the URL"):
        fetch(url, spec, tmp_path / "w")
    with pytest.raises(NetworkError, match="check the URL"):
        fetch(url, "s1.abc", tmp_path / "w")


def test_bytes_that_changed_on_the_way_are_found(
    url: str, between: Between, spec: Path, tmp_path: Path
) -> None:
    entry = FILE.entry("fc.1.weight")
    good = DATA[entry.start + 1000 : entry.start + 1040]

    def change(body: bytes) -> bytes:
        return body.replace(good, bytes(40))

    between.change = change
    with pytest.raises(MismatchError, match=r"differs in fc\.1\.weight: fetch it again"):
        fetch(url, spec, tmp_path / "w", connections=1)
    assert not (tmp_path / "w").exists()
    fetch(url, spec, tmp_path / "v", connections=1, verify=False)
    assert (tmp_path / "v").read_bytes() != DATA
    between.change = lambda body: body
    fetch(url, spec, tmp_path / "w")  # begins anew by itself
    assert (tmp_path / "w").read_bytes() == DATA


@pytest.mark.parametrize("harm", [False, True])
def test_where_no_digest_is_told_the_file_is_computed_here(
    url: str, between: Between, spec: Path, tmp_path: Path, harm: bool
) -> None:
    between.answer = lambda _, path, __: (413, {}, b'{"detail": "large"}') if "digest" in path else None
    if harm:
        good = DATA[-10_000:-9_960]
        between.change = lambda body: body.replace(good, bytes(40))
        with pytest.raises(MismatchError, match="not what its recipe gives"):
            fetch(url, spec, tmp_path / "w", connections=1)
    else:
        fetch(url, spec, tmp_path / "w")
        assert (tmp_path / "w").read_bytes() == DATA


def test_the_key_goes_along(url: str, between: Between, spec: Path, tmp_path: Path) -> None:
    fetch(url, spec, tmp_path / "w", key="secret")
    assert {headers.get("authorization") for _, _, headers in between.requests} == {"Bearer secret"}
    between.requests.clear()
    fetch(url, spec, tmp_path / "v")
    assert {headers.get("authorization") for _, _, headers in between.requests} == {None}


def test_servers_share_the_work(url: str, between: Between, spec: Path, tmp_path: Path, pieces: None) -> None:
    other = Between(create_app(Settings.model_construct(threads=1)))
    with serving(other) as second:
        fetch([url, second, "http://127.0.0.1:1"], spec, tmp_path / "w", connections=3)
    assert (tmp_path / "w").read_bytes() == DATA
    assert min(len(between.requests), len(other.requests)) > 2


def test_a_server_is_killed_and_another_goes_on(url: str, tmp_path: Path, watched: dict[str, Any]) -> None:
    """The first one is a process of its own, which SIGKILL ends in the middle of the file."""
    spec = tmp_path / "large.json"
    spec.write_text(json.dumps(LARGE))
    code = "import tests.tensorseed.client.lone as lone; lone.main()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline().strip()
        watched["do"] = lambda came: process.kill() if came > 8 * MIB else None
        with pytest.raises(NetworkError, match="goes on from here"):
            fetch(first, spec, tmp_path / "w")
    came = watched["came"]
    assert 8 * MIB < came < 48 * MIB
    watched.update(came=0, do=lambda came: None)
    size = fetch(url, spec, tmp_path / "w")
    assert watched["before"] == came
    assert watched["came"] == size - came
    assert (tmp_path / "w").read_bytes() == bytes_of(file_of(LARGE))


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)])
def test_a_client_that_is_ended_goes_on(
    url: str, between: Between, spec: Path, tmp_path: Path, watched: dict[str, Any], sign: int, code: int
) -> None:
    between.pause = 0.2
    command = [
        sys.executable,
        "-m",
        "tensorseed",
        "fetch",
        str(spec),
        "-o",
        str(tmp_path / "w"),
        "--url",
        url,
    ]
    note = tmp_path / "w.part.json"
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: process.poll() is not None or (note.exists() and _done(note) > 0))
        os.kill(process.pid, sign)
        _, told = process.communicate(timeout=PROGRAM_PATIENCE)
    assert process.returncode == code
    assert told == ("interrupted: the same command goes on from here\n" if code > 0 else "")
    before = _done(note)
    assert 0 < before < len(DATA)
    between.pause = 0.0
    fetch(url, spec, tmp_path / "w")
    assert watched["before"] == before
    assert (tmp_path / "w").read_bytes() == DATA


def _done(note: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return sum(stop - start for start, stop in json.loads(note.read_text())["done"])
    return 0
