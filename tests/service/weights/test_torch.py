"""Generator torch over HTTP: PyTorch's file in every representation."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
import safetensors.torch
import torch
from fastapi import FastAPI

from service.server.app import create_app
from service.settings import Settings
from tensorseed.concurrency.torch_thread import run_in_torch_thread
from tensorseed.files import torch_generator
from tensorseed.spec import torch_identity
from tensorseed.spec.torch_identity import Kernels, installed_version, kernels_of
from tests.tensorseed.spec.test_spec_token import forge

VERSION = installed_version()
PUBLIC = VERSION.partition("+")[0]
KERNELS, FACTORIZING = kernels_of("cpu")
QUERY = "/v1/weights?shape=60,50&init=xavier_uniform&seed=42&generator=torch"


def spec(seed: int = 7, **top: Any) -> dict[str, Any]:
    layers = [
        {"name": "z", "type": "Linear", "in_features": 60, "out_features": 50},
        {
            "name": "a.{0..1}",
            "type": "Linear",
            "in_features": 50,
            "out_features": 3,
            "init": {"bias": "normal"},
        },
    ]
    return {"seed": seed, "generator": "torch", "layers": layers, **top}


def plain(seed: int = 7) -> dict[str, torch.Tensor]:
    """The same in PyTorch alone."""
    with torch_generator.seeded(seed, torch.device("cpu")):
        z, a0, a1 = torch.nn.Linear(60, 50), torch.nn.Linear(50, 3), torch.nn.Linear(50, 3)
        for one in (a0, a1):
            torch.nn.init.normal_(one.bias)
    named = (("z", z), ("a.0", a0), ("a.1", a1))
    return {f"{name}.{key}": t for name, one in named for key, t in one.state_dict().items()}


def same(content: bytes, expected: dict[str, torch.Tensor]) -> bool:
    found = safetensors.torch.load(content)
    return found.keys() == expected.keys() and all(torch.equal(found[k], expected[k]) for k in expected)


Start = Callable[[FastAPI], AbstractContextManager[Any]]


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seeds of what is computed from here on."""
    seeds: list[int] = []
    real = torch_generator.materialise

    def watched(resolved: Any, *rest: Any) -> Any:
        seeds.append(resolved.seed)
        return real(resolved, *rest)

    monkeypatch.setattr(torch_generator, "materialise", watched)
    return seeds


def test_the_file_is_torchs(client: Any) -> None:
    response = client.post("/v1/weights", json=spec())
    assert response.status_code == 200
    assert same(response.content, plain())
    again = client.get(response.headers["content-location"])
    assert (again.content, again.headers["etag"]) == (response.content, response.headers["etag"])


def test_a_query_is_torchs(client: Any) -> None:
    torch.manual_seed(42)
    expected = torch.nn.init.xavier_uniform_(torch.empty(60, 50))
    assert same(client.get(QUERY).content, {"weight": expected})


def test_a_url_that_does_not_name_the_whole_of_torch_is_not_kept(client: Any) -> None:
    """Another host may answer it with other bytes; the token names torch's version and kernels."""
    orthogonal = QUERY.replace("xavier_uniform", "orthogonal")
    for path, kept in (
        (QUERY, "public, no-cache"),
        (f"{QUERY}&torch_version={PUBLIC}", "public, no-cache"),
        (f"{QUERY}&torch_version={VERSION}", "public, no-cache"),
        (f"{QUERY}&torch_kernels={KERNELS}", "public, no-cache"),
        (f"{QUERY}&torch_version={PUBLIC}&torch_kernels={KERNELS}", "public, no-cache"),
        (f"{QUERY}&torch_version={VERSION}&torch_kernels={KERNELS}", "public, max-age=31536000, immutable"),
        (
            f"{QUERY}&torch_version={VERSION.replace('+', '%2B')}&torch_kernels={KERNELS}",
            "public, max-age=31536000, immutable",
        ),
        (f"{orthogonal}&torch_version={VERSION}&torch_kernels={KERNELS}", "public, no-cache"),
        (
            f"{orthogonal}&torch_version={VERSION}&torch_kernels={FACTORIZING}",
            "public, max-age=31536000, immutable",
        ),
        (client.head(QUERY).headers["content-location"], "public, max-age=31536000, immutable"),
        (QUERY.replace("torch", "philox"), "public, max-age=31536000, immutable"),
    ):
        answer = client.head(path)
        assert answer.headers["cache-control"] == kept
        again = client.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.headers["cache-control"]) == (304, kept)


def test_the_generators_differ_in_bytes_and_tags(client: Any) -> None:
    files = [client.get(QUERY), client.get(QUERY.replace("torch", "philox"))]
    assert len({file.content for file in files}) == len({file.headers["etag"] for file in files}) == 2


def test_ranges_of_one_file_compute_it_once(client: Any, computed: list[int]) -> None:
    url = client.post("/v1/weights/plan", json=spec(100)).json()["url"]
    size = int(client.head(url).headers["content-length"])
    client.get(url, headers={"Range": "bytes=0-7"})
    assert computed == []  # neither plan nor HEAD nor the header itself computes anything
    whole = client.get(url).content
    assert same(whole, plain(100))
    for start in range(0, size, 1_237):
        part = client.get(url, headers={"Range": f"bytes={start}-{start + 1236}"})
        assert (part.status_code, part.content) == (206, whole[start : start + 1237])
    assert computed == [100]


def test_slices_and_json_come_from_the_same_whole(client: Any, computed: list[int]) -> None:
    url = client.post("/v1/weights/plan", json=spec(101)).json()["url"]
    expected = plain(101)["z.weight"]
    response = client.get(f"{url}/tensors/z.weight?slice=3:9,4:41")
    assert same(response.content, {"z.weight": expected[3:9, 4:41]})
    accept = {"Accept": "application/json"}
    document = client.get(f"{url}/tensors/z.weight?slice=3:5", headers=accept).json()
    assert document["tensors"]["z.weight"]["data"] == expected[3:5].tolist()
    assert client.get(url, headers=accept).json()["tensors"]["z.weight"]["data"] == expected.tolist()
    assert computed == [101]


def test_eight_at_once_do_not_mix_and_the_process_sees_nothing(client: Any) -> None:
    torch.manual_seed(5)
    state, kind = torch.get_rng_state(), torch.get_default_dtype()
    with ThreadPoolExecutor(8) as pool:
        files = list(
            pool.map(lambda seed: client.post("/v1/weights", json=spec(seed)).content, range(200, 208))
        )
    assert torch.equal(torch.get_rng_state(), state)
    assert (torch.initial_seed(), torch.get_default_dtype()) == (5, kind)
    for seed, file in zip(range(200, 208), files, strict=True):
        assert same(file, plain(seed))


def test_concurrent_ranges_of_one_file_compute_it_once(client: Any, computed: list[int]) -> None:
    url = client.post("/v1/weights/plan", json=spec(300)).json()["url"]
    ranges = [{"Range": f"bytes={1000 * i}-{1000 * i + 999}"} for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda headers: client.get(url, headers=headers).content, ranges))
    assert b"".join(parts) == client.get(url).content[:8000]
    assert computed == [300]


def test_the_plan_names_version_and_device(client: Any) -> None:
    plan = client.post("/v1/weights/plan", json=spec(device="auto")).json()
    assert plan["generator"] == "torch"
    recipe = plan["recipe"]
    assert (recipe["generator"], recipe["torch_version"], recipe["device"]) == ("torch", VERSION, "cpu")
    assert recipe["torch_kernels"] == KERNELS
    row = next(row for row in plan["tensors"] if row["name"] == "a.0.bias")
    assert (row["mean"], row["std"]) == (0.0, 1.0)
    assert client.post("/v1/weights/plan", json=recipe).json()["token"] == plan["token"]


def test_another_version_is_409(client: Any) -> None:
    recipe = client.post("/v1/weights/plan", json=spec()).json()["recipe"]
    foreign = json.dumps({**recipe, "torch_version": "1.2.3"}, sort_keys=True, separators=(",", ":"))
    answers = [
        client.post("/v1/weights", json=spec(torch_version="1.2.3")),
        client.post("/v1/weights/plan", json=spec(torch_version="1.2.3")),
        client.get(f"{QUERY}&torch_version=1.2.3"),
        client.get(f"/v1/weights/{forge(foreign)}"),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:tensorseed:problem:missing-version")
        assert f"of torch 1.2.3 and this host has torch {VERSION}" in answer.json()["detail"]


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Callable[[], AbstractContextManager[None]]:
    """A context within which this host has other kernels."""

    @contextmanager
    def other() -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setattr(torch_identity, "_known", {"cpu": Kernels("arm64-neon-1", "arm64-neon-1-2")})
            yield

    return other


def test_other_kernels_are_409_for_every_representation(start: Start, elsewhere: Any) -> None:
    with elsewhere(), start(create_app(Settings.model_construct(threads=1))) as other:
        plan = other.post("/v1/weights/plan", json=spec()).json()
        assert other.get(plan["url"]).headers["etag"] == plan["etag"]
    with start(create_app(Settings.model_construct(threads=1))) as client:
        answers = [
            client.get(plan["url"]),
            client.head(plan["url"]),
            client.get(plan["url"], headers={"Range": "bytes=9-", "If-Range": plan["etag"]}),
            client.get(plan["url"], headers={"Range": "bytes=9-", "If-Match": plan["etag"]}),
            client.get(plan["url"], headers={"Accept": "application/json"}),
            client.get(f"{plan['url']}/digest"),
            client.get(f"{plan['url']}/tensors/z.weight?slice=0:1"),
            client.post("/v1/weights", json=plan["recipe"]),
            client.post("/v1/weights/plan", json=plan["recipe"]),
            client.get(f"{QUERY}&torch_kernels=arm64-neon-1"),
        ]
        assert [answer.status_code for answer in answers] == [409] * len(answers)
        assert (
            f"of the kernels arm64-neon-1 of torch and this host has {KERNELS}" in answers[0].json()["detail"]
        )
        mine = client.post("/v1/weights/plan", json=spec()).json()
        assert mine["etag"] != plan["etag"]
        stale = client.get(mine["url"], headers={"Range": "bytes=9-", "If-Match": plan["etag"]})
        assert stale.status_code == 412


def test_orthogonal_is_torchs_on_one_thread(client: Any) -> None:
    url = "/v1/weights?shape=200,100&init=orthogonal&seed=42&generator=torch"

    def plain() -> torch.Tensor:
        with torch_generator.seeded(42, torch.device("cpu")):
            return torch.nn.init.orthogonal_(torch.empty(200, 100))

    assert same(client.get(url).content, {"weight": run_in_torch_thread(plain)})


def test_the_event_loop_measures_nothing(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []

    def measure(_about: str, _device: str) -> Kernels:
        threads.append(threading.current_thread().name)
        return Kernels(KERNELS, FACTORIZING)

    monkeypatch.setattr(torch_identity, "_known", {})
    monkeypatch.setattr(torch_identity, "run_in_torch_thread", lambda function: function())
    monkeypatch.setattr(torch_identity, "_measured", measure)
    with start(create_app(Settings.model_construct(threads=1))) as client:
        assert client.get(QUERY).status_code == client.get(QUERY).status_code == 200
    assert len(threads) == 1
    assert threads[0].startswith("quick")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a host without CUDA")
def test_a_missing_device_is_409(client: Any) -> None:
    url = client.post("/v1/weights/plan", json=spec(device="cuda")).json()["url"]
    for answer in (client.post("/v1/weights", json=spec(device="cuda:0")), client.get(url), client.head(url)):
        assert answer.status_code == 409
    assert "it has: cpu" in client.get(url).json()["detail"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_on_cuda_the_file_is_what_cuda_draws(client: Any) -> None:
    response = client.post("/v1/weights", json=spec(device="cuda"))
    torch.manual_seed(7)
    first = torch.nn.Linear(60, 50, device="cuda")
    assert torch.equal(safetensors.torch.load(response.content)["z.weight"], first.weight.detach().cpu())


def test_what_torch_lacks_is_422_at_its_place(client: Any) -> None:
    answer = client.get("/v1/weights?shape=2,3&init=lecun_normal&generator=torch")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "init"
    answer = client.post("/v1/weights", json=spec(dtype="float8_e5m2"))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/layers/0")


def test_a_file_over_the_limit_is_413_and_computes_nothing(start: Start, computed: list[int]) -> None:
    with start(create_app(Settings.model_construct(threads=1, materialised_bytes=1000))) as client:
        answer = client.get(QUERY)
        assert client.get(QUERY.replace("60,50", "10,25")).status_code == 200
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:tensorseed:problem:too-large")
    assert "12,000 bytes, the limit is 1,000" in answer.json()["detail"]
    assert computed == [42]
