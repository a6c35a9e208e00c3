"""Remote weights: the bits of local ones, few bytes, checked answers."""

from __future__ import annotations

import asyncio
import hashlib
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tensorseed
from tensorseed.client import remote_reader
from tensorseed.client.async_client import AsyncClient
from tensorseed.client.remote_weights import AsyncWeights, RemoteWeights
from tensorseed.client.sync_client import Client, open_url
from tests.tensorseed.client.conftest import MIB, SPEC, Between, bytes_of, file_of, quick
from tests.tensorseed.client.hostile import Hostile, listening
from tests.tensorseed.forks import exit_code_of_fork, needs_fork

LAYERS: list[dict[str, Any]] = [
    {"name": "wide", "type": "Tensor", "shape": [512, 1024], "init": "normal"},
    {"name": "cube", "type": "Tensor", "shape": [5, 6, 7], "init": "normal", "dtype": "float64"},
    {"name": "a b/ü?&%.0", "type": "Tensor", "shape": [400, 300], "init": "uniform"},
    {"name": "x/../y", "type": "Tensor", "shape": [400, 300], "init": "uniform"},
    {"name": "scalar", "type": "Tensor", "shape": [], "init": "normal"},
    {"name": "b", "type": "Tensor", "shape": [33, 2], "init": "normal", "dtype": "bfloat16"},
    {"name": "norm", "type": "BatchNorm1d", "num_features": 3},
]
MANY = [
    {"name": f"layer.{'x' * 40}.{i}.{'y' * (i % 7)}z", "type": "Tensor", "shape": [1 + i], "init": "normal"}
    for i in range(300)
]
WHOLE = {"seed": 5, "layers": LAYERS}
LONG = {"layers": [*LAYERS, *MANY]}  # too long for a URL
LOCAL = tensorseed.open(WHOLE)
NAMES = [entry["name"] for entry in LAYERS if entry["type"] == "Tensor"]


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(url, attempts=3, backoff=quick) as found:
        yield found


@pytest.fixture(scope="module")
def opened(running: tuple[Between, str]) -> Iterator[dict[str, RemoteWeights]]:
    """The same tensors by spec, by token, and by a spec that no URL holds, kept or read anew each time."""
    running[0].__init__(running[0].app)  # type: ignore[misc]
    with pytest.MonkeyPatch.context() as patch, Client(running[1], backoff=quick) as found:
        specs = {"spec": WHOLE, "token": LOCAL.token, "posted": {**LONG, "seed": 5}}
        weights = {name: found.open(spec) for name, spec in specs.items()}
        patch.setattr(remote_reader, "MAX_HELD_BYTES", 0)
        weights["streamed"] = found.open({**LONG, "seed": 5})
        yield weights


def bits(array: Any) -> bytes:
    return np.ascontiguousarray(array).tobytes()


def transferred(between: Between) -> list[tuple[str, int]]:
    """The paths of ranges, and their bytes."""
    found = []
    for _, path, headers in between.requests:
        if "range" in headers:
            first, last = map(int, headers["range"].removeprefix("bytes=").split("-"))
            found.append((path.rpartition("/")[2], last + 1 - first))
    return found


INDICES = [
    np.s_[...],
    np.s_[3],
    np.s_[3, 5],
    np.s_[-1, ::-1],
    np.s_[10:20],
    np.s_[:, 3:9],
    np.s_[:, 5],
    np.s_[::100, 7:11],
    np.s_[::-7, ::3],
    np.s_[20:10],
    np.s_[[1, 2, 300]],
    np.s_[[300, 2, 300], [1, -1, 4]],
    np.s_[::50, torch.tensor([3, 2])],
    np.s_[:, None, 4:6],
]


@pytest.mark.parametrize("how", ["spec", "token", "posted", "streamed"])
@pytest.mark.parametrize("name", ["wide", "a b/ü?&%.0", "x/../y"])
def test_slices_have_the_local_bits(opened: dict[str, RemoteWeights], how: str, name: str) -> None:
    local, remote = LOCAL[name], opened[how][name]
    assert (remote.shape, remote.dtype, remote.nbytes) == (local.shape, local.dtype, local.nbytes)
    for index in INDICES if how != "streamed" else INDICES[3:8]:
        expected, found = local[index], remote[index]
        assert type(found) is type(expected)
        assert found.shape == expected.shape
        assert bits(found) == bits(expected), index


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.tuples(st.slices(512), st.slices(1024)), st.sampled_from([1, 3_000, 1 << 16]))
def test_every_slice_has_the_local_bits(
    opened: dict[str, RemoteWeights], index: tuple[slice, ...], skipped: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(remote_reader, "MIN_SKIPPED_BYTES", skipped)
        patch.setattr(opened["spec"]._reader, "max_blocks", 4)
        assert bits(opened["spec"]["wide"][index]) == bits(LOCAL["wide"][index])


@pytest.mark.parametrize("how", ["spec", "posted", "streamed"])
def test_conversions_have_the_local_bits(opened: dict[str, RemoteWeights], how: str) -> None:
    remote = opened[how]
    arrays, tensors, expected = remote.numpy(), remote.torch(), LOCAL.numpy()
    assert set(LOCAL) <= set(remote)
    for name in LOCAL:
        assert bits(arrays[name]) == bits(expected[name])
        assert torch.equal(tensors[name], LOCAL.torch()[name])
    assert bits(remote["b"].bits[3:]) == bits(LOCAL["b"].bits[3:])
    assert float(remote["scalar"][()]) == float(LOCAL["scalar"][()])


@pytest.mark.parametrize("how", ["spec", "token", "posted", "streamed"])
def test_the_whole_is_that_of_the_spec(opened: dict[str, RemoteWeights], how: str, tmp_path: Path) -> None:
    remote = opened[how]
    local = LOCAL if how in ("spec", "token") else tensorseed.open({**LONG, "seed": 5})
    assert (remote.token, remote.etag, remote.size) == (local.token, local.etag, local.size)
    assert list(remote) == list(local)
    assert len(remote) == len(local)
    plan = {**local.plan(), **({} if how in ("spec", "token") else NO_URL)}
    assert {key: value for key, value in remote.plan().items() if key != "warnings"} == {
        key: value for key, value in plan.items() if key != "warnings"
    }
    assert remote.digest() == local.digest()
    remote.save(tmp_path / "w")
    assert hashlib.sha256((tmp_path / "w").read_bytes()).hexdigest() == local.digest()
    remote.save(tmp_path / "w")  # which replaces it
    assert "nonsense" not in remote
    assert repr(remote) == f"Weights({len(local)} tensors, {local.size:,} bytes, etag={local.etag})"


NO_URL = {"token": None, "url": None}


def test_a_slice_transfers_what_it_selects(client: Client, between: Between) -> None:
    wide = client.open(WHOLE)["wide"]
    between.requests.clear()
    cases = [
        (np.s_[10:20], [("TOKEN", 10 * 4096)]),  # rows are one range of the file
        (np.s_[7, 5:9], [("TOKEN", 16)]),
        (np.s_[:, 3:9], [("wide", 512 * 24)]),  # columns are a range of the slice's file
        (np.s_[::256, ::2], [("TOKEN", 4092)] * 2),
        (np.s_[:8, :2], [("TOKEN", 7 * 4096 + 8)]),  # fewer bytes than a slice costs are read over
        (np.s_[5:5], []),
        (np.s_[[500, 3, 3, 500]], [("TOKEN", 4096)] * 2),
        (np.s_[np.array([500, 3]), [4, 9]], [("wide", 498 * 24)]),  # two requests cost more than it
        (np.s_[np.array([500, 3]), [1000, 0]], [("TOKEN", 4)] * 2),
        (np.s_[[7, 7, 500], [2, 1, 1000]], [("TOKEN", 8), ("TOKEN", 4)]),
    ]
    for index, expected in cases:
        wide[index]
        found = [(path if path == "wide" else "TOKEN", count) for path, count in transferred(between)]
        assert found == expected, index
        between.requests.clear()


def test_arrays_of_another_shape_or_dtype_are_not_filled(client: Client, between: Between) -> None:
    weights = client.open(WHOLE)
    between.requests.clear()
    for wrong in (np.empty((1024, 512), np.float32), np.empty((512, 1024)), [1.0]):
        for either in (weights, LOCAL):
            with pytest.raises(tensorseed.TensorError, match="'wide' has to be one of numpy, C-contiguous"):
                either.fill({"wide": wrong})  # type: ignore[dict-item]
    for either in (weights, LOCAL):
        with pytest.raises(tensorseed.UnknownNameError, match="the file has no tensor called 'broad'"):
            either.fill({"broad": np.empty(3)})
    with pytest.raises(tensorseed.DiskError, match="is no regular file"):
        weights.save("")
    assert between.requests == []


def test_a_large_read_is_split(client: Client, between: Between, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_reader, "REQUEST_BYTES", 1 << 18)
    weights = client.open(WHOLE)
    between.requests.clear()
    assert bits(weights["wide"]) == bits(LOCAL["wide"])
    assert len(transferred(between)) in (8, 9)
    assert sum(count for _, count in transferred(between)) == 2 * MIB
    between.requests.clear()
    weights.numpy()
    assert sum(count for _, count in transferred(between)) == sum(array.nbytes for array in LOCAL.values())


def test_connections_that_break_are_taken_up(client: Client, between: Between) -> None:
    weights = client.open(WHOLE)
    between.cut_after = 1_000_000
    assert bits(weights["wide"]) == bits(LOCAL["wide"])
    assert len(transferred(between)) > 2


def test_every_answer_has_the_entity_tag(client: Client, between: Between) -> None:
    weights = client.open(WHOLE)
    for index in (np.s_[10:20], np.s_[:, 3:9]):
        between.answer = lambda *_: (412, {}, b'{"detail": "changed"}')
        with pytest.raises(tensorseed.MismatchError, match=r"another by now \(changed\): begin anew"):
            weights["wide"][index]
        between.answer = lambda *_: (206, {"etag": '"other"'}, b"")
        with pytest.raises(tensorseed.MismatchError, match='has the ETag "other"'):
            weights["wide"][index]
    between.answer = lambda *_: None
    between.requests.clear()
    for index in (np.s_[10:20], np.s_[:, 3:9]):
        weights["wide"][index]
    matches = [headers["if-match"] for _, _, headers in between.requests]
    assert matches[0] == LOCAL.etag
    assert len(set(matches)) == 2


def test_urls_of_files_open(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = f"{url}/v1/weights/{LOCAL.token}"
    wide = LOCAL["wide"]
    assert bits(tensorseed.open(file)["wide"][5:7]) == bits(wide[5:7])
    half = tensorseed.open(LOCAL, dtype="float16").etag
    assert tensorseed.open(file, dtype="half").etag == tensorseed.open(f"{file}?dtype=half").etag == half
    part = tensorseed.open(f"{file}/tensors/wide?slice=10:200,:500")
    assert (list(part), part["wide"].shape, part.token) == (["wide"], (190, 500), LOCAL.token)
    assert bits(part["wide"][::3, 7:9]) == bits(wide[10:200, :500][::3, 7:9])
    assert len(part.digest()) == 64
    with pytest.raises(tensorseed.UnrepresentableError, match="a slice has no plan"):
        part.plan()
    query = open_url(f"{url}/v1/weights?shape=300,400&init=normal&seed=3", key="unneeded")
    entry = {"name": "weight", "type": "Tensor", "shape": [300, 400], "init": "normal"}
    local = tensorseed.open({"seed": 3, "layers": [entry]})
    assert (query.token, query.etag, query.digest()) == (local.token, local.etag, local.digest())
    assert bits(query["weight"][:, 3]) == bits(local["weight"][:, 3])
    with pytest.raises(tensorseed.SpecError, match="shape"):
        tensorseed.open(f"{url}/v1/weights?init=normal")
    with pytest.raises(tensorseed.RefusedError, match="the URL of a file"):
        tensorseed.open(f"{url}/v1/readme")
    with pytest.raises(tensorseed.RefusedError, match="there is no repository 'readme'"):
        tensorseed.open(f"{url}/readme")
    with pytest.raises(tensorseed.RefusedError, match="no URL of a file"):
        open_url(LOCAL.token)


def test_weights_are_sent_to_other_processes_as_their_spec(client: Client, url: str) -> None:
    for spec in (WHOLE, LOCAL.token, f"{url}/v1/weights/{LOCAL.token}/tensors/wide?slice=3:300,:"):
        remote = client.open(spec)
        sent = pickle.dumps((remote, remote["wide"]))
        assert len(sent) < 4_000
        weights, wide = pickle.loads(sent)
        assert (weights.etag, list(weights)) == (remote.etag, list(remote))
        assert bits(wide[5:7]) == bits(remote["wide"][5:7])


def test_an_event_loop_is_sent_clients_and_weights(url: str) -> None:
    async def main() -> None:
        async with AsyncClient(url, backoff=quick) as client:
            weights = await client.open(WHOLE)
            for sent in (client, weights):
                copy = pickle.loads(pickle.dumps(sent))
                assert repr(copy) == repr(sent)
            assert bits(await copy["wide"][5:7]) == bits(LOCAL["wide"][5:7])
            await copy._reader._remote().close()

    asyncio.run(main())


def test_weights_of_a_slice_stand_for_the_slice(client: Client, url: str, tmp_path: Path) -> None:
    part = client.open(f"{url}/v1/weights/{LOCAL.token}/tensors/wide?slice=3:300,:")
    assert client.open(part) == part
    assert client.fetch(part, tmp_path / "w") == part.size
    with pytest.raises(tensorseed.UnrepresentableError, match="a slice has no plan"):
        client.plan(part)
    assert client.open(client.open(WHOLE)) == LOCAL


@needs_fork
def test_a_forked_process_reads_over_connections_of_its_own(client: Client) -> None:
    wide = client.open(WHOLE)["wide"]
    assert bits(wide[3]) == bits(LOCAL["wide"][3])
    assert exit_code_of_fork(lambda: int(bits(wide[4]) == bits(LOCAL["wide"][4]))) == 1
    assert bits(wide[5]) == bits(LOCAL["wide"][5])


def test_several_loops_read_the_same_weights(url: str) -> None:
    client = AsyncClient(url, backoff=quick)

    async def read(weights: AsyncWeights | None) -> AsyncWeights:
        weights = weights or await client.open(WHOLE)
        assert bits(await weights["wide"][3]) == bits(LOCAL["wide"][3])
        await client._remotes[asyncio.get_running_loop()].close()
        return weights

    weights = asyncio.run(read(None))
    for _ in range(2):
        asyncio.run(read(weights))


def test_an_event_loop_reads_what_a_thread_reads(url: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with AsyncClient(url, backoff=quick) as client:
            weights = await client.open(WHOLE)
            assert (weights.token, weights.etag, weights.size) == (LOCAL.token, LOCAL.etag, LOCAL.size)
            assert list(weights) == list(LOCAL)
            assert repr(weights) == f"Async{LOCAL!r}"
            assert {weights, await client.open(LOCAL)} == {LOCAL}
            assert await client.open(weights) == weights
            assert "512 × 1024" in weights._repr_html_()
            with pytest.raises(TypeError, match="not iterable"):
                iter(weights["wide"])
            with pytest.raises(TypeError, match=r"write await array\[\.\.\.\]"):
                np.asarray(weights["wide"])
            wide = weights["wide"]
            assert (wide.shape, wide.ndim, wide.size, wide.nbytes) == ((512, 1024), 2, 1 << 19, 1 << 21)
            for index in INDICES:
                assert bits(await wide[index]) == bits(LOCAL["wide"][index])
            found = await asyncio.gather(*(weights["cube"][row] for row in range(5)))
            assert bits(np.stack(found)) == bits(LOCAL["cube"])
            assert bits(await weights["b"].bits[1]) == bits(LOCAL["b"].bits[1])
            assert {name: bits(array) for name, array in (await weights.numpy()).items()} == {
                name: bits(array) for name, array in LOCAL.items()
            }
            assert torch.equal((await weights.torch())["b"], LOCAL.torch()["b"])
            assert await weights.plan() == LOCAL.plan()
            assert await weights.digest() == LOCAL.digest()
            await weights.save(tmp_path / "w")

    asyncio.run(main())
    assert hashlib.sha256((tmp_path / "w").read_bytes()).hexdigest() == LOCAL.digest()


SMALL = {"seed": 3, "layers": [{"name": "w.{0..2}", "type": "Tensor", "shape": [200, 300], "init": "normal"}]}


@pytest.fixture
def hostile() -> Iterator[tuple[Hostile, Client]]:
    found = Hostile(file_of(SMALL))
    with listening(found) as url, Client(url, attempts=2, backoff=quick) as client:
        yield found, client


def test_an_honest_server_is_believed(hostile: tuple[Hostile, Client]) -> None:
    weights = hostile[1].open(SMALL)
    assert bits(weights["w.1"][3:5]) == bits(tensorseed.open(SMALL)["w.1"][3:5])


@pytest.mark.parametrize("lie", ["size", "spec", "tag", "header", "length", "short"])
def test_a_lie_about_the_file_is_found_when_it_is_opened(hostile: tuple[Hostile, Client], lie: str) -> None:
    server, client = hostile
    kinds: tuple[type[Exception], ...] = (tensorseed.MismatchError,)
    match lie:
        case "size":
            server.plan["size"] += 8
            server.data += bytes(8)
        case "spec":
            other = Hostile(file_of({**SMALL, "seed": 4}))
            server.data, server.plan, server.etag = other.data, other.plan, other.etag
        case "tag":
            server.etag = server.plan["etag"] = '"made-up"'
        case "header":
            server.data = server.data[:8] + b"[" + server.data[9:]
        case "length":
            server.data = (1 << 62).to_bytes(8, "little") + server.data[8:]
        case "short":
            server.data = server.data[:100]
            kinds = (tensorseed.MismatchError, tensorseed.NetworkError)
    with pytest.raises(kinds):
        client.open(SMALL)


def test_a_part_of_another_length_is_refused(hostile: tuple[Hostile, Client]) -> None:
    server, client = hostile
    weights = client.open(SMALL)

    def change(kind: str, answer: Any) -> Any:
        answer.body = [b"".join(answer.body)[:-1]]
        return answer

    server.change = change
    with pytest.raises(tensorseed.NetworkError):
        weights["w.0"][3:5]


def test_a_damaged_file_is_not_saved(client: Client, between: Between, tmp_path: Path) -> None:
    weights = client.open(SPEC)
    good = bytes_of(file_of())[-200:-160]
    between.change = lambda body: body.replace(good, bytes(40))
    with pytest.raises(tensorseed.MismatchError, match="fetch it again"):
        weights.save(tmp_path / "w")
    assert not (tmp_path / "w").exists()
    json.dumps(weights.plan())
