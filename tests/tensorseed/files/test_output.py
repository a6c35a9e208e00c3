"""Files that get their name once they are whole."""

from __future__ import annotations

import os
from pathlib import Path
from shutil import SameFileError

import pytest

from tensorseed.files.output import check_output, open_output


def test_a_file_appears_at_the_end_alone(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        with open_output(tmp_path / "w", overwrite=False) as file:
            file.write(b"abc")
            assert not (tmp_path / "w").exists()
    finally:
        os.umask(old)
    assert (tmp_path / "w").read_bytes() == b"abc"
    assert (tmp_path / "w").stat().st_mode & 0o777 == 0o644
    assert os.listdir(tmp_path) == ["w"]


def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), open_output(tmp_path / "w", overwrite=True):
        raise KeyboardInterrupt
    assert (tmp_path / "w").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["w"]


def test_a_file_that_is_there_is_overwritten_on_demand_alone(tmp_path: Path) -> None:
    path = tmp_path / "w"
    path.write_bytes(b"old")
    with pytest.raises(FileExistsError, match="force=True"), open_output(path, overwrite=False):
        pytest.fail("it was opened")
    with open_output(path, overwrite=True) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"


def test_a_file_that_comes_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "w"
    with pytest.raises(FileExistsError), open_output(path, overwrite=False):
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    assert os.listdir(tmp_path) == ["w"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_no_file_stays_what_it_is(tmp_path: Path, overwrite: bool) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/null")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "folder").mkdir()
    for path in ("/dev/null", "/dev/stdout", "pipe", "link", "loop", "folder", ".", ".."):
        with pytest.raises(OSError, match="is no regular file: name another output"):
            check_output(tmp_path / path, overwrite=overwrite)


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_input_is_no_output(tmp_path: Path, overwrite: bool) -> None:
    spec = tmp_path / "spec"
    spec.touch()
    (tmp_path / "link").symlink_to(spec)
    (tmp_path / "hard").hardlink_to(spec)
    for name in ("spec", "link", "hard", "./spec"):
        with pytest.raises(SameFileError, match="is the input"):
            check_output(tmp_path / name, [os.stat(spec)], overwrite=overwrite)
