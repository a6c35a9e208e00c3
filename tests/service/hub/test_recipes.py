"""Recipes over HTTP: a list, one, and one of a config."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from service.hub.schemas import RecipeDetail, RecipePlan, RecipeSummary
from tensorseed.checkpoints.derivation import Derivation
from tensorseed.checkpoints.derivation.configs import ConfigWarning
from tensorseed.checkpoints.derivation.errors import ConfigError, DerivationTimeError, MissingExtraError
from tensorseed.checkpoints.derivation.process import MAX_CONFIG_BYTES
from tensorseed.checkpoints.recipe import read_recipe
from tensorseed.errors import TooLargeError
from tests.tensorseed.checkpoints.recipes import document


class Derived:
    """Stands for the process that derives recipes: it gives one, or raises."""

    def __init__(self, outcome: dict[str, Any] | Exception) -> None:
        self.outcome = outcome
        self.configs: list[bytes] = []

    async def derive_json(self, config: bytes, base_of: object) -> Derivation:
        self.configs.append(config)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return Derivation(self.outcome, [ConfigWarning("/auto_map", "auto_map", "it is left out")])


def plan(hub: Any, monkeypatch: pytest.MonkeyPatch, outcome: dict[str, Any] | Exception) -> Any:
    monkeypatch.setitem(hub.app.state._state, "hub", replace(hub.app.state.hub, derivations=Derived(outcome)))
    return hub.post("/v1/recipes/plan", json={"model_type": "llama"})


def test_a_recipe(hub: Any) -> None:
    detail = hub.get("/v1/recipes/tests/small").json()
    RecipeDetail.model_validate(detail)
    info = hub.get("/api/models/tests/small").json()
    assert detail["commit"] == info["sha"]
    assert detail["parameters"] == info["safetensors"]["total"]
    sizes = {row["rfilename"]: row["size"] for row in info["siblings"]}
    assert detail["size"] == sizes["model.safetensors"]
    assert detail["files"] == len(detail["listing"])
    assert [row["path"] for row in detail["listing"]] == [row["rfilename"] for row in info["siblings"]]
    again = read_recipe(json.dumps(detail["recipe"]).encode(), "answered")
    assert again == read_recipe(json.dumps(document()).encode(), "written")


def test_a_recipe_without_a_namespace(hub: Any) -> None:
    assert hub.get("/v1/recipes/alone").json()["id"] == "alone"


@pytest.mark.parametrize("name", ["tests/nothing", "tests%2Fnothing", "tests/%ff"])
def test_a_recipe_that_is_not_there_is_a_problem(hub: Any, name: str) -> None:
    answer = hub.get(f"/v1/recipes/{name}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_plan_is_no_recipe(hub: Any) -> None:
    answer = hub.get("/v1/recipes/plan")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert hub.get("/v1/recipes/plan/x").status_code == 404


def test_the_list_leaves_out_what_is_beyond_a_limit(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = hub.app.state.hub.library
    few = [repository for repository in hub_run(hub, shelf.repositories()) if repository.id[:6] != "tensor"]

    async def repositories() -> list[Any]:
        return [*few, Broken()]

    monkeypatch.setattr(shelf, "repositories", repositories)
    rows = hub.get("/v1/recipes").json()
    assert [row["id"] for row in rows] == ["alone", "tests/sharded", "tests/small"]
    for row in rows:
        RecipeSummary.model_validate(row)


class Broken:
    """A repository that is too large for this service."""

    def cached_snapshot(self, _: str) -> None:
        return None

    def has_layout(self, _: str) -> bool:
        return False

    def snapshot(self, _: str) -> None:
        raise TooLargeError("the file is too large")


def hub_run(hub: Any, coroutine: Any) -> Any:
    return hub._loop.run(coroutine)


def test_the_plan_of_a_config(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    derived = document(shard_bytes=10_000)
    derived["config"] |= {"vocab_size": 1_000}
    answer = plan(hub, monkeypatch, derived)
    RecipePlan.model_validate(answer.json())
    detail = hub.get("/v1/recipes/tests/sharded").json()
    shards = [row for row in detail["listing"] if row["path"].endswith(".safetensors")]
    assert answer.json() == {
        "recipe": derived,
        "tensors": 27,
        "parameters": detail["parameters"],
        "bytes": 2 * detail["parameters"] + 2 * 64,
        "shards": len(shards),
        "warnings": [{"pointer": "/auto_map", "code": "auto_map", "detail": "it is left out"}],
    }
    assert hub.app.state.hub.derivations.configs == [b'{"model_type":"llama"}']


def test_a_plan_warns_of_a_vocabulary_without_room_for_a_tokenizer(
    hub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    derived = document(config={"model_type": "llama", "vocab_size": 64})
    warning = plan(hub, monkeypatch, derived).json()["warnings"][-1]
    assert (warning["pointer"], warning["code"]) == ("/vocab_size", "vocab_size")


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (MissingExtraError(), 501, "missing-extra"),
        (ConfigError.at("/hidden_size", "hidden_size is a whole number"), 422, "invalid-config"),
        (DerivationTimeError(60), 413, "slow-derivation"),
    ],
)
def test_what_cannot_be_derived(
    hub: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, name: str
) -> None:
    answer = plan(hub, monkeypatch, error)
    assert answer.status_code == status
    assert answer.json()["type"] == f"urn:tensorseed:problem:{name}"
    assert answer.json()["detail"] == getattr(error, "summary", str(error))


def test_a_missing_extra_names_its_installation(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "tensorseed[transformers]" in plan(hub, monkeypatch, MissingExtraError()).json()["detail"]


def test_a_fault_of_a_config_is_a_pointer(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    error = ConfigError.at("/hidden_size", "hidden_size is a whole number")
    faults = plan(hub, monkeypatch, error).json()["errors"]
    assert faults == [{"pointer": "/hidden_size", "detail": "hidden_size is a whole number"}]


def test_a_config_has_a_bound(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    derived = Derived(document())
    monkeypatch.setitem(hub.app.state._state, "hub", replace(hub.app.state.hub, derivations=derived))
    headers = {"Content-Type": "application/json"}
    assert (
        hub.post("/v1/recipes/plan", content=b" " * (MAX_CONFIG_BYTES + 1), headers=headers).status_code
        == 413
    )
    assert hub.post("/v1/recipes/plan", content=b"x", headers={"Content-Type": "text/xml"}).status_code == 415
    assert derived.configs == []
    assert hub.post("/v1/recipes/plan", content=b" " * MAX_CONFIG_BYTES, headers=headers).status_code == 200


def test_one_plan_more_than_may_be_is_asked_to_come_back(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub.app.state.hub.deriving, "limit", 0)
    answer = plan(hub, monkeypatch, document())
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
