"""Files opened by spec and by token, and their cache."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from service.http.memory import MemoryBudget, MemoryLease
from service.server.app import create_app
from service.settings import Settings
from service.weights import context as module
from tensorseed.spec.spec import parse_spec

SMALL = b'{"layers": [{"name": "t.{0..4}", "type": "Tensor", "shape": [2], "init": "normal"}]}'
LARGE = b'{"layers": [{"name": "t.{0..99}", "type": "Tensor", "shape": [2], "init": "normal"}]}'


def lease() -> MemoryLease:
    """That of a request alone."""
    return MemoryLease(MemoryBudget(1 << 30))


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens that were decoded rather than remembered."""
    tokens: list[str] = []
    decode = module.decode_token

    def counted(token: str, limits: Any) -> Any:
        tokens.append(token)
        return decode(token, limits)

    monkeypatch.setattr(module, "decode_token", counted)
    return tokens


def reopen(body: bytes, cache_tensors: int) -> None:
    """Open a spec and then its token, twice."""
    app = create_app(Settings.model_construct(threads=1, cache_tensors=cache_tensors))
    files = app.state.weights.files

    async def work() -> None:
        opened = await files.by_spec(parse_spec, body, lease())
        assert opened.token is not None
        for _ in range(2):
            again = await files.by_token(opened.token, lease())
            assert again.file.digest == opened.file.digest
            assert again.file.resolved.device == "auto"
            assert not again.file.resolved.unused_rules
        await app.state.worker.close()

    asyncio.run(work())


def test_a_file_is_parsed_once(decoded: list[str]) -> None:
    reopen(SMALL, 1_000)
    assert decoded == []


def test_a_file_larger_than_the_cache_is_parsed_each_time(decoded: list[str]) -> None:
    reopen(LARGE, 50)
    assert len(decoded) == 2


def test_no_cache_at_all(decoded: list[str]) -> None:
    reopen(SMALL, 0)
    assert len(decoded) == 2


def test_a_device_asked_for_once_does_not_stick_to_the_token(decoded: list[str]) -> None:
    reopen(SMALL.replace(b"{", b'{"device": "cpu", ', 1), 1_000)
    assert len(decoded) == 1


def test_a_rule_without_use_does_not_stick_to_the_token(decoded: list[str]) -> None:
    reopen(SMALL.replace(b"{", b'{"rules": [{"match": "x", "init": "ones"}], ', 1), 1_000)
    assert len(decoded) == 1


def test_the_cache_stays_within_its_weight() -> None:
    app = create_app(Settings.model_construct(threads=1, cache_tensors=60))
    files = app.state.weights.files

    async def work() -> None:
        for seed in range(20):
            await files.by_spec(parse_spec, SMALL.replace(b"{", b'{"seed": %d, ' % seed, 1), lease())
        await app.state.worker.close()

    asyncio.run(work())
    assert 0 < files._files.currsize <= 60


@pytest.mark.parametrize("names", [5, 50])
def test_the_names_of_entries_without_tensors_have_a_weight(names: int) -> None:
    """Generator torch remembers every entry, so that a spec of empty ones is no light thing to keep."""
    arguments = '"type": "LayerNorm", "normalized_shape": 1, "elementwise_affine": false'
    layer = f'{{"name": "n{{1..{names}}}", {arguments}}}'
    body = f'{{"generator": "torch", "layers": [{layer}]}}'.encode()
    opened = module._open_spec(parse_spec, body, Settings.model_construct().limits())
    assert names < module.weigh(opened) < names + 5
