"""Cache of numba: hits, and tolerance of faulty folders."""

from __future__ import annotations

import errno
import pickle
from pathlib import Path
from typing import Any

import numba
import pytest

from tensorseed.sampling.executors import numba_cache
from tensorseed.sampling.executors.numba_cache import cache_in


def plus(x: int, y: int) -> int:
    return x + y


@pytest.fixture(autouse=True)
def _folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")  # put back in the end


def compiled(folder: Path) -> Any:
    """A loop that a new process would have, and its first answer."""
    loop = numba.njit(plus)
    cache_in(folder, [loop])
    assert loop(1, 2) == 3
    return loop


def hits(loop: Any) -> int:
    return sum(loop.stats.cache_hits.values())


def test_a_loop_is_compiled_once(tmp_path: Path) -> None:
    assert hits(compiled(tmp_path)) == 0
    assert hits(compiled(tmp_path)) == 1


def test_a_compilation_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", numba_cache.__name__)
    numba_cache._announce.cache_clear()
    for folder in (tmp_path / "a", tmp_path / "a", tmp_path / "b"):
        compiled(folder)
    assert [record.getMessage() for record in caplog.records] == [
        "compiling kernels for this processor, which takes about 20 s"
    ]
    caplog.clear()
    numba_cache._announce.cache_clear()
    compiled(tmp_path / "a")
    assert caplog.records == []


def test_what_is_there_serves_though_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled(tmp_path)

    def refused(*_: Any, **__: Any) -> Any:
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr("tempfile.TemporaryFile", refused)
    monkeypatch.setattr("os.makedirs", refused)
    monkeypatch.setattr("os.replace", refused)
    assert hits(compiled(tmp_path)) == 1


def test_a_folder_that_cannot_be_made_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert hits(compiled(tmp_path / "file" / "below")) == 0


def test_a_full_disk_keeps_nothing_and_leaves_nothing_torn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:

        def full(*_: Any) -> None:
            raise OSError(errno.ENOSPC, "no space left")

        patched.setattr("os.replace", full)
        assert hits(compiled(tmp_path)) == 0
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert hits(compiled(tmp_path)) == 0
    assert hits(compiled(tmp_path)) == 1


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
@pytest.mark.parametrize("length", [0, 10, -10])
def test_a_torn_file_is_replaced(tmp_path: Path, ending: str, length: int) -> None:
    compiled(tmp_path)
    (torn,) = (path for path in tmp_path.rglob("*") if path.suffix == ending)
    torn.write_bytes(torn.read_bytes()[:length])
    assert hits(compiled(tmp_path)) == 0
    assert hits(compiled(tmp_path)) == 1


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
@pytest.mark.parametrize("content", ["flipped", "foreign", "folder", "pickle"])
def test_a_damaged_file_never_reaches_the_processor(tmp_path: Path, ending: str, content: str) -> None:
    """Bytes of machine code that are not those that were written would crash the process."""
    compiled(tmp_path)
    (damaged,) = (path for path in tmp_path.rglob("*") if path.suffix == ending)
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 0xFF
    if content == "folder":
        damaged.unlink()
        damaged.mkdir()
    else:
        others = {"foreign": b"\x7fELF" + bytes(4096), "pickle": pickle.dumps({"a": [1]})}
        damaged.write_bytes(others.get(content, bytes(data)))
    loop = compiled(tmp_path)
    assert hits(loop) == 0 or ending == ".nbi"  # half of an index may be of no consequence
    assert content == "folder" or hits(compiled(tmp_path)) == 1


def test_the_code_of_another_processor_is_compiled_anew(tmp_path: Path) -> None:
    """Two processes that write at the same time can give their codes one name."""
    loop = compiled(tmp_path)
    cache = loop._cache._cache_file
    (key,) = cache._load_index()
    name = cache._load_index()[key]
    cache._save_data(name, (("another", *key[1:]), cache._load_data(name)[1]))
    with pytest.raises(ValueError, match="written for another processor"):
        cache.load(key)
    assert hits(compiled(tmp_path)) == 0
    assert hits(compiled(tmp_path)) == 1


@pytest.mark.parametrize("cached", [True, False])
def test_progress_follows_what_the_compiler_does(
    cached: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares: list[float] = []
    monkeypatch.setattr(numba_cache, "OVERLOADS", 4)
    for _ in range(2):
        with numba_cache.counted(shares.append):
            loop = numba.njit(plus)
            if cached:
                cache_in(tmp_path, [loop])
            else:
                loop._cache = numba_cache.NoCache()
            loop(1, 2)
            loop(1.0, 2.0)
    assert shares == [0.25, 0.5, 1.0] * (1 if cached else 2)
