"""Cache-Control of small and of large answers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from service.server.app import create_app
from service.settings import Settings

BOUND = 1_000  # bytes
FOR_GOOD = "max-age=31536000, immutable"
LARGE = "/v1/weights?shape=1000&init=ones"
SMALL = "/v1/weights?shape=8&init=ones"
HUB_FILES = ("model.safetensors", "config.json")

Start = Callable[..., AbstractContextManager[Any]]


@pytest.mark.parametrize(
    ("method", "path", "headers", "private"),
    [
        ("GET", SMALL, {}, False),
        ("GET", LARGE, {}, True),
        ("HEAD", LARGE, {}, True),
        ("GET", LARGE, {"Range": "bytes=0-999"}, False),  # a slice may be stored by itself
        ("GET", LARGE, {"Range": "bytes=0-1000"}, True),
        ("GET", LARGE, {"Range": "bytes=0-899,1000-1899"}, True),
        ("POST", "/v1/weights", {}, True),
    ],
)
def test_an_answer_over_the_bound_is_private_and_not_buffered(
    start: Start, method: str, path: str, headers: dict[str, str], private: bool
) -> None:
    spec = {"layers": [{"name": "w", "type": "Tensor", "shape": [1_000], "init": "ones"}]}
    body = {"json": spec} if method == "POST" else {}
    with start(create_app(Settings.model_construct(threads=1, shared_cache_bytes=BOUND))) as client:
        for _ in range(3):  # the last one from the service's own cache
            answer = client.request(method, path, headers=headers, **body)
            assert answer.headers["cache-control"] == f"{'private' if private else 'public'}, {FOR_GOOD}"
            assert answer.headers.get("x-accel-buffering") == ("no" if private else None)


@pytest.mark.parametrize(
    "path", [SMALL, LARGE, *(f"/tensorseed/tiny-llama/resolve/main/{name}" for name in HUB_FILES)]
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_unmodified_has_the_cache_control_of_its_answer(start: Start, method: str, path: str) -> None:
    with start(create_app(Settings.model_construct(threads=1, shared_cache_bytes=BOUND))) as client:
        whole = client.head(path).headers
        for _ in range(3):
            answer = client.request(method, path, headers={"If-None-Match": whole["etag"]})
            assert answer.status_code == 304
            assert answer.headers["cache-control"] == whole["cache-control"]
            assert "x-accel-buffering" not in answer.headers


def test_a_slice_that_is_unmodified_stays_in_shared_caches(start: Start) -> None:
    with start(create_app(Settings.model_construct(threads=1, shared_cache_bytes=BOUND))) as client:
        known = {"Range": "bytes=0-9", "If-None-Match": client.head(LARGE).headers["etag"]}
        answer = client.get(LARGE, headers=known)
        assert (answer.status_code, answer.headers["cache-control"]) == (304, f"public, {FOR_GOOD}")


def test_a_name_that_is_asked_for_again_stays_so(start: Start) -> None:
    with start(create_app(Settings.model_construct(threads=1, shared_cache_bytes=0))) as client:
        answer = client.get("/v1/weights?shape=8&init=ones&generator=torch")
        assert answer.headers["cache-control"] == "private, no-cache"


def test_other_answers_stay_as_they_are(start: Start) -> None:
    with start(create_app(Settings.model_construct(threads=1, shared_cache_bytes=0))) as client:
        page = client.get("/docs")
        assert "cache-control" not in page.headers
        assert client.get("/api/models").headers["cache-control"] == "no-store"
        assert client.get("/nothing").headers["cache-control"] == "no-store"


def test_the_bound_is_below_the_memory_of_common_caches() -> None:
    """Varnish has 100 MB by default, and Debian gives it 256."""
    assert Settings.model_fields["shared_cache_bytes"].default <= 100_000_000


def test_files_of_the_hub_follow_the_same_rule(start: Start) -> None:
    weights = "/tensorseed/tiny-llama/resolve/main/model.safetensors"
    with start(create_app(Settings.model_construct(threads=1, shared_cache_bytes=BOUND))) as client:
        assert client.head(weights).headers["cache-control"] == "private, no-cache"
        config = client.head(weights.replace("model.safetensors", "config.json"))
        assert config.headers["cache-control"] == "public, no-cache"
