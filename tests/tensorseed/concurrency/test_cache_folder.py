"""Cache folder: owners, modes, links and homes."""

from __future__ import annotations

import grp
import logging
import os
import pwd
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from tensorseed.concurrency import cache_folder
from tensorseed.concurrency.cache_folder import CacheFolderError, trusted_folder, usable_folder

OTHER = os.getuid() + 1


@pytest.fixture(autouse=True)
def _unmasked() -> object:
    cache_folder._is_private.cache_clear()
    cache_folder._warn.cache_clear()
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """Paths that belong to another user."""
    paths: set[Path] = set()
    lstat = os.lstat

    def status(path: Path | str) -> object:
        found = lstat(path)
        return (
            SimpleNamespace(st_uid=OTHER, st_gid=0, st_mode=found.st_mode) if Path(path) in paths else found
        )

    monkeypatch.setattr("tensorseed.concurrency.cache_folder.os.lstat", status)
    return paths


def test_a_folder_is_made_for_this_user_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert trusted_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    for path in (tmp_path / "a", tmp_path / "a" / "b"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o755, 0o555, 0o500])
def test_a_folder_that_others_may_read_will_do(mode: int, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    folder.mkdir(mode)
    assert usable_folder(folder) == folder


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o757, 0o770, 0o775])
def test_a_folder_that_others_may_write_is_refused(
    mode: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_folder, "_is_private", lambda _: False)
    folder = tmp_path / "cache"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(CacheFolderError, match=r"cache can be written by other users, who could run code"):
        trusted_folder(folder)


def test_the_private_group_of_a_user_is_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = SimpleNamespace(pw_gid=tmp_path.stat().st_gid, pw_name="me")
    group = SimpleNamespace(gr_name="me", gr_mem=[])
    monkeypatch.setattr(pwd, "getpwuid", lambda _: user)
    monkeypatch.setattr(grp, "getgrgid", lambda _: group)
    folder = tmp_path / "cache"
    folder.mkdir()
    folder.chmod(0o775)
    assert trusted_folder(folder) == folder
    cache_folder._is_private.cache_clear()
    group.gr_mem.append("you")
    with pytest.raises(CacheFolderError):
        trusted_folder(folder)


def test_a_user_without_an_entry_has_no_private_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the numbers that containers run with."""

    def unknown(_: int) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    folder = tmp_path / "cache"
    folder.mkdir()
    folder.chmod(0o775)
    with pytest.raises(CacheFolderError):
        trusted_folder(folder)


@pytest.mark.parametrize("used", [None, "modules"])
@pytest.mark.parametrize("below", ["", "modules", "modules/kernel.nbi"])
def test_what_belongs_to_another_user_is_refused(
    below: str, used: str | None, tmp_path: Path, others: set[Path]
) -> None:
    folder = tmp_path / "cache"
    (folder / "modules").mkdir(0o700, parents=True)
    folder.chmod(0o700)
    (folder / "modules" / "kernel.nbi").touch()
    assert trusted_folder(folder, used) == folder
    others.add(folder / below)
    with pytest.raises(CacheFolderError, match="belongs to another user, who could run code by it"):
        trusted_folder(folder, used)


def test_what_is_not_used_is_not_checked(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    for name in ("modules", "older"):
        (folder / name).mkdir(0o755, parents=True)
    folder.chmod(0o755)
    (folder / "older" / "kernel.nbi").touch(0o666)
    assert trusted_folder(folder, "modules") == folder
    assert trusted_folder(folder, "missing") == folder
    with pytest.raises(CacheFolderError, match=r"kernel\.nbi can be written"):
        trusted_folder(folder, "older")


def test_a_used_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir(0o700)
    (tmp_path / "cache" / "modules").symlink_to(tmp_path)
    with pytest.raises(CacheFolderError, match="modules is a link"):
        trusted_folder(tmp_path / "cache", "modules")


def test_a_file_below_that_others_may_write_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    folder.mkdir(0o755)
    (folder / "kernel.nbi").touch(0o666)
    with pytest.raises(CacheFolderError, match=r"kernel\.nbi can be written"):
        trusted_folder(folder)
    folder.chmod(0o700)  # then nobody reaches it
    assert trusted_folder(folder) == folder


def test_a_folder_above_that_others_may_write_is_refused_unless_sticky(
    tmp_path: Path, others: set[Path]
) -> None:
    above = tmp_path / "above"
    folder = above / "cache"
    folder.mkdir(0o700, parents=True)
    above.chmod(0o1777)
    assert trusted_folder(folder) == folder
    above.chmod(0o777)
    with pytest.raises(CacheFolderError, match="above can be written by other users"):
        trusted_folder(folder)
    above.chmod(0o755)
    others.add(above)
    with pytest.raises(CacheFolderError, match="above belongs to another user"):
        trusted_folder(folder)


def test_a_link_stands_for_its_target(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert trusted_folder(tmp_path / "link") == tmp_path / "real"
    (tmp_path / "real").chmod(0o777)
    with pytest.raises(CacheFolderError, match="real can be written"):
        trusted_folder(tmp_path / "link")


def test_a_link_below_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir(0o700)
    (tmp_path / "cache" / "kernel.nbi").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CacheFolderError, match=r"kernel\.nbi is a link"):
        trusted_folder(tmp_path / "cache")


def test_a_folder_that_cannot_be_had_is_none_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, cache_folder.__name__)
    (tmp_path / "file").touch()
    for _ in range(2):
        assert usable_folder(tmp_path / "file" / "below") is None
    (record,) = caplog.records
    assert "file/below cannot be used: File exists: name another folder with TENS" in record.getMessage()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(CacheFolderError, match="it cannot be read"):
        trusted_folder(tmp_path)


@pytest.mark.parametrize("home", [None, "", "/", "/proc/none"])
def test_a_home_that_is_none_is_no_fault(home: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    def unknown(_: int) -> None:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(Path, "mkdir", refused)
    monkeypatch.setattr(Path, "is_dir", lambda self: len(self.parts) < 2)
    monkeypatch.delenv("HOME")
    if home is not None:
        monkeypatch.setenv("HOME", home)
    assert usable_folder(Path("~/.cache/tensorseed")) is None
