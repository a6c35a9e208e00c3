"""Exports to a folder: the service's bytes, by one process or shares."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tensorseed.export.destination import Destination
from tensorseed.export.folder import write_file
from tensorseed.export.manifest import MANIFEST, PARTS
from tests.tensorseed.export.stores import SHARDED, digests_in, digests_of_service, end_of, export

CONFIG = {"model_type": "gpt2", "n_layer": 1, "n_embd": 8, "n_head": 2, "vocab_size": 320, "n_positions": 16}


def exported(folder: Path) -> dict[str, str]:
    """The digests of a folder without its manifest, which lists them."""
    found = digests_in(folder)
    assert found.pop(MANIFEST)
    listed = json.loads((folder / MANIFEST).read_text())["files"]
    assert {file["path"]: file["sha256"] for file in listed} == found
    assert {file["path"]: file["size"] for file in listed} == {
        path: (folder / path).stat().st_size for path in found
    }
    return found


@pytest.mark.parametrize(
    ("repository", "revision"),
    [
        ("tensorseed/tiny-llama-sharded", "seed-42"),
        ("tensorseed/tiny-llama", "seed-7,dtype=bfloat16,quantization=fp8"),
        ("tensorseed/tiny-stable-diffusion", "main"),
    ],
)
def test_every_object_is_the_services(url: str, tmp_path: Path, repository: str, revision: str) -> None:
    assert end_of(export(None, f"{repository}@{revision}", tmp_path))["objects"]["replaced"] == 0
    assert exported(tmp_path) == digests_of_service(url, repository, revision)


def test_shares_in_any_order_are_the_whole(tmp_path: Path) -> None:
    export(None, SHARDED, tmp_path / "whole")
    for order in ((2, 0, 1), (1, 2, 0)):
        folder = tmp_path / "".join(map(str, order))
        for done, index in enumerate(order, start=1):
            end_of(export(None, SHARDED, folder, "--shard", f"{index}/3"))
            assert ((folder / MANIFEST).exists(), (folder / PARTS).exists()) == (done == 3, done < 3)
        assert exported(folder) == exported(tmp_path / "whole")


def test_a_second_run_writes_nothing(tmp_path: Path) -> None:
    first = end_of(export(None, SHARDED, tmp_path))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path, *tmp_path.iterdir())}  # its part too
    for more in ((), ("--verify",), ("--shard", "1/2")):
        second = end_of(export(None, SHARDED, tmp_path, *more))
        assert (second["objects"]["written"], second["objects"]["replaced"]) == (0, 0)
    assert first["objects"]["written"] == len(before) - 2
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_changed_cut_and_missing_objects_are_replaced(tmp_path: Path) -> None:
    export(None, SHARDED, tmp_path)
    right = exported(tmp_path)
    weights = sorted(tmp_path.glob("*.safetensors"))
    content = bytearray(weights[0].read_bytes())
    content[-1] ^= 1
    weights[0].write_bytes(content)
    os.truncate(weights[1], 1000)
    weights[2].unlink()
    (tmp_path / "config.json").write_text("{}")
    os.utime(weights[3])  # another entity tag, and the right bytes
    end = end_of(export(None, SHARDED, tmp_path))
    assert end["objects"] == {"kept": len(right) - 4, "written": 1, "replaced": 3}
    assert exported(tmp_path) == right
    again = end_of(export(None, SHARDED, tmp_path))
    assert again["objects"]["kept"] == len(right)


def test_verify_finds_what_has_the_same_tag(tmp_path: Path) -> None:
    export(None, SHARDED, tmp_path)
    right, path = exported(tmp_path), tmp_path / "model-00001-of-00004.safetensors"
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"x")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert end_of(export(None, SHARDED, tmp_path))["objects"]["replaced"] == 0
    assert end_of(export(None, SHARDED, tmp_path, "--verify"))["objects"]["replaced"] == 1
    assert exported(tmp_path) == right


def test_files_of_others_are_left(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("mine")
    result = export(None, SHARDED, tmp_path)
    assert result.exit_code == 5
    assert "has a config.json that no export wrote" in result.stderr
    assert "--force" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]
    assert end_of(export(None, SHARDED, tmp_path, "--force"))["objects"]["replaced"] == 1
    result = export(None, SHARDED.replace("42", "43"), tmp_path)
    assert result.exit_code == 1
    assert f"holds an export of {SHARDED}" in result.stderr
    end_of(export(None, SHARDED.replace("42", "43"), tmp_path, "--force"))
    assert json.loads((tmp_path / MANIFEST).read_text())["name"] == SHARDED.replace("42", "43")


def test_another_export_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    export(None, "tensorseed/tiny-llama@seed-1", one)
    export(None, SHARDED, other)
    (one / "mine.txt").write_text("mine")
    write, seen = Destination.write, []

    def watched(target: Destination, path: str, *more: Any) -> str | None:
        seen.append((path, (one / MANIFEST).exists()))
        return write(target, path, *more)

    monkeypatch.setattr(Destination, "write", watched)
    for _ in range(2):  # a run that was killed before the objects were gone, then another
        with monkeypatch.context() as killed:
            killed.setattr(Destination, "delete", killed_after(Destination.delete, [MANIFEST]))
            assert export(None, SHARDED, one, "--force").exit_code != 0
    assert (one / "model.safetensors").exists()
    assert export(None, SHARDED, one).exit_code == 1  # another export is there still
    end_of(export(None, SHARDED, one, "--force"))
    assert not any(whole for path, whole in seen if not path.startswith(PARTS))
    (one / "mine.txt").unlink()
    assert exported(one) == exported(other)


def killed_after(delete: Any, last: list[str]) -> Any:
    """Delete as before, and fail once `last` is gone, or at once where something else goes first."""

    def deleting(target: Destination, paths: Sequence[str]) -> None:
        if list(paths) == last:
            delete(target, paths)
        raise RuntimeError("killed")

    return deleting


def test_hf_download_from_the_service_has_the_digests_of_the_manifest(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import snapshot_download

    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    end_of(export(None, SHARDED, tmp_path / "out"))
    name, _, revision = SHARDED.partition("@")
    folder = tmp_path / "hub"
    snapshot_download(name, revision=revision, endpoint=url, local_dir=folder, cache_dir=tmp_path / "cache")
    found = {path: digest for path, digest in digests_in(folder).items() if not path.startswith(".cache")}
    assert found == exported(tmp_path / "out")


def test_seed_and_dtype_are_those_of_the_revision(tmp_path: Path) -> None:
    named = end_of(export(None, "tensorseed/tiny-gpt2@seed-3,dtype=float16", tmp_path / "a"))
    given = end_of(export(None, "tensorseed/tiny-gpt2", tmp_path / "b", "--seed", 3, "--dtype", "half"))
    assert named["identity"] == given["identity"]
    assert exported(tmp_path / "a") == exported(tmp_path / "b")
    result = export(None, "tensorseed/tiny-gpt2@main", tmp_path / "c", "--seed", 3)
    assert (result.exit_code, "names a revision" in result.stderr) == (1, True)


def test_a_config_gives_its_derived_repository(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(CONFIG))
    end_of(export(None, config, tmp_path / "out", "--seed", 5))
    from transformers import AutoModel

    model = AutoModel.from_pretrained(tmp_path / "out")
    assert model.config.n_embd == CONFIG["n_embd"]
    assert "tokenizer.json" in exported(tmp_path / "out")


def test_a_spec_is_one_file(tmp_path: Path) -> None:
    import hashlib

    import tensorseed

    spec = {"seed": 1, "layers": [{"name": "w", "type": "Tensor", "shape": [600, 6000], "init": "normal"}]}
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(spec))
    end_of(export(None, path, tmp_path / "out", "--seed", 7, "--dtype", "bfloat16"))
    wanted = tensorseed.open({**spec, "seed": 7}, dtype="bfloat16")
    wanted.save(tmp_path / "wanted.safetensors")
    digest = hashlib.sha256((tmp_path / "wanted.safetensors").read_bytes()).hexdigest()
    assert exported(tmp_path / "out") == {"mine.safetensors": digest}
    assert json.loads((tmp_path / "out" / MANIFEST).read_text())["spec"]["seed"] == "7"


def test_unfinished_files_of_own_names_alone_are_removed(tmp_path: Path) -> None:
    for name in ("config.json#1", "model-00001-of-00004.safetensors#12", "notes#1", "config.json#x"):
        (tmp_path / name).write_text("left")
    assert end_of(export(None, SHARDED, tmp_path))["aborted_uploads"] == 2
    assert {path.name for path in tmp_path.glob("*#*")} == {"notes#1", "config.json#x"}


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    """One starts, and another run removes what is left and writes the same file, while it is under way."""
    path = tmp_path / "w.bin"

    def first() -> Iterator[bytes]:
        yield b"a" * 100
        assert Destination(str(tmp_path)).abort_stale(["w.bin"]) == 0
        write_file(path, second())
        assert path.read_bytes() == b"b" * 200
        yield b"a" * 100

    def second() -> Iterator[bytes]:
        yield b"b" * 100
        assert len(list(tmp_path.glob("w.bin#*"))) == 2
        yield b"b" * 100

    write_file(path, first())
    assert path.read_bytes() == b"a" * 200
    assert list(tmp_path.iterdir()) == [path]


def test_without_locks_a_writer_whose_file_is_removed_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def flock(*_: int) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", flock)
    target = Destination(str(tmp_path))

    def pieces() -> Iterator[bytes]:
        yield b"a"
        assert target.abort_stale(["w.bin"]) == 1
        (tmp_path / "w.bin").write_bytes(b"b")
        yield b"a"

    with pytest.raises(FileNotFoundError):
        write_file(tmp_path / "w.bin", pieces())
    assert (tmp_path / "w.bin").read_bytes() == b"b"
    write_file(tmp_path / "w.bin", [b"a"])
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"a"]
