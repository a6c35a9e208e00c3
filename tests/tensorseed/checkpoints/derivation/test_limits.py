"""Derivations within their time, memory and numbers, and beyond them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from service.server.app import create_app
from service.settings import Settings
from tensorseed.checkpoints.derivation import building, process
from tensorseed.checkpoints.derivation.configs import check_config
from tensorseed.checkpoints.derivation.errors import ConfigError
from tensorseed.checkpoints.derivation.process import DerivationProcess
from tensorseed.concurrency.child_process import Answer, ChildProcess
from tensorseed.errors import TooLargeError

CONFIG = {"model_type": "gpt2", "n_layer": 1, "n_embd": 8, "n_head": 2, "vocab_size": 16, "n_positions": 8}
Start = Callable[[Any], AbstractContextManager[Any]]


def test_a_derivation_has_so_many_seconds_and_no_more(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a derivation does not end; one that does is below."""
    sleeper = ChildProcess("tests.tensorseed.concurrency.test_child_process:sleeper")
    monkeypatch.setattr("tensorseed.checkpoints.derivation.process.ChildProcess", lambda *_: sleeper)
    with start(create_app(Settings.model_construct(threads=1, recipe_seconds=0.05))) as client:
        refused = client.post("/v1/recipes/plan", json=CONFIG)
        assert refused.status_code == 413
        assert "0.05 s" in refused.json()["detail"]
        assert sleeper.pid is None


TABLE = {
    "model_type": "distilbert",
    "sinusoidal_pos_embds": True,
    "dim": 64,
    "n_heads": 1,
    "n_layers": 1,
    "vocab_size": 10,
    "hidden_dim": 4,
}


def answer_configs_soon(memory_bytes: str) -> Answer:
    """The child's side: DistilBERT may compute as many numbers as ever, which takes a while, others fewer."""
    answer = process.answer_configs(memory_bytes)
    limit = building.MAX_TABLE_NUMBERS

    def answer_soon(message: bytes) -> bytes:
        building.MAX_TABLE_NUMBERS = limit if b"distilbert" in message else 1 << 16
        return answer(message)

    return answer_soon


@pytest.fixture(scope="module")
def made() -> Iterator[DerivationProcess]:
    """A process whose derivations may take long, so that no time limit hides another one."""
    made = DerivationProcess(300)
    made._child = ChildProcess(f"{__name__}:answer_configs_soon", str(1 << 29))
    yield made
    made.close()


@pytest.mark.parametrize(
    "config",
    [
        {**TABLE, "max_position_embeddings": 3_000_000},
        {"model_type": "marian", "max_position_embeddings": 1 << 30, "d_model": 64, "encoder_layers": 1},
        {"model_type": "roformer", "max_position_embeddings": 1 << 20, "num_hidden_layers": 1},
    ],
)
def test_a_table_that_a_model_computes_number_by_number_is_bounded(
    made: DerivationProcess, config: dict[str, Any]
) -> None:
    with pytest.raises(TooLargeError, match="lower max_position_embeddings"):
        made.derive(config)
    first = made._child.pid
    assert made.derive({**TABLE, "max_position_embeddings": 512}).recipe["weights"]
    assert made._child.pid == first


def test_a_derivation_has_so_much_memory_and_no_more(start: Start) -> None:
    """And enough seconds, in which a small one succeeds."""
    settings = Settings.model_construct(threads=1, recipe_seconds=300, recipe_bytes=1 << 28)
    with start(create_app(settings)) as client:
        refused = client.post("/v1/recipes/plan", json={**CONFIG, "num_labels": 1_000_000})
        assert refused.status_code == 422
        assert "more memory than a derivation may" in refused.json()["detail"]
        assert client.post("/v1/recipes/plan", json=CONFIG).status_code == 200


@pytest.mark.parametrize("name", ["num_hidden_groups", "inner_group_num", "num_kernels"])
def test_numbers_that_count_modules_are_bounded(name: str) -> None:
    with pytest.raises(ConfigError, match="at most 4,096"):
        check_config({"model_type": "albert", name: 3_000_000})
