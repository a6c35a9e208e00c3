"""A derivation over HTTP, within its time and beyond it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from service.server.app import create_app
from service.settings import Settings

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
