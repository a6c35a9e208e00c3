"""Names of repositories: ids and aliases, in any case, each of one."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from tensorseed.checkpoints.errors import RecipeError, UnknownRepositoryError
from tensorseed.checkpoints.library import Library
from tensorseed.spec.limits import Limits
from tests.tensorseed.checkpoints.test_library import library, write


def named(folder: Path, name: str, **changes: Any) -> Path:
    folder.mkdir(exist_ok=True)
    return write(folder / f"{name}.json", id=name, description=f"{folder.name}/{name}", **changes)


def found(shelf: Library, name: str) -> str:
    return shelf.repository(name).recipe.description


def test_a_repository_is_found_by_alias_and_in_any_case(tmp_path: Path) -> None:
    named(tmp_path, "a", aliases=["Org/Model", "model"])
    shelf = library(tmp_path)
    repository = shelf.repository("a")
    for name in ("A", "Org/Model", "org/model", "MODEL"):
        assert shelf.repository(name) is repository
    assert shelf.ids() == ["a"]
    for name in ("", "org", "Model/Org", "model "):
        with pytest.raises(UnknownRepositoryError):
            shelf.repository(name)


def test_an_alias_changes_no_commit(tmp_path: Path) -> None:
    path = named(tmp_path, "a")
    before = library(tmp_path).repository("a").snapshot("seed-7").commit
    path.unlink()
    named(tmp_path, "a", aliases=["b"])
    assert library(tmp_path).repository("b").snapshot("seed-7").commit == before


def test_aliases_can_be_left_out(tmp_path: Path) -> None:
    named(tmp_path, "a", aliases=["b"])
    shelf = Library([tmp_path], Limits(), 1 << 30, aliases=False)
    assert found(shelf, "A").endswith("/a")
    assert shelf.repository("a").recipe.aliases == []
    with pytest.raises(UnknownRepositoryError):
        shelf.repository("b")


def test_ids_that_differ_in_case_are_found_letter_by_letter(tmp_path: Path) -> None:
    for number, name in enumerate(("Ab", "aB")):
        write(tmp_path / f"{number}.json", id=name, description=name)
    shelf = library(tmp_path)
    assert [found(shelf, name) for name in ("Ab", "aB")] == ["Ab", "aB"]
    with pytest.raises(UnknownRepositoryError):
        shelf.repository("ab")


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (["x"], ["X"], r"b\.json has the alias X, which is an alias of the recipe .*a\.json"),
        (["B"], [], r"a\.json has the alias B, which is the id of the recipe .*b\.json"),
        ([], ["a"], r"b\.json has the alias a, which is the id of the recipe .*a\.json"),
    ],
)
def test_a_name_of_two_recipes_of_a_folder(
    first: list[str], second: list[str], message: str, tmp_path: Path
) -> None:
    named(tmp_path, "a", aliases=first)
    named(tmp_path, "b", aliases=second)
    with pytest.raises(RecipeError, match=message):
        library(tmp_path)


def test_a_collision_while_serving_is_logged_and_the_rest_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    named(tmp_path, "a", aliases=["x"])
    shelf = library(tmp_path)
    named(tmp_path, "b", aliases=["x"])
    shelf.refresh()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert shelf.ids() == ["a"]
    assert found(shelf, "x").endswith("/a")
    named(tmp_path, "b", aliases=["y"])
    shelf.refresh()
    assert found(shelf, "y").endswith("/b")


def test_names_of_a_later_folder_count(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    named(one, "a", aliases=["x", "y"])
    named(two, "b", aliases=["X"])
    named(two, "Y")
    shelf = library(one, two)
    assert [found(shelf, name) for name in ("x", "y", "a")] == ["two/b", "two/Y", "one/a"]
    named(two, "b", aliases=["A"])
    with pytest.raises(RecipeError, match="has the alias A, which is the id of the recipe a"):
        library(one, two)
