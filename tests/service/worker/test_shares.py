"""Places, shared by dynamic thresholds."""

from __future__ import annotations

from service.worker.shares import THRESHOLD, Places


def test_one_client_alone_leaves_some_places_free() -> None:
    places = Places(256)
    taken = sum(places.take("a") for _ in range(1_000))
    assert taken == places.active
    assert 256 * THRESHOLD / (THRESHOLD + 1) - 1 <= taken <= 256 * THRESHOLD / (THRESHOLD + 1) + 1
    assert places.take("b")


def test_several_clients_get_equal_shares() -> None:
    places, clients = Places(130), "abcd"
    held = dict.fromkeys(clients, 0)
    for _ in range(200):
        for client in clients:
            held[client] += places.take(client)
    assert max(held.values()) - min(held.values()) <= 1
    assert sum(held.values()) == places.active < 130
    assert places.take("e")


def test_all_places_go_to_clients_of_one_each() -> None:
    places = Places(5)
    assert [places.take(client) for client in range(6)] == [True] * 5 + [False]


def test_a_single_place_can_be_taken() -> None:
    places = Places(1)
    assert places.take("a")
    assert not places.take("b")
    places.give_back("a")
    assert places.active == 0
    assert places.take("b")


def test_the_service_itself_has_no_share() -> None:
    places = Places(4)
    assert [places.take(None) for _ in range(5)] == [True] * 4 + [False]
