"""Derivation in a child process: it answers, is stopped, and starts again."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from tensorseed.checkpoints.derivation import Derivation, configs, derive
from tensorseed.checkpoints.derivation.errors import ConfigError, DerivationTimeError, MissingExtraError
from tensorseed.checkpoints.derivation.process import MAX_CONFIG_BYTES, DerivationProcess
from tensorseed.concurrency.child_process import ChildProcess
from tests.tensorseed.checkpoints.derivation.families import FAMILIES

LLAMA = FAMILIES["llama"]
TEXT = json.dumps(LLAMA).encode()
IGNORED = configs.without_ignored({"auto_map": 1})[1][0]


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(coroutine)


def stand_in(monkeypatch: pytest.MonkeyPatch, function: str) -> None:
    """Let the child be one of those that test the child process itself."""

    def made(*_: str) -> ChildProcess:
        return ChildProcess(f"tests.tensorseed.concurrency.test_child_process:{function}")

    monkeypatch.setattr("tensorseed.checkpoints.derivation.process.ChildProcess", made)


def pid(process: DerivationProcess) -> int | None:
    return process._child.pid


@pytest.fixture(scope="module")
def shared() -> Iterator[DerivationProcess]:
    """A process that several tests use one after another."""
    made = DerivationProcess(60)
    yield made
    made.close()


def test_one_process_derives_several_recipes(shared: DerivationProcess) -> None:
    assert shared.derive({**LLAMA, "auto_map": {"AutoModel": "x.Y"}}) == Derivation(derive(LLAMA), [IGNORED])
    first = pid(shared)
    assert first is not None
    with pytest.raises(ConfigError, match="did you mean llama") as caught:
        shared.derive({"model_type": "lama"})
    assert [fault.pointer for fault in caught.value.faults] == ["/model_type"]
    assert pid(shared) == first


def test_the_life_of_the_process_in_an_event_loop(shared: DerivationProcess) -> None:
    async def live() -> None:
        assert (await shared.derive_json(TEXT)).recipe == derive(LLAMA)
        first = pid(shared)
        with pytest.raises(ConfigError, match="did you mean llama") as caught:
            await shared.derive_json(json.dumps({"model_type": "lama"}).encode())
        assert [fault.pointer for fault in caught.value.faults] == ["/model_type"]
        assert pid(shared) == first
        assert first is not None

        os.kill(first, 9)
        while pid(shared) is not None:
            await asyncio.sleep(0.01)
        leaving = asyncio.create_task(shared.derive_json(TEXT))
        while pid(shared) is None and not leaving.done():
            await asyncio.sleep(0.01)
        second = pid(shared)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert pid(shared) is None
        assert (await shared.derive_json(TEXT)).recipe == derive(LLAMA)
        assert pid(shared) not in (None, first, second)
        shared.close()
        assert pid(shared) is None
        shared.close()

    run(live())


def test_a_derivation_that_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, "sleeper")
    made = DerivationProcess(0.05)
    with pytest.raises(DerivationTimeError, match=r"longer than the 0\.05 s"):
        made.derive(LLAMA)
    with pytest.raises(DerivationTimeError, match=r"longer than the 0\.05 s"):
        asyncio.run(made.derive_json(TEXT))
    assert pid(made) is None


def test_a_process_that_dies_had_too_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, "dying")
    made = DerivationProcess(60)
    with pytest.raises(ConfigError, match="more memory than a derivation may"):
        made.derive(LLAMA)
    with pytest.raises(ConfigError, match="more memory than a derivation may"):
        asyncio.run(made.derive_json(TEXT))
    assert pid(made) is None


@pytest.mark.parametrize(
    ("config", "detail"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "one JSON object"),
        (b"{" + b" " * MAX_CONFIG_BYTES + b"}", "at most 1,048,576 bytes"),
        (b'{"model_type": "llama", "x": ' + b"[" * 252 + b"]" * 252 + b"}", "nested too deeply"),
        (b'{"model_type": "llama", "target_lang": "fra"}', "not loaded here"),
    ],
)
def test_bad_texts_start_nothing(config: bytes, detail: str) -> None:
    made = DerivationProcess(60)
    with pytest.raises(ConfigError, match=detail):
        asyncio.run(made.derive_json(config))
    assert pid(made) is None


@pytest.mark.parametrize(
    ("config", "detail"),
    [([], "one JSON object"), ({"model_type": "llama", "target_lang": "fra"}, "not loaded here")],
)
def test_bad_configs_start_nothing(config: Any, detail: str) -> None:
    made = DerivationProcess(60)
    with pytest.raises(ConfigError, match=detail):
        made.derive(config)
    assert pid(made) is None


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configs.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError):
        DerivationProcess(60).derive(LLAMA)
    with pytest.raises(MissingExtraError, match="tensorseed\\[transformers\\]"):
        asyncio.run(DerivationProcess(60).derive_json(TEXT))
    with pytest.raises(MissingExtraError):
        derive(LLAMA)
