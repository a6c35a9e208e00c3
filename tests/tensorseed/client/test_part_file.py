"""The part of a file that is there, and the note beside it."""

from __future__ import annotations

import errno
import json
import os

import pytest

from tensorseed.client import part_file
from tensorseed.client.errors import DiskError, MismatchError
from tensorseed.client.part_file import PartFile


def test_what_was_written_is_gone_on_with(tmp_path):
    target = tmp_path / "w"
    with PartFile(target, '"a"', 10) as part:
        assert part.path.stat().st_size == 10
        part.write(2, b"cde")
        part.mark(2, 5)
    with PartFile(target, '"a"', 10) as part:
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
    with PartFile(tmp_path / "w", '"a"', 10) as part:
        part.write(0, b"ab")
        part.mark(0, 2)
    with pytest.raises(MismatchError, match=r"another file.*--restart"):
        PartFile(tmp_path / "w", etag, size)
    with PartFile(tmp_path / "w", etag, size, restart=True) as part:
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
def test_a_damaged_note_is_as_none(tmp_path, note):
    with PartFile(tmp_path / "w", '"a"', 10) as part:
        part.mark(0, 5)
    (tmp_path / "w.part.json").write_text(note)
    with PartFile(tmp_path / "w", '"a"', 10) as part:
        assert part.missing() == [(0, 10)]


def test_a_note_without_its_part_is_as_none(tmp_path):
    with PartFile(tmp_path / "w", '"a"', 10) as part:
        part.mark(0, 5)
    (tmp_path / "w.part").unlink()
    with PartFile(tmp_path / "w", '"b"', 10) as part:
        assert part.missing() == [(0, 10)]


def test_the_note_is_written_while_bytes_come(tmp_path, monkeypatch):
    monkeypatch.setattr(part_file, "SAVE_SECONDS", 0)
    with PartFile(tmp_path / "w", '"a"', 10) as part:
        part.mark(3, 4)
        assert json.loads((tmp_path / "w.part.json").read_text())["done"] == [[3, 4]]


def test_what_is_spoiled_is_begun_anew(tmp_path):
    with PartFile(tmp_path / "w", '"a"', 10) as part:
        part.mark(0, 10)
        part.discard()
    with PartFile(tmp_path / "w", '"a"', 10) as part:
        assert part.missing() == [(0, 10)]


def test_two_do_not_write_one_file(tmp_path):
    with PartFile(tmp_path / "w", '"a"', 10), pytest.raises(DiskError, match="another process"):
        PartFile(tmp_path / "w", '"a"', 10)


def test_a_part_that_was_given_its_name_meanwhile_is_left_alone(tmp_path, monkeypatch):
    first = PartFile(tmp_path / "w", '"a"', 10)
    first.write(0, b"abcdefghij")
    first.mark(0, 10)
    lock = part_file.fcntl.flock

    def late(file: int, how: int) -> None:
        if not (tmp_path / "w").exists():
            first.finish()
            first.__exit__(None, None, None)
        lock(file, how)

    monkeypatch.setattr(part_file.fcntl, "flock", late)
    with PartFile(tmp_path / "w", '"b"', 4) as second:
        second.write(0, b"bbbb")
        assert (tmp_path / "w").read_bytes() == b"abcdefghij"


def test_the_disk_has_the_bytes_before_they_have_a_name(tmp_path, monkeypatch):
    named: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda _: named.append((tmp_path / "w").exists()))
    with PartFile(tmp_path / "w", '"a"', 4) as part:
        part.write(0, b"abcd")
        part.mark(0, 4)
        part.finish()
    assert named == [False]
    assert (tmp_path / "w").read_bytes() == b"abcd"


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(DiskError, match=r"cannot be written .*no such file"):
        PartFile(tmp_path / "no" / "w", '"a"', 10)


def test_a_full_disk_is_told_at_the_start(tmp_path, monkeypatch):
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DiskError, match="no space left on device, 10 bytes are needed in all"):
        PartFile(tmp_path / "w", '"a"', 10)


def test_a_file_system_that_cannot_reserve(tmp_path, monkeypatch):
    def unable(*_: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", unable)
    with PartFile(tmp_path / "w", '"a"', 10) as part:
        assert part.path.stat().st_size == 10


def test_writes_that_are_cut_short_go_on(tmp_path, monkeypatch):
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, at: write(file, data[:3], at))
    with PartFile(tmp_path / "w", '"a"', 10) as part:
        part.write(0, b"abcdefghij")
        part.mark(0, 10)
        part.finish()
    assert (tmp_path / "w").read_bytes() == b"abcdefghij"
