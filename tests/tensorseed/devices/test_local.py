"""Settings of computation in this process, from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tensorseed.concurrency.cpu import cores
from tensorseed.devices.local import kernels_ready, local_settings


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of this test's own as the cache."""
    monkeypatch.setenv("TENSORSEED_KERNEL_CACHE", str(tmp_path / "kernels"))
    return tmp_path / "kernels"


def test_the_cores_and_the_folder_are_the_defaults(cache: Path) -> None:
    assert local_settings() == (cores(), cache)
    assert cache.is_dir()


def test_an_argument_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORSEED_THREADS", "3")
    assert local_settings().threads == 3
    assert local_settings(5).threads == 5
    assert local_settings(0).threads == cores()


def test_an_empty_folder_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORSEED_KERNEL_CACHE", "")
    assert local_settings().kernel_cache is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [("THREADS", "many"), ("THREADS", "-1"), ("THREADS", "4097"), ("PORTABLE_KERNELS", "perhaps")],
)
def test_a_value_that_is_none_is_refused_by_name(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"TENSORSEED_{variable}", value)
    with pytest.raises(ValueError, match=f"TENSORSEED_{variable}={value} must be"):
        local_settings()


def test_kernels_are_looked_up_once_for_each_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders: list[Path | None] = []
    monkeypatch.setattr("tensorseed.sampling.executors.kernel_cache.use_cache", folders.append)
    for threads in ("3", "3", "5"):
        monkeypatch.setenv("TENSORSEED_THREADS", threads)
        monkeypatch.setenv("TENSORSEED_KERNEL_CACHE", str(tmp_path))
        assert kernels_ready() == int(threads)
    assert folders == [tmp_path, tmp_path]
    monkeypatch.setenv("TENSORSEED_THREADS", "many")
    for _ in range(2):
        with pytest.raises(ValueError, match="TENSORSEED_THREADS=many"):
            kernels_ready()
