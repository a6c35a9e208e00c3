"""Derivations within their time, memory and numbers, and beyond them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from service.server.app import create_app
from service.settings import Settings
from tensorseed.checkpoints.derivation.configs import check_config
from tensorseed.checkpoints.derivation.errors import ConfigError
from tensorseed.checkpoints.derivation.process import DerivationProcess
from tensorseed.errors import TooLargeError

CONFIG = {"model_type": "gpt2", "n_layer": 1, "n_embd": 8, "n_head": 2, "vocab_size": 16, "n_positions": 8}


def test_a_derivation_has_so_many_seconds_and_no_more(
    start: Callable[[Any], AbstractContextManager[Any]],
) -> None:
    with start(create_app(Settings.model_construct(threads=1, recipe_seconds=0.05))) as client:
        refused = client.post("/v1/recipes/plan", json=CONFIG)
        assert refused.status_code == 413
        assert "0.05 s" in refused.json()["detail"]
    with start(create_app(Settings.model_construct(threads=1, recipe_seconds=300))) as client:
        assert client.post("/v1/recipes/plan", json=CONFIG).status_code == 200


TABLE = {
    "model_type": "distilbert",
    "sinusoidal_pos_embds": True,
    "dim": 64,
    "n_heads": 1,
    "n_layers": 1,
    "vocab_size": 10,
    "hidden_dim": 4,
}


@pytest.fixture(scope="module")
def process() -> Iterator[DerivationProcess]:
    """A process whose derivations may take long, so that no time limit hides another one."""
    made = DerivationProcess(300, 1 << 29)
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
    process: DerivationProcess, config: dict[str, Any]
) -> None:
    with pytest.raises(TooLargeError, match="lower max_position_embeddings"):
        process.derive(config)
    first = process._child.pid
    assert process.derive({**TABLE, "max_position_embeddings": 512}).recipe["weights"]
    assert process._child.pid == first


def test_a_derivation_has_so_much_memory_and_no_more(
    start: Callable[[Any], AbstractContextManager[Any]],
) -> None:
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
