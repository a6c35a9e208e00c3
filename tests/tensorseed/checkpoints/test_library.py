"""The library: recipes found, replaced, refused and removed."""

from __future__ import annotations

import json
import logging
import os
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tensorseed.checkpoints import library as module
from tensorseed.checkpoints.derivation import Derivation
from tensorseed.checkpoints.derivation.configs import ConfigWarning
from tensorseed.checkpoints.errors import RecipeError, UnknownRepositoryError, UnknownRevisionError
from tensorseed.checkpoints.library import Library, folders, shipped
from tensorseed.spec.limits import Limits
from tests.tensorseed.checkpoints.recipes import document, tensor
from tests.waiting import PATIENCE


def write(path: Path, **changes: Any) -> Path:
    path.write_text(json.dumps(document(**changes)))
    return path


def library(*places: Path) -> Library:
    return Library(places, Limits(), 1 << 30)


def test_recipes_are_found_by_their_ids(tmp_path: Path) -> None:
    write(tmp_path / "b.json", id="x/b")
    write(tmp_path / "a.json", id="a")
    (tmp_path / "README.md").write_text("no recipe")
    (tmp_path / ".hidden.json").write_text("no recipe")
    (tmp_path / "folder").mkdir()
    write(tmp_path / "folder" / "c.json", id="c")
    shelf = library(tmp_path)
    assert shelf.ids() == ["a", "x/b"]
    assert shelf.repository("x/b").id == "x/b"


@pytest.mark.parametrize("name", ["", "x/bb", "b", "x/b ", "../b", "x" * 300])
def test_other_ids_are_unknown(name: str, tmp_path: Path) -> None:
    write(tmp_path / "b.json", id="x/b")
    with pytest.raises(UnknownRepositoryError) as caught:
        library(tmp_path).repository(name)
    assert len(str(caught.value)) < 250


def test_the_last_folder_counts(tmp_path: Path) -> None:
    for place, said in (("one", "first"), ("two", "second")):
        (tmp_path / place).mkdir()
        write(tmp_path / place / "r.json", id="x/r", description=said)
    write(tmp_path / "one" / "s.json", id="x/s")
    shelf = library(tmp_path / "one", tmp_path / "two")
    assert shelf.ids() == ["x/r", "x/s"]
    assert shelf.repository("x/r").recipe.description == "second"
    (tmp_path / "two" / "r.json").unlink()
    shelf.refresh()
    assert shelf.repository("x/r").recipe.description == "first"


def test_what_is_new_changed_or_gone_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", id="a")
    shelf = library(tmp_path)
    before = shelf.repository("a")
    commit = before.snapshot("main").commit
    shelf.refresh()
    assert shelf.repository("a") is before
    write(path, id="a", description="Changed.")
    write(tmp_path / "b.json", id="b")
    shelf.refresh()
    assert shelf.ids() == ["a", "b"]
    assert shelf.repository("a").recipe.description == "Changed."
    with pytest.raises(UnknownRevisionError, match="changed"):
        shelf.repository("a").snapshot(commit)
    path.unlink()
    shelf.refresh()
    assert shelf.ids() == ["b"]
    write(path, id="a")
    shelf.refresh()
    assert shelf.repository("a").snapshot(commit).commit == commit


def test_a_file_that_is_replaced_by_one_of_its_time_and_size_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", id="a", description="one")
    status = path.stat()
    shelf = library(tmp_path)
    other = write(tmp_path / "a.new", id="a", description="two")
    os.utime(other, ns=(status.st_mtime_ns, status.st_mtime_ns))
    other.replace(path)
    shelf.refresh()
    assert shelf.repository("a").recipe.description == "two"


def test_nothing_is_read_again_that_has_not_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.json", id="a")
    shelf = library(tmp_path)
    (tmp_path / "bad.json").write_text("{")
    shelf.refresh()

    def read(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(module, "read_recipe", read)
    shelf.refresh()
    assert shelf.ids() == ["a"]


BROKEN = {
    "no JSON": "{",
    "a fault": json.dumps(document(shard_bytes=-1)),
    "faulty weights": json.dumps(document(weights={"layers": [tensor("w", [1], "nirmal")]})),
    "a name twice": json.dumps(document(weights={"layers": [tensor("w", [1]), tensor("w", [1])]})),
    "too large": json.dumps(document(weights={"layers": [tensor("w.{0..9}", [1 << 40])]})),
    "too large for a file": json.dumps(
        document(weights={"layers": [tensor("w", [50_000_000_001 // 4 + 1])]})
    ),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_bad_recipe_ends_the_start_and_names_its_file(text: str, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        Library([tmp_path], Limits(file_bytes=1 << 40), 1 << 30)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_recipe_that_turns_bad_stays_as_it_was(
    text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "r.json", id="r")
    shelf = Library([tmp_path], Limits(file_bytes=1 << 40), 1 << 30)
    commit = shelf.repository("r").snapshot("main").commit
    path.write_text(text)
    for _ in range(3):
        shelf.refresh()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert str(path) in caplog.text
    assert shelf.repository("r").snapshot("main").commit == commit


def test_a_new_recipe_that_is_bad_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shelf = library(tmp_path)
    (tmp_path / "r.json").write_text("{")
    shelf.refresh()
    assert shelf.ids() == []
    assert len(caplog.records) == 1
    write(tmp_path / "r.json", id="r")
    shelf.refresh()
    assert shelf.ids() == ["r"]


def test_an_id_twice_in_one_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path / "a.json", id="r", description="first")
    shelf = library(tmp_path)
    write(tmp_path / "b.json", id="r", description="second")
    with pytest.raises(RecipeError, match=r"a\.json and .*b\.json are both called r: rename one"):
        library(tmp_path)
    shelf.refresh()
    assert shelf.repository("r").recipe.description == "first"
    assert "both called r" in caplog.text
    (tmp_path / "a.json").unlink()
    shelf.refresh()
    assert shelf.repository("r").recipe.description == "second"


def test_a_folder_that_is_missing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "recipes"
    with pytest.raises(RecipeError, match="cannot be read: No such file"):
        library(folder)
    folder.mkdir()
    write(folder / "a.json", id="a")
    shelf = library(folder)
    folder.rename(tmp_path / "away")
    shelf.refresh()
    assert shelf.ids() == ["a"]
    assert "cannot be read" in caplog.text


def test_a_recipe_that_is_too_long_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RECIPE_BYTES", 10)
    write(tmp_path / "a.json")
    monkeypatch.setattr(Path, "read_bytes", None)
    with pytest.raises(RecipeError, match="more than 10 bytes"):
        library(tmp_path)


def test_weights_are_derived_in_another_process_that_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    config = {"model_type": "llama"}
    derived: list[object] = []
    ended: list[object] = []

    def derive(child: object, given: object) -> Derivation:
        derived.append(given)
        return Derivation(
            {"config": config, "weights": document()["weights"]},
            [ConfigWarning("/auto_map", "auto_map", "w")],
        )

    monkeypatch.setattr(module.DerivationProcess, "derive", derive)
    monkeypatch.setattr(module.DerivationProcess, "close", lambda process: ended.append(process))
    text = {name: value for name, value in document(config=config).items() if name != "weights"}
    (tmp_path / "a.json").write_text(json.dumps(text))
    shelf = library(tmp_path)
    assert derived == [config]
    assert caplog.messages == [f"the recipe {tmp_path / 'a.json'}, /config/auto_map: w"]
    assert shelf.repository(text["id"]).recipe.weights.layers == document()["weights"]["layers"]
    assert len(ended) == 1
    shelf.refresh()
    assert derived == [config]


def test_one_thread_looks_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.json", id="a")
    shelf = library(tmp_path)
    within, further = threading.Event(), threading.Event()
    read = module.read_recipe

    def slowly(*args: Any) -> Any:
        within.set()
        assert further.wait(PATIENCE)
        return read(*args)

    monkeypatch.setattr(module, "read_recipe", slowly)
    write(tmp_path / "b.json", id="b")
    thread = threading.Thread(target=shelf.refresh)
    thread.start()
    assert within.wait(PATIENCE)
    shelf.refresh()  # returns
    assert shelf.ids() == ["a"]
    further.set()
    thread.join(PATIENCE)
    assert shelf.ids() == ["a", "b"]


def test_the_folders_of_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert folders(None) == [shipped()]
    assert folders(tmp_path) == [shipped(), tmp_path]
    monkeypatch.setenv("HOME", str(tmp_path))
    assert folders(Path("~/r"))[1] == tmp_path / "r"


def test_the_shipped_recipes_are_part_of_the_package() -> None:
    assert shipped() == Path(module.__file__).parent / "recipes"
    assert shipped().is_dir()


def test_an_installation_without_recipes_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "shipped", lambda: tmp_path / "recipes")
    assert folders(None) == []
    assert folders(tmp_path) == [tmp_path]
    (tmp_path / "recipes").mkdir()
    assert folders(None) == [tmp_path / "recipes"]
    assert [record.getMessage() for record in caplog.records] == [
        f"the installation has no recipes in {tmp_path / 'recipes'}: install tensorseed again"
    ] * 3


def test_the_shipped_recipes_of_a_zip_archive_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("recipes/a.json", json.dumps(document(id="a")))
    monkeypatch.setattr(module.resources, "files", lambda _: zipfile.Path(tmp_path / "archive.zip"))
    monkeypatch.setattr(module.tempfile, "tempdir", str(tmp_path))
    removals: list[Any] = []
    monkeypatch.setattr(module.atexit, "register", lambda *call, **options: removals.append((call, options)))
    copies = shipped.__wrapped__()
    assert library(copies).ids() == ["a"]
    ((remove, folder), options), *more = removals
    assert not more
    remove(folder, **options)
    assert not copies.exists()


def test_the_weights_of_shipped_recipes_are_not_laid_out_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "shipped", lambda: tmp_path)
    write(tmp_path / "a.json", id="a", weights={"layers": [tensor("w", [1], "nirmal")]})
    with pytest.raises(RecipeError, match="the recipe a has a fault at /weights/layers/0/init"):
        library(tmp_path).repository("a").snapshot("main")


def test_a_file_that_is_written_anew_with_its_old_time_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", id="x/r", description="old")
    shelf = library(tmp_path)
    before = path.stat()
    while path.stat().st_ctime_ns == before.st_ctime_ns:
        write(path, id="x/r", description="new")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_mtime_ns, after.st_size, after.st_ino) == (
        *(before.st_mtime_ns, before.st_size, before.st_ino),
    )
    shelf.refresh()
    assert shelf.repository("x/r").recipe.description == "new"


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")  # opening it would wait for ever
    with pytest.raises(RecipeError, match="no regular file"):
        library(tmp_path)
