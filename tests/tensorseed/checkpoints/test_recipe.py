"""Recipes: what is read, and what is said of what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tensorseed.checkpoints import recipe as module
from tensorseed.checkpoints.errors import RecipeError
from tensorseed.checkpoints.paths import MAX_FILES
from tensorseed.checkpoints.recipe import read_recipe, recipe_text, weights_error
from tensorseed.errors import SpecError, TensorseedError
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec
from tests.tensorseed.checkpoints.recipes import document


def read(**changes: Any) -> module.Recipe:
    return read_recipe(json.dumps(document(**changes)).encode(), "r.json")


def refused(**changes: Any) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        read(**changes)
    return caught.value


def test_what_it_holds() -> None:
    recipe = read(shard_bytes=1_000)
    assert (recipe.id, recipe.description, recipe.shard_bytes) == ("tests/small", "Small.", 1_000)
    assert (recipe.config or {})["model_type"] == "llama"
    assert recipe.files["notes/a.txt"] == "as it is"
    assert recipe.weights.dtype == "bfloat16"
    assert len(recipe.weights.layers) == 6


def test_the_least_that_it_holds() -> None:
    recipe = read_recipe(b'{"id": "a", "config": {}, "weights": {"layers": []}}', "r.json")
    assert (recipe.description, recipe.files, recipe.shard_bytes) == ("", {}, None)
    assert recipe.weights.dtype == "float32"


def test_the_weights_as_a_spec() -> None:
    weights = read().weights
    assert parse_spec(weights.spec(), Limits()).tensors[-1].dtype.name == "bfloat16"
    assert parse_spec(weights.spec("float16"), Limits()).tensors[-1].dtype.name == "float16"


@pytest.mark.parametrize(
    "name", ["a", "gpt2", "a/b", "A_b.C-1/x", "a-b/c_d", "_a/b_", "n/" + "x" * 96, "n" * 96 + "/x", "refs"]
)
def test_ids(name: str) -> None:
    assert read(id=name).id == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "a/",
        "/a",
        "a/b/c",
        "a//b",
        "..",
        "../a",
        "a/..",
        "a..b",
        "a--b",
        "-a",
        "a-",
        ".a",
        "a.",
        "n/.a",
        "n./a",
        "a b",
        "a\n",
        "é",
        "a=b",
        "a:b",
        "a@b",
        "a,b",
        "a%2Fb",
        "a\\b",
        "n/" + "x" * 97,
        "x.git",
        "v1/a",
        "api/a",
        "docs",
        "datasets/x",
        "plan",
        "a/refs",
        "a/auth-check",
    ],
)
def test_what_is_no_id(name: str) -> None:
    error = refused(id=name)
    assert [fault.pointer for fault in error.faults] == ["/id"]
    assert "r.json" in str(error)
    assert "/id" in str(error)


@pytest.mark.parametrize("path", ["a", "vocab.json", "a/b/c/d.txt", "_x", "A-b.C_d", "x" * 200])
def test_paths(path: str) -> None:
    assert read(files={path: ""}).files == {path: ""}


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("", "a path has"),
        ("/etc/passwd", "a path has"),
        ("../x", "a path has"),
        ("a/../b", "a path has"),
        ("a//b", "a path has"),
        ("a/", "a path has"),
        (".gitattributes", "a path has"),
        ("a/.b", "a path has"),
        ("-x", "a path has"),
        ("a\\b", "a path has"),
        ("a b", "a path has"),
        ("a\n", "a path has"),
        ("é", "a path has"),
        ("a/b/c/d/e", "a path has"),
        ("x" * 201, "a path has"),
        ("config.json", "generated"),
        ("Config.JSON", "generated"),
        ("README.md", "generated"),
        ("model.safetensors", "generated"),
        ("a/x.SafeTensors", "generated"),
        ("model.safetensors.index.json", "generated"),
        ("config.json/a.txt", "the name of a file"),
        ("ReadMe.md/a", "the name of a file"),
    ],
)
def test_what_is_no_path(path: str, told: str) -> None:
    (fault,) = refused(files={path: ""}).faults
    assert told in fault.detail
    assert fault.pointer == "/files/" + path[:128].replace("/", "~1") + "…" * (len(path) > 128)


def test_files_do_not_lie_in_files_nor_differ_in_case_alone() -> None:
    faults = refused(files={"a": "", "A/b": "", "c.txt": "", "C.txt": ""}).faults
    assert {fault.pointer for fault in faults} == {"/files/A~1b", "/files/C.txt"}
    assert "the name of a file" in faults[1].detail or "like its folder" in faults[0].detail


@pytest.mark.parametrize(
    ("changes", "pointer", "told"),
    [
        ({"surplus": 1}, "/surplus", "field"),
        ({"seed": 1}, "/seed", "unknown field"),
        ({"device": "cpu"}, "/device", "unknown field"),
        ({"id": 7}, "/id", "must be a string"),
        ({"aliases": "gpt2"}, "/aliases", "must be a list"),
        ({"aliases": [7]}, "/aliases/0", "must be a string"),
        ({"aliases": ["gpt2", "a b"]}, "/aliases/1", "an id is name or namespace/name"),
        ({"aliases": ["v1/x"]}, "/aliases/0", "a path of the service"),
        ({"aliases": ["Tests/Small"]}, "/aliases/0", "is the id already"),
        ({"aliases": ["gpt2", "GPT2"]}, "/aliases/1", "is an alias already"),
        ({"aliases": [f"a{number}" for number in range(33)]}, "/aliases", "at most 32 aliases"),
        ({"config": []}, "/config", "must be an object"),
        ({"description": "x" * 2_001}, "/description", "at most 2000"),
        ({"files": []}, "/files", "must be an object"),
        ({"files": {"a": 1}}, "/files/a", "a text, or an object"),
        ({"files": {"a": ["b"]}}, "/files/a", "a text, or an object"),
        ({"files": {f"f{i}": "" for i in range(MAX_FILES + 1)}}, "/files", "at most 64"),
        ({"shard_bytes": 0}, "/shard_bytes", "at least 1"),
        ({"shard_bytes": 50_000_000_001}, "/shard_bytes", "at most 50,000,000,000"),
        ({"shard_bytes": "5GB"}, "/shard_bytes", "must be an integer"),
        ({"weights": None}, "/weights", "must be an object"),
        ({"weights": []}, "/weights", "must be an object"),
        ({"weights": {}}, "/weights/layers", "is required"),
        ({"weights": {"layers": {}}}, "/weights/layers", "must be a list"),
        ({"weights": {"layers": [], "seed": 1}}, "/weights/seed", "field"),
        ({"weights": {"layers": [], "generator": "torch"}}, "/weights/generator", "field"),
        ({"weights": {"layers": [], "device": "cpu"}}, "/weights/device", "field"),
        ({"weights": {"layers": [], "dtype": "int8"}}, "/weights/dtype", "must be one of float64"),
        ({"weights": {"layers": [1]}}, "/weights/layers/0", "must be an object"),
    ],
)
def test_faults(changes: dict[str, Any], pointer: str, told: str) -> None:
    (fault,) = refused(**changes).faults
    assert fault.pointer == pointer
    assert told in fault.detail
    assert "Recipe" not in fault.detail


def test_all_faults_are_told_at_once() -> None:
    error = refused(id="a--b", shard_bytes=0)
    assert {fault.pointer for fault in error.faults} == {"/id", "/shard_bytes"}
    assert "and 1 more" in str(error)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "is empty"),
        (b"id: a", "not valid JSON"),
        (b"\xff", "UTF-8"),
        (b'{"id": NaN}', "finite"),
        (b"[]", "one JSON object"),
        (b"{}", "is required"),
        (b"[" * 100_000, "nested"),
    ],
)
def test_what_is_no_recipe(text: bytes, told: str) -> None:
    with pytest.raises(RecipeError, match=told) as caught:
        read_recipe(text, "r.json")
    assert "r.json" in str(caught.value)


def test_a_recipe_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RECIPE_BYTES", 10)
    with pytest.raises(RecipeError, match="more than 10 bytes"):
        read_recipe(b"{" + b" " * 10, "r.json")


def test_the_faults_of_entries_lie_below_weights() -> None:
    error = weights_error("r.json", SpecError.at("/weights/layers/0/init", "no such init"))
    assert [fault.pointer for fault in error.faults] == ["/weights/layers/0/init"]
    assert "r.json has a fault at /weights/layers/0/init: no such init" in str(error)


def without_weights() -> bytes:
    left = document()
    del left["weights"]
    return json.dumps(left).encode()


def test_weights_that_are_left_out_are_derived() -> None:
    derived = {"dtype": "float16", "layers": [{"name": "w", "type": "Tensor", "shape": [1], "init": "ones"}]}

    def derive(config: dict[str, Any]) -> dict[str, Any]:
        return {"id": "local/x", "config": config, "weights": derived}

    assert read_recipe(without_weights(), "r.json", derive).weights.model_dump() == {**derived, "rules": []}


def test_weights_that_cannot_be_derived() -> None:
    def derive(config: object) -> dict[str, Any]:
        raise TensorseedError("the extra is missing: pip install tensorseed[transformers]")

    with pytest.raises(RecipeError, match=r"r\.json cannot be derived: the extra is missing"):
        read_recipe(without_weights(), "r.json", derive)


ENTRY = {"name": "h.{0..1}.w", "type": "Tensor", "shape": [2, 2], "init": {"kind": "normal", "std": 0.02}}


def test_the_text_has_a_line_for_each_entry() -> None:
    document = {
        "id": "a/b",
        "config": {"sizes": [1, 2], "inner": {}},
        "weights": {"dtype": "float32", "layers": [ENTRY] * 3},
    }
    text = recipe_text(document)
    assert json.loads(text) == document
    assert text.count('\n      {"name"') == 3
    assert text.endswith("}\n")
