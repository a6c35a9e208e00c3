"""Queries that differ in their seeds alone, against the routed ones."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from service.server.app import create_app
from service.settings import Settings
from service.weights.context import OpenFiles
from service.weights.seeds import ReseededAnswers

Start = Callable[[Any], AbstractContextManager[Any]]

FULL = (1 << 64) - 1
SEEDS = (0, 7, 9, 10, 42, 99, 12_345, 99_999, FULL // 2, FULL - 1, FULL)
QUERIES = (
    "shape=64,64&init=kaiming_normal&seed={}",
    "seed={}&shape=3&init=uniform",
    "shape=5,7&seed={}&init=trunc_normal&std=0.02&dtype=bfloat16",
    "shape=2,0&init=zeros&seed={}&format=safetensors",
    "shape=&init=ones&seed={}&dtype=float64",
    "shape=8,8&init=eye&name=%22seed%22%3A%2242%22%5C&seed={}",
    "shape=4,4&init=normal&name=%C3%BC%2Fseed%3D7&seed={}&",
    "shape=16,4&init=orthogonal&seed={}",
    "shape=200,300&init=normal&dtype=float8_e4m3fn&seed={}",
)


def app(**settings: Any) -> Any:
    return create_app(Settings.model_construct(threads=1, **settings))


def answers(client: Any, queries: list[str], **fields: str) -> list[tuple[int, bytes, dict[str, str]]]:
    found = [client.get(f"/v1/weights?{query}", headers=fields) for query in queries]
    for one in found:
        one.headers.pop("x-request-id")
    return [(one.status_code, one.content, dict(one.headers)) for one in found]


@pytest.mark.parametrize("root", ["", "/a b"])
def test_answers_are_those_of_the_application(start: Start, root: str) -> None:
    queries = [query.format(seed) for query in QUERIES for seed in SEEDS]
    with start(app(root_path=root)) as ours, start(app(root_path=root, answer_bytes=0)) as plain:
        expected = answers(plain, queries)
        assert {status for status, *_ in expected} == {200}
        assert answers(ours, queries) == expected
        assert answers(ours, queries[::-1]) == expected[::-1]


def test_they_are_neither_parsed_nor_routed(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "/v1/weights?shape=64,64&init=kaiming_normal&seed={}"
    opened = []
    by_query = OpenFiles.by_query
    monkeypatch.setattr(OpenFiles, "by_query", lambda *args: opened.append(args) or by_query(*args))
    with start(app()) as client:
        for seed in (10, 20, 30, 40, 100, 200, 300):
            assert client.get(url.format(seed)).status_code == 200
        text = client.get("/metrics").text
    assert len(opened) == 4  # two for each number of digits
    assert 'tensorseed_requests_total{method="GET",route="/v1/weights",status="200"} 7.0' in text
    assert 'generated_bytes_total{dtype="float32",scheme="kaiming_normal"} 114688.0' in text


@pytest.mark.parametrize(
    ("other", "status"),
    [
        ("shape=8,8&init=normal&seed=18446744073709551616", 422),
        ("shape=8,8&init=normal&seed=1&seed=2", 422),
        ("shape=8,8&init=normal&seed=3&%73eed=2", 422),
        ("shape=8,8&init=normal&seed=-1", 422),
        ("shape=8,8&init=normal&seed=x", 422),
        ("shape=8,8&init=normal&seeds=1", 422),
        ("shape=8,8&init=normals&seed=1", 422),
    ],
)
def test_faults_stay_faults(start: Start, other: str, status: int) -> None:
    with start(app()) as client:
        for seed in (1, 2, 10_000_000_000_000_000_001):
            assert client.get(f"/v1/weights?shape=8,8&init=normal&seed={seed}").status_code == 200
        assert [client.get(f"/v1/weights?{other}").status_code for _ in range(3)] == [status] * 3


def test_conditions_ranges_and_forms_are_looked_at(start: Start) -> None:
    fields: list[dict[str, str]] = [
        {"Range": "bytes=0-9"},
        {"If-None-Match": "*"},
        {"If-Match": '"x"'},
        {"Accept": "application/json"},
        {"Accept": "application/x-npy"},
        {"Accept": "text/html"},
    ]
    queries = [f"shape=8,8&init=normal&seed={seed}" for seed in (1, 2, 3)]
    with start(app()) as ours, start(app(answer_bytes=0)) as plain:
        answers(ours, queries)
        for each in fields:
            assert answers(ours, queries, **each) == answers(plain, queries, **each)
        assert ours.head(f"/v1/weights?{queries[2]}").content == b""


def test_without_memory_for_a_body_it_is_refused_as_ever(start: Start) -> None:
    application = app()
    url = "/v1/weights?shape=200,300&init=normal&seed={}"
    with start(application) as client:
        assert [client.get(url.format(seed)).status_code for seed in (1, 2, 5)] == [200, 200, 200]
        budget = application.state.memory
        budget.used += budget.limit
        assert client.get(url.format(3)).status_code == 429
        budget.used -= budget.limit
        assert client.get(url.format(4)).status_code == 200
        assert budget.used == 0


def test_nothing_is_kept_where_there_is_no_memory(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    by_query = OpenFiles.by_query
    made: list[Any] = []
    monkeypatch.setattr(OpenFiles, "by_query", lambda *args: opened.append(args) or by_query(*args))
    monkeypatch.setattr("service.weights.seeds.ReseededAnswers", lambda *args: made.append(args))
    with start(app(answer_bytes=0)) as client:
        for seed in (1, 2, 3):
            client.get(f"/v1/weights?shape=8,8&init=normal&seed={seed}")
    assert (len(opened), made) == (3, [])


def test_what_is_not_kept_is_not_made(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    def make(*args: Any) -> Any:
        made.append(args)
        return ReseededAnswers(*args)

    monkeypatch.setattr("service.weights.seeds.ReseededAnswers", make)
    url = "/v1/weights?shape=8,8&init=normal&seed={}"
    with start(app(cache_tensors=0)) as client:
        for seed in (1, 1, 1):
            assert client.get(url.format(seed)).status_code == 200
        for fields in ({"Range": "bytes=0-9"}, {"If-None-Match": "*"}):
            client.get(url.format(2), headers=fields)
        client.head(url.format(2))
        assert made == []
        for seed in (2, 3, 4):
            assert client.get(url.format(seed)).status_code == 200
    assert len(made) == 1
