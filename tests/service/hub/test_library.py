"""The library as the routes see it: up to date."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from time import sleep
from typing import Any

import pytest

from service.hub import library
from service.server.app import create_app
from service.settings import Settings
from tensorseed.checkpoints import set_layouts
from tensorseed.checkpoints.layout import Layout, plan_layout
from tensorseed.checkpoints.library import Library
from tensorseed.checkpoints.weight_sets import Weights
from tests.conftest import started
from tests.tensorseed.checkpoints.recipes import document
from tests.waiting import PATIENCE

OWN = "/tests/own/resolve/main/config.json"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that the shelf sees; its last element is now."""
    now = [0.0]
    monkeypatch.setattr(library, "monotonic", lambda: now[-1])
    return now


@pytest.fixture
def own(tmp_path: Path, clock: list[float]) -> Iterator[Any]:
    """A client of a service whose folder of recipes is `tmp_path`, empty at the start."""
    with started(create_app(Settings.model_construct(threads=1, recipes=tmp_path))) as client:
        yield client


def write(folder: Path, **changes: Any) -> None:
    (folder / "own.json").write_text(json.dumps(document(id="tests/own", **changes)))


def test_a_change_is_seen_within_a_second(own: Any, tmp_path: Path, clock: list[float]) -> None:
    assert own.get(OWN).status_code == 404
    write(tmp_path)
    assert own.get(OWN).status_code == 404
    clock.append(library.FRESH_SECONDS)
    assert own.get(OWN).json()["model_type"] == "llama"
    commit = own.head(OWN).headers["x-repo-commit"]

    write(tmp_path, config={"model_type": "other"})
    clock.append(2 * library.FRESH_SECONDS)
    assert own.get(OWN).json() == {"model_type": "other"}
    old = own.get(f"/tests/own/resolve/{commit}/config.json")
    assert old.headers["x-error-code"] == "RevisionNotFound"

    (tmp_path / "own.json").unlink()
    clock.append(3 * library.FRESH_SECONDS)
    assert own.get(OWN).headers["x-error-code"] == "RepoNotFound"


def test_the_summary_follows_a_change(own: Any, tmp_path: Path, clock: list[float]) -> None:
    sizes = []
    for seconds, length in ((1, 8), (2, 16)):
        layers = [{"name": "w", "type": "Tensor", "shape": [length], "init": "ones"}]
        write(tmp_path, weights={"layers": layers})
        clock.append(seconds * library.FRESH_SECONDS)
        sizes.append(own.get("/v1/recipes/tests/own").json()["parameters"])
    assert sizes == [8, 16]


def test_the_folders_are_looked_at_once_a_second(
    own: Any, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    monkeypatch.setattr(Library, "refresh", lambda _: looks.append(clock[-1]))
    for now in (0.5, 0.9, 1.0, 1.5, 1.9, 2.5):
        clock.append(now)
        own.get(OWN)
    assert looks == [1.0, 2.5]


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """What layouts in another dtype than the recipe's wait for."""
    go_on = Event()

    def waiting(weights: Weights, dtype: str | None, *args: Any) -> Layout:
        assert dtype is None or go_on.wait(PATIENCE)
        return plan_layout(weights, dtype, *args)

    monkeypatch.setattr(set_layouts, "plan_layout", waiting)
    yield go_on
    go_on.set()


@pytest.mark.parametrize("threads", [1, 2])
def test_layouts_that_take_long_leave_what_is_known_served(folder: Path, held: Event, threads: int) -> None:
    """And with a thread to spare, all that is laid out already."""
    app = create_app(Settings.model_construct(threads=threads, recipes=folder))
    small = "/tests/small/resolve/main/config.json"
    with started(app) as client, ThreadPoolExecutor(5) as asking:
        assert client.get(small).status_code == 200
        paths = [
            f"/api/models/tests/small/revision/dtype={name}" for name in ("float16", "float32", "float64")
        ]
        slow = [asking.submit(client.get, path) for path in paths]
        try:
            while not app.state.hub.library._layouts.locked():
                sleep(0.001)
            assert asking.submit(client.get, small).result(PATIENCE).status_code == 200
            if threads > 1:
                other = small.replace("main", "seed-1")
                assert asking.submit(client.get, other).result(PATIENCE).status_code == 200
        finally:
            held.set()
        assert [answer.result().status_code for answer in slow] == [200] * 3


def test_a_look_that_takes_long_is_not_waited_for(
    own: Any, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = Event()
    monkeypatch.setattr(library, "REFRESH_SECONDS", 0.01)
    monkeypatch.setattr(Library, "refresh", lambda _: go_on.wait(PATIENCE))
    try:
        for now in (1.0, 2.0):
            clock.append(now)
            assert own.get("/api/models/tests/own/auth-check").status_code == 404
    finally:
        go_on.set()
