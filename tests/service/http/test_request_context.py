"""The id of a request: the client's own, or a new one, on every answer."""

from __future__ import annotations

import re
from typing import Any

import pytest

from service.http.request_context import request_id

NEW = re.compile(r"[0-9a-f]{32}")


@pytest.mark.parametrize("given", [b"a", b"x" * 128, b"!~{}", b"4bf92f35-77b3"])
def test_a_valid_id_is_taken(given: bytes) -> None:
    assert request_id([(b"host", b"x"), (b"x-request-id", given)]) == given


@pytest.mark.parametrize("given", [b"", b"x" * 129, b"a b", b"a\tb", "ä".encode(), b"a\n"])
def test_another_is_replaced(given: bytes) -> None:
    assert NEW.fullmatch(request_id([(b"x-request-id", given)]).decode())


def test_ids_are_unique() -> None:
    assert len({request_id([]) for _ in range(1_000)}) == 1_000


@pytest.mark.parametrize(
    ("path", "status"), [("/healthz", 200), ("/nothing", 404), ("/v1/weights?shape=x", 422), ("/docs", 200)]
)
def test_every_answer_has_it(client: Any, path: str, status: int) -> None:
    answer = client.get(path, headers={"X-Request-ID": "mine-1"})
    assert answer.status_code == status
    assert answer.headers["x-request-id"] == "mine-1"
    assert NEW.fullmatch(client.get(path).headers["x-request-id"])


def test_an_unexpected_fault_has_it_too(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(client.app.state.weights.files, "by_query", fail)
    answer = client.get("/v1/weights?shape=2&init=ones&name=new", headers={"X-Request-ID": "mine-2"})
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] == "mine-2"
