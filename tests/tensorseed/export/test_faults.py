"""Faults of stores and disks: a sentence, an exit code, and no loss."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tensorseed.export.destination import PART_BYTES, Destination
from tensorseed.export.failures import explain
from tensorseed.export.manifest import MANIFEST
from tensorseed.export.multipart import Access
from tests.serving import ROOT
from tests.tensorseed.export.between import between
from tests.tensorseed.export.stores import (
    BUCKET,
    MIB,
    S3,
    SHARDED,
    SOAK,
    digests_at,
    digests_in,
    end_of,
    export,
)
from tests.tensorseed.export.test_object_storage import begin, large, unfinished
from tests.tensorseed.export.writers import LARGE, NBYTES, kill_after

KILLS = 20
WIDE = (
    ("here", 2, "a" if SOAK else "ab", (2500 if SOAK else 96) * MIB),
    (f"s3://{BUCKET}/wide", 2, "a" if SOAK else "ab", (2500 if SOAK else 32) * MIB),
    (f"s3://{BUCKET}/eight", 8, "abcd", 16 * MIB),
)


def failed(result: Any, code: int) -> str:
    """The sentence of a failed run: one line, without a trace of where it was raised."""
    assert result.exit_code == code, result.output
    error = str(result.stderr).removesuffix("\n")
    assert error.startswith("Error: ")
    assert "\n" not in error
    assert "Traceback" not in error
    assert "source" not in error
    return error


def test_a_store_that_fails_now_and_then_loses_nothing(s3: S3, tmp_path: Path) -> None:
    spec = large(tmp_path)
    end_of(export(None, spec, tmp_path / "here"))
    with between(s3.url) as (proxy, url):
        proxy.fail = lambda method, path, count: (500, 503)[count % 2] if count % 3 == 1 else None
        end_of(export(s3.through(url), spec, f"s3://{BUCKET}/flaky"))
        assert len(proxy.requests) > 12
    found = digests_at(s3, "flaky")
    assert found.pop(MANIFEST)
    assert found == {
        name: digest for name, digest in digests_in(tmp_path / "here").items() if name != MANIFEST
    }
    assert unfinished(s3, "flaky/") == []


def test_the_requests_about_uploads_are_repeated(s3: S3, tmp_path: Path) -> None:
    access = Access.of(s3.variables)
    assert access is not None
    begin(access, "again/large.safetensors")
    failures: dict[str, int] = {}

    def twice(method: str, path: str, count: int) -> int | None:
        if "uploads=" not in path.partition("?")[2] and method != "DELETE":
            return None
        failures[method] = failures.get(method, 0) + 1
        return 503 if failures[method] <= 2 else None

    spec, place = large(tmp_path), f"s3://{BUCKET}/again"
    with between(s3.url) as (proxy, url):
        proxy.fail = twice
        end = end_of(export(s3.through(url), spec, place, "--attempts", 3))
        assert end["aborted_uploads"] == 1
        assert failures.pop("GET") == 4  # at the end too
        assert failures.pop("DELETE") >= 3
        failures.clear()
        error = failed(export(s3.through(url), spec, place, "--attempts", 2), 3)
        assert f"s3://{BUCKET} lists no unfinished uploads (status 503)" in error
    assert unfinished(s3, "again/") == []


@pytest.mark.parametrize("status", [403, 405, 501, 200])
def test_a_store_that_lists_no_uploads_takes_an_export(s3: S3, tmp_path: Path, status: int) -> None:
    with between(s3.url) as (proxy, url):
        proxy.fail = lambda method, path, count: (
            status if method == "GET" and "uploads=" in path.partition("?")[2] else None
        )
        result = export(s3.through(url), large(tmp_path), f"s3://{BUCKET}/unlisted-{status}")
    assert end_of(result)["aborted_uploads"] is None
    assert "Note: this store lists no unfinished uploads here" in result.stderr


def test_an_upload_that_cannot_be_aborted_is_named(s3: S3, tmp_path: Path) -> None:
    access = Access.of(s3.variables)
    assert access is not None
    begin(access, "unaborted/large.safetensors")
    with between(s3.url) as (proxy, url):
        proxy.fail = lambda method, path, count: 403 if method == "DELETE" else None
        error = failed(export(s3.through(url), large(tmp_path), f"s3://{BUCKET}/unaborted"), 1)
    assert "large.safetensors: an unfinished upload cannot be aborted (status 403)" in error


def test_one_attempt_is_one_request(s3: S3) -> None:
    with between(s3.url) as (proxy, url):
        proxy.fail = lambda method, path, count: 503
        failed(export(s3.through(url), SHARDED, f"s3://{BUCKET}/one", "--attempts", 1), 3)
        assert len(proxy.requests) == 1


def test_an_error_of_the_program_is_not_of_the_store(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"a"
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        Destination(str(tmp_path)).write("a", broken(), 8 * PART_BYTES)
    assert list(tmp_path.iterdir()) == []


def test_the_remedy_is_that_of_the_error() -> None:
    for number, remedy in (
        (errno.ENOSPC, "make room"),
        (errno.EROFS, "let this user write there"),
        (errno.EIO, "mend it"),
    ):
        error = explain(OSError(number, os.strerror(number)), "out", "file")
        assert f"{os.strerror(number).lower()}): {remedy}, or name another DEST" in str(error)


def test_a_slow_store_is_waited_for(s3: S3) -> None:
    with between(s3.url) as (proxy, url):
        proxy.pause = 0.05
        end = end_of(export(s3.through(url), SHARDED, f"s3://{BUCKET}/slow"))
    assert end["objects"]["written"] == len(digests_at(s3, "slow")) - 1


@pytest.mark.parametrize("status", [500, 503])
def test_a_store_that_fails_for_good_ends_the_run(s3: S3, tmp_path: Path, status: int) -> None:
    spec, place = large(tmp_path), f"s3://{BUCKET}/broken-{status}"
    with between(s3.url) as (proxy, url):
        proxy.fail = lambda method, path, count: status if "partNumber=3" in path else None
        error = failed(export(s3.through(url), spec, place, "--attempts", 2), 3)
        assert f"status {status}" in error
        assert "the same command goes on from here" in error
    assert not [path for path in digests_at(s3, f"broken-{status}") if path.endswith(".safetensors")]
    assert unfinished(s3, f"broken-{status}/") == []
    assert end_of(export(s3, spec, place))["objects"]["written"] == 1


def test_nobody_answers(s3: S3) -> None:
    error = failed(export(s3.through("http://127.0.0.1:9"), SHARDED, "s3://x/y", "--attempts", 1), 3)
    assert "no answer" in error


def test_wrong_credentials(s3: S3) -> None:
    place = f"s3://{BUCKET}/denied"
    wrong = {**s3.variables, "AWS_SECRET_ACCESS_KEY": "wrong"}
    error = failed(export(wrong, SHARDED, place), 1)
    assert "refuses the credentials (SignatureDoesNotMatch): set AWS_ACCESS_KEY_ID" in error
    error = failed(export({**s3.variables, "AWS_ACCESS_KEY_ID": "nobody"}, SHARDED, place), 1)
    assert "refuses the credentials (InvalidAccessKeyId)" in error


def test_no_bucket(s3: S3) -> None:
    error = failed(export(s3, SHARDED, "s3://nowhere/place"), 1)
    assert "there is no such bucket (NoSuchBucket): make it, or correct DEST" in error


def test_a_wrong_clock(s3: S3) -> None:
    def an_hour_ago(fields: dict[str, str]) -> dict[str, str]:
        past = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - 3600))
        return {name: past if name.lower() == "x-amz-date" else value for name, value in fields.items()}

    with between(s3.url) as (proxy, url):
        proxy.change = an_hour_ago
        error = failed(export(s3.through(url), SHARDED, f"s3://{BUCKET}/clock"), 1)
    assert "finds the clock of this machine wrong (RequestTimeTooSkewed): set it" in error


@pytest.mark.parametrize("path", ["a//b", "a/../b", "./a", "a%2Fb", "a?b", "a#b"])
def test_a_prefix_that_may_be_read_otherwise(s3: S3, path: str) -> None:
    error = failed(export(s3, SHARDED, f"s3://{BUCKET}/{path}"), 1)
    assert "leave out empty parts, . and .., and the characters % ? #" in error


@pytest.mark.parametrize("place", ["ftp://bucket/path", "s3://", "https://host/path"])
def test_no_destination(place: str) -> None:
    assert "give a folder, or s3://bucket/path" in failed(export(None, SHARDED, place), 1)


@pytest.mark.parametrize("name", ["tensorseed/no-such-model", "http://127.0.0.1:9/tensorseed/tiny-llama"])
def test_no_source(tmp_path: Path, name: str) -> None:
    failed(export(None, name, tmp_path), 1)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_room_is_found_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, found = large(tmp_path), os.statvfs(tmp_path)
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result((*found[:4], 1, *found[5:])))
    error = failed(export(None, spec, tmp_path / "out"), 5)
    assert "are needed: make room, or name another DEST" in error
    assert list((tmp_path / "out").iterdir()) == []


def test_a_disk_that_takes_no_more(tmp_path: Path) -> None:
    spec = large(tmp_path)
    limited = (
        f"import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, ({10 * MIB}, {10 * MIB})); "
        "runpy.run_module('tensorseed', run_name='__main__', alter_sys=True)"
    )
    run = subprocess.run(
        [sys.executable, "-c", limited, "export", spec, tmp_path / "out"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 5, run.stderr
    assert run.stderr.endswith("cannot be written (file too large): make room, or name another DEST\n")
    assert not list((tmp_path / "out").glob("large*"))
    assert end_of(export(None, spec, tmp_path / "out"))["objects"]["written"] == 1


@pytest.mark.parametrize(("place", "threads", "names", "elements"), WIDE)
def test_memory_is_bounded_whatever_the_size(
    s3: S3, tmp_path: Path, place: str, threads: int, names: str, elements: int
) -> None:
    entry = {"type": "Tensor", "init": "normal", "dtype": "bfloat16", "shape": [64]}
    small, recipe = tmp_path / "small.json", tmp_path / "wide.json"
    small.write_text(json.dumps({"layers": [{"name": "a", **entry}]}))
    end_of(export(None, small, tmp_path / "small"))  # compiling kernels, once a machine, takes more
    layers = [{"name": name, **entry, "shape": [elements]} for name in names]
    weights = {"dtype": "bfloat16", "layers": layers}
    recipe.write_text(
        json.dumps({"id": "tests/wide", "config": {}, "shard_bytes": 2 * elements, "weights": weights})
    )
    run = subprocess.run(
        [sys.executable, "-m", "tensorseed", "export", recipe, place, "--threads", str(threads)],
        cwd=ROOT if "://" in place else tmp_path,
        env={**os.environ, **s3.variables, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    end = json.loads(run.stdout.splitlines()[-1])
    assert end["bytes"]["written"] > 2 * elements * len(layers)
    assert end["peak_memory_bytes"] < (252 + 2 * threads) * MIB  # chunks under way take some for each thread


def test_a_writer_killed_anywhere_leaves_nothing_half_done(s3: S3, tmp_path: Path) -> None:
    spec, name = tmp_path / "killed.json", "killed.safetensors"
    spec.write_text(json.dumps(LARGE))
    end_of(export(None, spec, tmp_path / "whole"))
    wanted = digests_in(tmp_path / "whole")[name]
    places = (tmp_path / "here", f"s3://{BUCKET}/killed")
    chance, left, uploads = random.Random(1), 0, 0
    for kill in range(KILLS):
        code = kill_after(chance.randrange(1, NBYTES), spec, str(places[kill % 2]), s3.variables)
        assert code == -signal.SIGKILL
        assert name not in {path.name for path in places[0].iterdir()}
        assert name not in digests_at(s3, "killed")
        left = max(left, len(list(places[0].glob("*#*"))))
        uploads = max(uploads, len(unfinished(s3, "killed/")))
    assert left == 1  # of one writer at most: the next one removes what the last one left
    assert 1 <= uploads <= KILLS // 2  # which the first that ends removes
    for place in places:
        end_of(export(s3, spec, place))
    assert digests_in(places[0]).keys() == digests_at(s3, "killed").keys() == {name, MANIFEST}
    assert digests_in(places[0])[name] == digests_at(s3, "killed")[name] == wanted
    assert unfinished(s3, "killed/") == []


def test_a_terminated_writer_aborts_its_uploads(s3: S3, tmp_path: Path) -> None:
    spec = tmp_path / "ended.json"
    spec.write_text(json.dumps(LARGE))
    code = kill_after(NBYTES // 2, spec, f"s3://{BUCKET}/ended", s3.variables, signal.SIGTERM)
    assert code == 143
    assert unfinished(s3, "ended/") == []
    assert [Path(path).name for path in digests_at(s3, "ended")] == ["0-of-1.json"]


def test_a_store_that_lists_no_uploads_is_said(tmp_path: Path) -> None:
    target = Destination(str(tmp_path))
    target.scheme, target.folder = "gs", None
    assert target.abort_stale(["a"]) is None
