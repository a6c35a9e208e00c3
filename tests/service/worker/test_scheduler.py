"""Deficit round robin, on a simulated processor."""

from __future__ import annotations

import random
from collections import Counter
from itertools import count

import pytest

from service.worker.scheduler import MAX_IDLE, QUANTUM, Client, DeficitRoundRobin

CHEAP, DEAR = 0.001, 0.05


class Processor:
    """Takes pieces one after the other. Its clock moves by what each really takes."""

    def __init__(self) -> None:
        self.queue: DeficitRoundRobin[tuple[Client, float, int]] = DeficitRoundRobin()
        self.now = 0.0
        self.served: Counter[Client] = Counter()  # seconds
        self.ended: dict[int, float] = {}
        self._numbers = count()

    def push(self, client: Client, cost: float, takes: float | None = None) -> int:
        number = next(self._numbers)
        self.queue.push(client, cost, (client, cost if takes is None else takes, number))
        return number

    def step(self) -> int | None:
        item = self.queue.pop()
        if item is None:
            return None
        client, takes, number = item
        self.now += takes
        self.served[client] += takes
        self.ended[number] = self.now
        return number


def test_the_pieces_of_one_client_stay_in_order() -> None:
    processor = Processor()
    numbers = [processor.push("a", cost) for cost in (DEAR, CHEAP, 7.0, 0.0, CHEAP)]
    assert [processor.step() for _ in range(6)] == [*numbers, None]
    assert len(processor.queue) == 0


def test_clients_who_always_wait_get_equal_time_whatever_their_pieces_cost() -> None:
    processor = Processor()
    costs = {"cheap": CHEAP, "middle": 0.007, "dear": DEAR, "long": 0.5}
    for client, cost in costs.items():
        for _ in range(int(60 / cost)):
            processor.push(client, cost)
    while processor.now < 100:
        processor.step()
        bound = max(costs.values()) + QUANTUM  # of the classic algorithm: a quantum and the largest piece
        assert max(processor.served[c] for c in costs) - min(processor.served[c] for c in costs) <= 2 * bound


def test_a_client_with_very_many_pieces_has_no_more_than_its_share() -> None:
    processor = Processor()
    for _ in range(10_000):
        processor.push("greedy", DEAR)
    for _ in range(20):
        processor.step()
    began = processor.now
    last = [processor.push("modest", DEAR) for _ in range(4)][-1]
    while last not in processor.ended:
        processor.step()
    assert processor.ended[last] - began <= 2 * 5 * DEAR


def test_a_cheap_piece_overtakes_the_dear_ones_of_others() -> None:
    processor = Processor()
    for client in range(8):
        for _ in range(3):
            processor.push(client, DEAR)
    processor.step()
    for client in ("one", "another"):
        began = processor.now
        cheap = processor.push(client, CHEAP)
        while cheap not in processor.ended:
            processor.step()
        assert processor.ended[cheap] - began <= 2 * CHEAP


def test_many_clients_with_one_piece_each_all_have_their_turn() -> None:
    processor = Processor()
    numbers = [processor.push(client, CHEAP) for client in range(5_000)]
    assert [processor.step() for _ in numbers] == numbers


def test_newcomers_starve_nobody() -> None:
    processor = Processor()
    waiting = processor.push("patient", DEAR)
    for client in range(10_000):  # one that comes for each that goes
        processor.push(client, CHEAP)
        processor.push(client + 0.5, CHEAP)
        processor.step()
        if waiting in processor.ended:
            break
    rounds = DEAR / QUANTUM
    assert client <= rounds * rounds


def test_what_is_cancelled_is_passed_over_and_costs_nothing() -> None:
    queue: DeficitRoundRobin[str] = DeficitRoundRobin()
    kept = queue.push("a", CHEAP, "kept")
    dropped = [queue.push("a", DEAR, "dropped") for _ in range(100)]
    alone = queue.push("b", DEAR, "dropped")
    queue.push("a", CHEAP, "last")
    for entry in (*dropped, alone, alone):
        queue.cancel(entry)
    assert len(queue) == 2
    assert [queue.pop() for _ in range(3)] == ["kept", "last", None]
    queue.cancel(kept)  # which has been taken already
    assert len(queue) == 0


def test_who_underestimates_gains_nothing() -> None:
    processor = Processor()
    for _ in range(2_000):
        processor.push("honest", DEAR)
        processor.push("sly", CHEAP, takes=DEAR)
    for _ in range(400):
        number = processor.step()
        assert number is not None
        if number % 2:
            processor.queue.settle("sly", DEAR - CHEAP)
    assert processor.served["sly"] == pytest.approx(processor.served["honest"], rel=0.05)


def test_who_overestimates_gains_and_loses_nothing() -> None:
    processor = Processor()
    for _ in range(2_000):
        processor.push("honest", CHEAP)
        processor.push("anxious", DEAR, takes=CHEAP)
    for _ in range(1_000):
        number = processor.step()
        assert number is not None
        if number % 2:
            processor.queue.settle("anxious", CHEAP - DEAR)
    assert processor.served["anxious"] == pytest.approx(processor.served["honest"], abs=2 * DEAR)


@pytest.mark.parametrize("waits", [False, True])
def test_what_a_client_saved_alone_holds_nobody_else_up(waits: bool) -> None:
    queue: DeficitRoundRobin[str] = DeficitRoundRobin()
    queue.push("abandons", 1_000.0, "abandons")
    queue.push("holds", 1_000.0, "holds")
    for _ in range(waits):
        queue.push("abandons", DEAR, "abandons")
    assert queue.pop() == "abandons"
    queue.settle("abandons", DEAR - 1_000.0)
    for _ in range(20):
        queue.push("abandons", DEAR, "abandons")
        queue.push("comes", DEAR, "comes")
    first = [queue.pop() for _ in range(20)]
    assert abs(first.count("abandons") - first.count("comes")) <= 2


def test_a_debt_is_remembered_while_others_wait_and_no_longer() -> None:
    queue: DeficitRoundRobin[str] = DeficitRoundRobin()
    for _ in range(20):
        queue.push("honest", CHEAP, "honest")
    queue.push("sly", CHEAP, "sly")
    while queue.pop() != "sly":
        pass
    queue.settle("sly", 1.0)
    queue.push("sly", CHEAP, "sly")
    rest = [queue.pop() for _ in range(len(queue))]
    assert rest == ["honest"] * (len(rest) - 1) + ["sly"]
    assert queue.pop() is None
    queue.settle("sly", 1.0)  # while nobody waits
    queue.push("sly", CHEAP, "sly")
    queue.push("honest", CHEAP, "honest")
    assert queue.pop() == "sly"


def test_debts_take_little_memory() -> None:
    queue: DeficitRoundRobin[str] = DeficitRoundRobin()
    queue.push("waits", 1.0, "waits")
    for client in range(5 * MAX_IDLE):
        queue.settle(client, 1.0)
    assert len(queue._ring) <= MAX_IDLE + 1
    while queue.pop() is not None:
        pass
    assert not queue._ring
    assert not queue._newcomers


@pytest.mark.parametrize("seed", range(5))
def test_nobody_waits_longer_than_the_bound(seed: int) -> None:
    rng = random.Random(seed)
    processor = Processor()
    clients = 10
    begun: dict[int, float] = {}
    largest = 0.0
    for _ in range(3_000):
        for client in range(clients):
            if sum(1 for number in begun if number not in processor.ended) < 40 and rng.random() < 0.5:
                cost = rng.choice([CHEAP, 0.01, DEAR])
                largest = max(largest, cost)
                begun[processor.push(client, cost)] = processor.now
        processor.step()
    while processor.step() is not None:
        pass
    waits = [processor.ended[number] - start for number, start in begun.items()]
    assert len(waits) == len(processor.ended)
    assert max(waits) <= 2 * 40 * (largest + QUANTUM)  # half of the time may go to newcomers
