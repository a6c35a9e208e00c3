"""The part of a file that is there, and the note beside it."""

from __future__ import annotations

import errno
import json
import os
from contextlib import nullcontext
from pathlib import Path

import pytest

from tensorseed.client import part_file
from tensorseed.client.errors import DiskError, MismatchError
from tensorseed.client.part_file import PartFile, Target


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_was_written_is_gone_on_with(tmp_path):
    target = tmp_path / "w"
    with PartFile(Target(target), '"a"', 10) as part:
        assert part.path.stat().st_size == 10
        part.write(2, b"cde")
        part.mark(2, 5)
    with PartFile(Target(target), '"a"', 10) as part:
        assert part.missing() == [(0, 2), (5, 10)]
        part.write(0, b"ab")
        part.write(5, b"fghij")
        part.mark(0, 2)
        part.mark(5, 10)
        assert not target.exists()
        part.finish()
    assert target.read_bytes() == b"abcdefghij"
    assert os.listdir(tmp_path) == ["w"]


@pytest.mark.parametrize(("etag", "size"), [('"b"', 10), ('"a"', 11)])
def test_another_file_is_never_mixed_in(tmp_path, etag, size):
    with PartFile(Target(tmp_path / "w"), '"a"', 10) as part:
        part.write(0, b"ab")
        part.mark(0, 2)
    with pytest.raises(MismatchError, match=r"another file.*restart=True"):
        PartFile(Target(tmp_path / "w"), etag, size)
    with PartFile(Target(tmp_path / "w", restart=True), etag, size) as part:
        assert part.missing() == [(0, size)]
        assert part.path.stat().st_size == size


@pytest.mark.parametrize(
    "note",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"version": 2, "etag": "\\"a\\"", "size": 10, "done": [[0, 10]]}',
        '{"version": 1, "etag": "\\"a\\"", "size": 10, "done": [["x", 10]]}',
        '{"version": 1, "etag": "\\"a\\"", "size": 10, "done": 3}',
        '{"version": 1, "etag": "\\"a\\"", "size": 10, "done": [[0.5, 1]]}',
        '{"version": 1, "etag": "\\"a\\"", "size": 10, "done": [[5, 1]]}',
        '{"version": 1, "etag": 5, "size": 10, "done": []}',
    ],
)
def test_a_part_with_a_damaged_note_is_overwritten_by_force_alone(tmp_path, note):
    with PartFile(Target(tmp_path / "w"), '"a"', 10) as part:
        part.write(0, b"abcde")
        part.mark(0, 5)
    (tmp_path / "w.part.json").write_text(note)
    before = files(tmp_path)
    for restart in (False, True):
        with pytest.raises(DiskError, match=r"w\.part.* is no part of a download: .* force=True"):
            PartFile(Target(tmp_path / "w", restart=restart), '"a"', 10)
        assert files(tmp_path) == before
    with PartFile(Target(tmp_path / "w", force=True), '"a"', 10) as part:
        assert part.missing() == [(0, 10)]


def test_a_note_without_its_part_is_as_none(tmp_path):
    with PartFile(Target(tmp_path / "w"), '"a"', 10) as part:
        part.mark(0, 5)
    (tmp_path / "w.part").unlink()
    with PartFile(Target(tmp_path / "w"), '"b"', 10) as part:
        assert part.missing() == [(0, 10)]


def test_the_note_is_written_while_bytes_come(tmp_path, monkeypatch):
    monkeypatch.setattr(part_file, "SAVE_SECONDS", 0)
    with PartFile(Target(tmp_path / "w"), '"a"', 10) as part:
        part.mark(3, 4)
        assert json.loads((tmp_path / "w.part.json").read_text())["done"] == [[3, 4]]


def test_what_is_spoiled_is_begun_anew(tmp_path):
    with PartFile(Target(tmp_path / "w"), '"a"', 10) as part:
        part.mark(0, 10)
        part.discard()
    with PartFile(Target(tmp_path / "w"), '"a"', 10) as part:
        assert part.missing() == [(0, 10)]


def test_two_do_not_write_one_file(tmp_path):
    with PartFile(Target(tmp_path / "w"), '"a"', 10), pytest.raises(DiskError, match="another process"):
        PartFile(Target(tmp_path / "w"), '"a"', 10)


def test_a_part_that_was_given_its_name_meanwhile_is_left_alone(tmp_path, monkeypatch):
    first = PartFile(Target(tmp_path / "w"), '"a"', 10)
    first.write(0, b"abcdefghij")
    first.mark(0, 10)
    lock = part_file.fcntl.flock

    def late(file: int, how: int) -> None:
        if not (tmp_path / "w").exists():
            first.finish()
            first.__exit__(None, None, None)
        lock(file, how)

    monkeypatch.setattr(part_file.fcntl, "flock", late)
    with pytest.raises(DiskError, match="exists"):
        PartFile(Target(tmp_path / "w"), '"b"', 4)
    assert files(tmp_path) == {"w": b"abcdefghij"}
    with PartFile(Target(tmp_path / "w", force=True), '"b"', 4) as second:
        second.write(0, b"bbbb")
        assert (tmp_path / "w").read_bytes() == b"abcdefghij"


def test_the_disk_has_the_bytes_before_they_have_a_name(tmp_path, monkeypatch):
    named: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda _: named.append((tmp_path / "w").exists()))
    with PartFile(Target(tmp_path / "w"), '"a"', 4) as part:
        part.write(0, b"abcd")
        part.mark(0, 4)
        part.finish()
    assert named == [False]
    assert (tmp_path / "w").read_bytes() == b"abcd"


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(DiskError, match=r"cannot be written .*no such file"):
        PartFile(Target(tmp_path / "no" / "w"), '"a"', 10)


def test_a_file_that_the_disk_has_no_room_for_is_refused_at_the_start(tmp_path):
    for size in (1 << 55, 1 << 62):
        with pytest.raises(DiskError, match=f"no space left on device, {size:,} bytes"):
            PartFile(Target(tmp_path / str(size)), '"a"', size)


def test_a_part_takes_room_as_its_bytes_come(tmp_path):
    """A server that lies about the size fills no disk."""
    with PartFile(Target(tmp_path / "w"), '"a"', 1 << 30) as part:
        assert part.path.stat().st_size == 1 << 30
        assert part.path.stat().st_blocks * 512 < 1 << 20


def test_a_file_system_without_a_number_of_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fstatvfs", lambda _: os.statvfs_result([0] * 10))
    with PartFile(Target(tmp_path / "w"), '"a"', 10) as part:
        assert part.path.stat().st_size == 10


def test_writes_that_are_cut_short_go_on(tmp_path, monkeypatch):
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, at: write(file, data[:3], at))
    with PartFile(Target(tmp_path / "w"), '"a"', 10) as part:
        part.write(0, b"abcdefghij")
        part.mark(0, 10)
        part.finish()
    assert (tmp_path / "w").read_bytes() == b"abcdefghij"


def test_a_part_that_was_killed_while_it_got_its_room_is_begun_anew(tmp_path):
    with PartFile(Target(tmp_path / "w"), '"a"', 10):
        pass
    for size in (0, 3):
        os.truncate(tmp_path / "w.part", size)
        with PartFile(Target(tmp_path / "w"), '"a"', 10) as part:
            assert part.missing() == [(0, 10)]


def test_a_part_of_another_size_than_its_note_says_is_no_part(tmp_path):
    with PartFile(Target(tmp_path / "w"), '"a"', 10) as part:
        part.mark(0, 5)
    (tmp_path / "w.part").write_bytes(b"my own text")
    with pytest.raises(MismatchError, match="restart=True"):
        PartFile(Target(tmp_path / "w"), '"a"', 10)
    assert (tmp_path / "w.part").read_bytes() == b"my own text"


@pytest.mark.parametrize("name", ["w", "w.part", "w.part.json"])
@pytest.mark.parametrize("make", ["file", "link", "dangling", "pipe", "folder", "hard link"])
def test_nothing_of_somebody_else_is_touched(tmp_path, name, make):
    folder = tmp_path / "here"
    folder.mkdir()
    theirs, path = tmp_path / "theirs", folder / name
    theirs.write_bytes(b"theirs")
    makers = {
        "file": lambda: path.write_bytes(b"theirs"),
        "link": lambda: path.symlink_to(theirs),
        "dangling": lambda: path.symlink_to(tmp_path / "nowhere"),
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "hard link": lambda: path.hardlink_to(theirs),
    }
    makers[make]()
    before = os.lstat(path)
    with pytest.raises(DiskError, match=r"with force=True|is no regular file: name another output"):
        PartFile(Target(folder / "w"), '"a"', 10)
    assert os.lstat(path) == before
    assert os.listdir(folder) == [name]
    replaced = make in ("file", "hard link")
    with nullcontext() if replaced else pytest.raises(DiskError, match="is no regular file"):
        with PartFile(Target(folder / "w", force=True), '"a"', 4) as part:
            part.write(0, b"ours")
            part.mark(0, 4)
            part.finish()
        assert files(folder) == {"w": b"ours"}
    assert theirs.read_bytes() == b"theirs"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", ["w", "w.part", "w.part.json"])
@pytest.mark.parametrize("through", ["itself", "link", "hard link", "dots"])
def test_the_input_is_never_overwritten(tmp_path, name, through):
    spec = path = tmp_path / name
    (tmp_path / "folder").mkdir()
    if through == "dots":
        spec.write_text("{}")
        spec = tmp_path / "folder" / ".." / name
    elif through == "link":
        spec = tmp_path / "spec"
        spec.write_text("{}")
        path.symlink_to(spec)
    else:
        spec.write_text("{}")
    if through == "hard link":
        path = tmp_path / "spec"
        path.hardlink_to(spec)
        spec, path = path, spec
    for given in ({}, {"force": True}, {"restart": True, "force": True}):
        with pytest.raises(DiskError, match="is the input: name another output"):
            PartFile(Target(tmp_path / "w", [os.stat(spec)], **given), '"a"', 10)
    assert spec.read_text() == path.read_text() == "{}"


def test_a_file_that_came_meanwhile_is_left_alone(tmp_path, monkeypatch):
    for links in (True, False):  # a file system with hard links, and one without
        folder = tmp_path / str(links)
        folder.mkdir()
        with PartFile(Target(folder / "w"), '"a"', 4) as part:
            part.write(0, b"ours")
            part.mark(0, 4)
            (folder / "w").write_bytes(b"theirs")
            with pytest.raises(DiskError, match=r"exists: .* force=True"):
                part.finish()
        assert (folder / "w").read_bytes() == b"theirs"
        with PartFile(Target(folder / "w", force=True), '"a"', 4) as part:
            assert part.missing() == []
            part.finish()
        assert files(folder) == {"w": b"ours"}

        def unable(*_: object) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", unable)


def test_a_part_with_a_second_name_leaves_that_alone(tmp_path):
    with PartFile(Target(tmp_path / "w"), '"a"', 4) as part:
        part.mark(0, 4)
    (tmp_path / "kept").hardlink_to(tmp_path / "w.part")
    with PartFile(Target(tmp_path / "w", restart=True), '"a"', 4) as part:
        assert part.missing() == [(0, 4)]
        part.write(0, b"ours")
    assert (tmp_path / "kept").read_bytes() == bytes(4)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user, as root may")
@pytest.mark.parametrize("name", ["w.part", "w.part.json"])
def test_a_part_of_another_user_is_not_resumed(tmp_path, name):
    with PartFile(Target(tmp_path / "w"), '"a"', 4) as part:
        part.mark(0, 4)
    os.chown(tmp_path / name, 12_345, 12_345)
    before = files(tmp_path)
    with pytest.raises(DiskError, match="is no part of a download"):
        PartFile(Target(tmp_path / "w"), '"a"', 4)
    assert files(tmp_path) == before
    with PartFile(Target(tmp_path / "w", force=True), '"a"', 4) as part:
        assert part.missing() == [(0, 4)]
        assert os.stat(part.path).st_uid == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user, as root may")
def test_an_empty_part_of_another_user_is_not_written(tmp_path):
    (tmp_path / "w.part").touch()
    os.chown(tmp_path / "w.part", 12_345, 12_345)
    with pytest.raises(DiskError, match="is no part of a download"):
        PartFile(Target(tmp_path / "w"), '"a"', 4)
