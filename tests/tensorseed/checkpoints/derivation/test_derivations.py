"""Deriving in another process: it answers, is stopped, and starts again."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Coroutine
from typing import Any

import pytest

from tensorseed.checkpoints.derivation import configs, derivations
from tensorseed.checkpoints.derivation.derivations import Derivations
from tensorseed.checkpoints.derivation.deriving import derive
from tensorseed.checkpoints.derivation.errors import ConfigError, DerivationTimeError, MissingExtraError
from tests.tensorseed.checkpoints.derivation.families import FAMILIES

LLAMA = json.dumps(FAMILIES["llama"]).encode()


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(coroutine)


def test_the_life_of_the_process() -> None:
    async def live() -> None:
        made = Derivations(60)
        assert await made.recipe(LLAMA) == derive(FAMILIES["llama"])
        first = made._process
        with pytest.raises(ConfigError, match="did you mean llama") as caught:
            await made.recipe(json.dumps({"model_type": "lama"}).encode())
        assert [fault.pointer for fault in caught.value.faults] == ["/model_type"]
        assert made._process is first
        assert first is not None

        first.kill()
        with pytest.raises(ConfigError, match="more memory than a derivation may"):
            await made.recipe(LLAMA)
        assert made._process is None

        leaving = asyncio.create_task(made.recipe(LLAMA))
        while made._process is None:
            await asyncio.sleep(0.01)
        second = made._process
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert second.returncode is not None
        await made.close()

    run(live())


def test_what_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import sys, time; sys.stdout.buffer.write(bytes([0, 0, 0, 2]) + b'{}'); sys.stdout.flush(); "
    monkeypatch.setattr(derivations, "command", lambda: [sys.executable, "-c", code + "time.sleep(600)"])

    async def wait() -> None:
        made = Derivations(0.05)
        with pytest.raises(DerivationTimeError, match=r"longer than the 0\.05 s"):
            await made.recipe(LLAMA)
        assert made._process is None

    run(wait())


@pytest.mark.parametrize(
    ("config", "detail"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "one JSON object"),
        (b"{" + b" " * derivations.MOST_BYTES + b"}", "at most 1,048,576 bytes"),
        (b'{"model_type": "llama", "x": ' + b"[" * 252 + b"]" * 252 + b"}", "nested too deeply"),
        (b'{"model_type": "llama", "auto_map": {"AutoModel": "x.Y"}}', "never run here"),
    ],
)
def test_bad_configs_start_nothing(config: bytes, detail: str) -> None:
    async def refuse() -> None:
        made = Derivations(60)
        with pytest.raises(ConfigError, match=detail):
            await made.recipe(config)
        assert made._process is None

    run(refuse())


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configs.importlib.util, "find_spec", lambda _: None)

    async def miss() -> None:
        with pytest.raises(MissingExtraError, match="tensorseed\\[transformers\\]"):
            await Derivations(60).recipe(LLAMA)

    run(miss())
    with pytest.raises(MissingExtraError):
        derive(FAMILIES["llama"])
