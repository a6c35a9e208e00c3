"""`tensorseed fetch` of a whole repository: files, resumption, comparison."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tensorseed.client.http.answers import AnswerError, read_listing
from tensorseed.client.repository import _is_relative
from tensorseed.commands.fetch_repository import is_folder
from tests.tensorseed.client.conftest import Between
from tests.tensorseed.commands.test_fetch import invoke

NAME = "tensorseed/tiny-llama-sharded"
ID = f"{NAME}@seed-42"
PIPELINE = "tensorseed/tiny-stable-diffusion"
SHARDS = [f"model-{number:05}-of-00004.safetensors" for number in range(1, 5)]


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder by path."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_repository_is_the_same_here_and_there(url: str, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    computed = invoke("fetch", ID, "-o", here)
    assert (computed.exit_code, computed.stdout) == (0, "")
    assert computed.stderr.startswith(f"{here}: 11 files of {ID}, 458,756 bytes, computed in ")
    downloaded = invoke("fetch", f"{url}/{NAME}/tree/seed-42", "-o", f"{there}/", "--json")
    found = json.loads(downloaded.stdout)
    files = contents(there)
    assert contents(here) == files
    assert {*SHARDS, "config.json", "tokenizer.json", "model.safetensors.index.json"} < files.keys()
    assert {file["path"]: file["sha256"] for file in found["files"]} == {
        path: hashlib.sha256(content).hexdigest() for path, content in files.items()
    }
    assert (found["repository"], found["revision"], len(found["commit"])) == (NAME, "seed-42", 40)
    assert (found["bytes"], found["transferred_bytes"], found["verified"]) == (458_756, 458_756, True)
    for more in ((), ("--url", url)):
        again = invoke("fetch", ID, "-o", here, *more)
        assert "458,756 bytes, all there already, compared in " in again.stderr, again.output
    unverified = invoke("fetch", ID, "-o", here, "--url", url, "--no-verify")
    assert "all there already in " in unverified.stderr


@pytest.mark.parametrize("remote", [False, True])
def test_what_nothing_compares_is_not_called_verified(url: str, tmp_path: Path, remote: bool) -> None:
    folder, more = tmp_path / "model", ("--url", url) if remote else ()
    assert invoke("fetch", "tensorseed/tiny-llama", "-o", folder).exit_code == 0
    path = folder / "model.safetensors"
    right = path.read_bytes()
    wrong = right[:-1] + bytes([right[-1] ^ 1])
    path.write_bytes(wrong)
    again = ("fetch", "tensorseed/tiny-llama", "-o", folder, "--no-verify", *more)
    kept = json.loads(invoke(*again, "--json").stdout)
    assert (kept["verified"], kept["files"][-1]["sha256"], path.read_bytes()) == (False, None, wrong)
    assert "all there already in " in invoke(*again).stderr
    forced = json.loads(invoke(*again, "--force", "--json").stdout)
    assert not any(file["there_already"] for file in forced["files"])
    assert (forced["verified"], path.read_bytes()) == (not remote, right)


@pytest.mark.parametrize("remote", [False, True])
@pytest.mark.parametrize("path", ["config.json", SHARDS[2]])
def test_another_file_is_replaced_with_force_alone(url: str, tmp_path: Path, path: str, remote: bool) -> None:
    folder, more = tmp_path / "model", ("--url", url) if remote else ()
    assert invoke("fetch", ID, "-o", folder).exit_code == 0
    right = (folder / path).read_bytes()
    wrong = right[:-1] + bytes([right[-1] ^ 1])
    (folder / path).write_bytes(wrong)
    refused = invoke("fetch", ID, "-o", folder, *more)
    sentence = f"{folder / path} is another file: name another folder, or overwrite it with --force"
    assert (refused.exit_code, refused.stderr) == (5, f"Error: {sentence}\n")
    assert (folder / path).read_bytes() == wrong
    forced = invoke("fetch", ID, "-o", folder, "--force", *more)
    assert "10 there already" in forced.stderr
    assert (folder / path).read_bytes() == right


def test_the_same_command_goes_on(url: str, between: Between, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    asked: list[str] = []

    def refuse(method: str, path: str, headers: dict[str, str]) -> Any:
        if method == "GET" and path.endswith(SHARDS[2]):
            return 403, {"content-type": "application/problem+json"}, b'{"status":403,"detail":"not now"}'
        return None

    between.answer = refuse
    first = invoke("fetch", ID, "-o", folder, "--url", url)
    assert (first.exit_code, first.stderr) == (1, "Error: not now\n")
    assert SHARDS[1] in contents(folder)

    def note(method: str, path: str, headers: dict[str, str]) -> Any:
        if method == "GET" and "/resolve/" in path:
            asked.append(path.rpartition("/")[2])

    between.answer = note
    second = invoke("fetch", ID, "-o", folder, "--url", url)
    assert "there already, downloaded and verified in " in second.stderr
    assert SHARDS[2] in asked
    assert not {SHARDS[0], SHARDS[1], "config.json"} & set(asked)
    assert not [path for path in contents(folder) if ".part" in path]


def test_bytes_that_are_wrong_are_not_kept(url: str, between: Between, tmp_path: Path) -> None:
    between.change = lambda body: body[:-1] + bytes([body[-1] ^ 1])
    result = invoke("fetch", "tensorseed/tiny-llama", "-o", tmp_path / "model", "--url", url)
    assert (result.exit_code, "is not what its recipe gives" in result.stderr) == (4, True)
    assert not {"model.safetensors", "model.safetensors.part"} & contents(tmp_path / "model").keys()


def test_a_component_is_its_folder(url: str, tmp_path: Path) -> None:
    for folder, more in ((tmp_path / "here", ()), (tmp_path / "there", ("--url", url))):
        result = invoke("fetch", f"{PIPELINE}/unet@seed-1", "-o", folder, *more)
        assert result.exit_code == 0, result.output
    files = contents(tmp_path / "here")
    assert files == contents(tmp_path / "there")
    assert files.keys() == {"unet/config.json", "unet/diffusion_pytorch_model.safetensors"}


@pytest.mark.parametrize("more", [False, True])
def test_an_unknown_repository_is_refused(url: str, tmp_path: Path, more: bool) -> None:
    service = ("--url", url) if more else ()
    for recipe, words in {
        "tensorseed/nope": "tensorseed/nope",
        "tensorseed/tiny-llama@seed42": "has no revision 'seed42'",
        "tensorseed/tiny-llama/unet": "unet",
    }.items():
        result = invoke("fetch", recipe, "-o", tmp_path / "model", *service)
        assert (result.exit_code, result.stdout) == (1, "")
        assert words in result.stderr
    assert contents(tmp_path) == {}


def test_names_of_folders(tmp_path: Path) -> None:
    assert all(map(is_folder, (str(tmp_path), "model", "./model", "model.d/", "a.b/c")))
    assert not any(map(is_folder, ("w.safetensors", "a/w.bin", "-", "", os.devnull)))


def test_a_path_where_something_else_is_is_no_folder(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(b"mine")
    link.symlink_to(tmp_path / "nowhere")
    for path, sentence in {
        file: f"{file} exists: name another output, or overwrite it with --force",
        link: f"{link} is no regular file: name another output",
        Path(os.devnull): f"{os.devnull} is no regular file: name another output",
    }.items():
        result = invoke("fetch", "tensorseed/tiny-llama", "-o", path)
        assert (result.exit_code, result.stderr) == (5, f"Error: {sentence}\n")


@pytest.mark.parametrize("more", [(), ("--force",)])
def test_a_link_in_the_folder_is_never_written_through(tmp_path: Path, more: tuple[str, ...]) -> None:
    folder, mine = tmp_path / "model", tmp_path / "mine.json"
    folder.mkdir()
    mine.write_text("{}")
    (folder / "config.json").symlink_to(mine)
    result = invoke("fetch", "tensorseed/tiny-llama", "-o", folder, *more)
    sentence = f"{folder / 'config.json'} is no regular file: name another output"
    assert (result.exit_code, result.stderr, mine.read_text()) == (5, f"Error: {sentence}\n", "{}")


def test_no_file_of_a_server_leaves_the_folder() -> None:
    assert all(map(_is_relative, ("config.json", "unet/config.json", "a b.txt", ".gitattributes")))
    wrong = ("", "/a", "a/../b", "..", "./a", "a//b", "a\\b", "c:a", "~/a", "a\nb", "a/", "nul\0")
    assert not any(map(_is_relative, wrong))
    for text in ("[]", "{}", '{"sha": "00"}', '{"sha": "%s", "siblings": [{}]}' % ("0" * 40)):
        with pytest.raises(AnswerError):
            read_listing(text.encode())
