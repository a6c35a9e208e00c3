"""Memory of requests: the budget, leases, and what outlives a request."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from contextlib import suppress
from contextvars import copy_context
from typing import Any

import pytest

from service.http.errors import BusyError
from service.http.memory import SMALL_BYTES, MemoryBudget, MemoryLease
from service.server.app import create_app
from service.settings import Settings
from service.worker.clients import CLIENT
from tensorseed.concurrency.memory import reserve
from tensorseed.errors import TooLargeError
from tests.conftest import Client, started
from tests.waiting import PATIENCE, wait_until

MIB = 1 << 20
SPEC = {"layers": [{"name": "a.{0..9999}", "type": "Tensor", "shape": [2], "init": "ones"}]}
WIDE = {"layers": [{"name": "a.{0..99999}", "type": "Tensor", "shape": [2], "init": "ones"}]}


class Owner:
    """Something that a weak reference can follow."""


def test_a_request_gives_back_what_it_took() -> None:
    budget = MemoryBudget(80 * MIB)
    lease = MemoryLease(budget)
    lease.take(10 * MIB)
    lease.take(20 * MIB)
    assert budget.used == 30 * MIB
    lease.close()
    lease.close()
    assert budget.used == 0


def test_the_budget_in_use_is_busy_and_more_than_all_of_it_is_too_large() -> None:
    budget = MemoryBudget(80 * MIB)
    first, second = MemoryLease(budget), MemoryLease(budget)
    first.take(60 * MIB)
    with pytest.raises(BusyError, match="in use") as caught:
        second.take(20 * MIB)
    assert caught.value.headers["Retry-After"]
    with pytest.raises(TooLargeError, match="TENSORSEED_MEMORY_BYTES"):
        first.take(20 * MIB)
    assert budget.used == 60 * MIB
    first.close()
    second.take(20 * MIB)


def test_large_requests_leave_room_for_small_ones() -> None:
    budget = MemoryBudget(80 * MIB)
    MemoryLease(budget).take(70 * MIB)
    for _ in range(10):
        MemoryLease(budget).take(SMALL_BYTES)
    with pytest.raises(BusyError):
        MemoryLease(budget).take(SMALL_BYTES)


def test_requests_of_one_client_leave_room_for_those_of_another() -> None:
    budget = MemoryBudget(80 * MIB)
    leases = [lease_of_client(budget, "alice", 2 * MIB) for _ in range(26)]
    with pytest.raises(BusyError, match="this client"):
        lease_of_client(budget, "alice", 2 * MIB)
    lease_of_client(budget, "bob", 10 * MIB)
    for lease in leases:
        lease.close()
    lease_of_client(budget, "alice", 30 * MIB)


def test_the_only_request_of_a_client_may_take_what_is_free() -> None:
    budget = MemoryBudget(80 * MIB)
    lease_of_client(budget, "alice", 69 * MIB).close()
    assert not budget.used
    assert not budget._held


def lease_of_client(budget: MemoryBudget, client: str, nbytes: int) -> MemoryLease:
    """A lease of a request of a client, with so many bytes."""
    lease = MemoryLease(budget)
    context = copy_context()
    context.run(CLIENT.set, client)
    context.run(lease.take, nbytes)
    return lease


def test_what_is_reserved_while_something_is_built_is_given_back() -> None:
    budget = MemoryBudget(80 * MIB)
    lease = MemoryLease(budget)
    lease.take(MIB)
    with lease.reserving():
        reserve(5 * MIB)
        assert budget.used == 6 * MIB
    assert budget.used == MIB
    with pytest.raises(TooLargeError), lease.reserving():
        reserve(80 * MIB)
    assert budget.used == MIB


@pytest.mark.parametrize("keep", [False, True])
def test_a_thread_that_works_on_when_its_request_has_ended_gives_everything_back(keep: bool) -> None:
    budget = MemoryBudget(80 * MIB)
    lease = MemoryLease(budget)
    lease.take(3 * MIB)
    with lease.reserving(keep=keep):
        reserve(MIB)
        lease.close()  # the client has left
        assert budget.used == 4 * MIB
        reserve(5 * MIB)
        assert budget.used == 9 * MIB
    assert budget.used == 0


def test_a_thread_that_begins_when_its_request_has_ended_gives_everything_back() -> None:
    budget = MemoryBudget(80 * MIB)
    lease = MemoryLease(budget)
    lease.take(3 * MIB)
    lease.close()
    with lease.reserving(keep=True):
        reserve(5 * MIB)
    assert budget.used == 0


def test_an_owner_may_be_freed_while_its_thread_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    class CollectingError(BusyError):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            gc.collect()  # which any allocation may do

    monkeypatch.setattr("service.http.memory.BusyError", CollectingError)
    budget = MemoryBudget(80 * MIB)
    owner = Owner()
    owner.itself = owner  # type: ignore[attr-defined]
    MemoryLease(budget).hand_over(70 * MIB, owner)
    del owner

    def take() -> None:
        with suppress(BusyError):
            MemoryLease(budget).take(MIB + 1)

    taking = threading.Thread(target=take, daemon=True)
    taking.start()
    taking.join(PATIENCE)
    assert not taking.is_alive()
    assert budget.used == 0


def test_what_outlives_a_request_counts_until_it_is_freed() -> None:
    budget = MemoryBudget(80 * MIB)
    owner = Owner()
    lease = MemoryLease(budget)
    lease.hand_over(3 * MIB, owner)
    lease.close()
    assert budget.used == 3 * MIB
    del owner
    assert budget.used == 0


@pytest.fixture
def client() -> Iterator[Client]:
    """An application that remembers no spec."""
    with started(
        create_app(Settings.model_construct(threads=2, cache_tensors=0, memory_bytes=40 * MIB))
    ) as it:
        yield it


def used(client: Client) -> int:
    gc.collect()
    found: int = client.app.state.memory.used
    return found


@pytest.mark.parametrize(
    ("method", "path", "arguments"),
    [
        ("POST", "/v1/weights/plan", {"json": SPEC}),
        ("POST", "/v1/weights", {"json": SPEC}),
        ("POST", "/v1/weights", {"content": b'{"seed": -1}' + b" " * MIB}),
        ("GET", "/v1/weights?shape=200000&init=normal", {}),
        ("GET", "/v1/weights?shape=60000&init=normal", {"headers": {"Accept": "application/json"}}),
        ("GET", "/v1/weights?shape=200000&init=normal&generator=torch", {}),
        ("POST", "/v1/losses/mse_loss", {"json": {"input": [0.5] * 50_000, "target": [0.0] * 50_000}}),
        ("GET", "/tensorseed/tiny-llama/resolve/main/model.safetensors", {}),
    ],
)
def test_nothing_is_held_when_an_answer_has_been_read(
    client: Client, method: str, path: str, arguments: dict[str, Any]
) -> None:
    client.request(method, path, **arguments)
    client.app.state.worker._torch_files._cache._results.clear()
    wait_until(lambda: not used(client))  # a thread may still have its last job


def test_a_spec_that_takes_more_than_there_is_is_refused(client: Client) -> None:
    answer = client.post("/v1/weights/plan", json=WIDE)
    assert answer.status_code == 413
    assert "TENSORSEED_MEMORY_BYTES" in answer.json()["detail"]


def test_one_more_than_there_is_room_for_is_busy(client: Client) -> None:
    lease = MemoryLease(client.app.state.memory)
    lease.take(30 * MIB)
    for path in ("/v1/weights/plan", "/v1/weights"):
        answer = client.post(path, json=SPEC)
        assert answer.status_code == 429
        assert answer.headers["Retry-After"]
    assert client.get("/v1/weights?shape=256,784&init=normal").status_code == 200
    lease.close()
    assert client.post("/v1/weights/plan", json=SPEC).status_code == 200


def test_a_file_that_requests_share_counts_once() -> None:
    with started(create_app(Settings.model_construct(threads=2))) as client:
        token = client.post("/v1/weights/plan", json=SPEC).json()["token"]
        once = used(client)
        assert once > 640 * 10_000
        for _ in range(3):
            client.get(f"/v1/weights/{token}")
        assert used(client) == once


def test_caches_make_room_for_requests() -> None:
    with started(create_app(Settings.model_construct(threads=2, memory_bytes=40 * MIB))) as client:
        for seed in range(2):
            assert client.post("/v1/weights/plan", json={**SPEC, "seed": seed}).status_code == 200
        assert client.get("/v1/weights?shape=1000000&init=normal&generator=torch").status_code == 200
        free = 35 * MIB - used(client)
        lease = MemoryLease(client.app.state.memory)

        async def take() -> None:
            lease.take(free + 4 * MIB)

        with pytest.raises(BusyError):  # an event loop cannot wait
            asyncio.run(take())
        assert client.get("/v1/weights?shape=1000000&init=normal&generator=torch").status_code == 200
        lease.take(free + 4 * MIB)  # a thread can
        assert used(client) >= free + 4 * MIB
        lease.close()
        assert client.post("/v1/weights/plan", json=SPEC).status_code == 200
