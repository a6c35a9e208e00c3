"""Exports to S3: the service's bytes, and multipart uploads."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import httpx
import obstore
import pytest

from tensorseed.export.destination import PART_BYTES, Destination
from tensorseed.export.manifest import MANIFEST
from tensorseed.export.multipart import Access, uploads
from tests.tensorseed.export.stores import (
    BUCKET,
    S3,
    SHARDED,
    digests_at,
    digests_in,
    digests_of_service,
    end_of,
    export,
    store_of,
)
from tests.tensorseed.export.writers import LARGE, NBYTES, kill_after


def under_way(s3: S3, prefix: str) -> list[tuple[str, str]]:
    """The keys and ids of the multipart uploads under way."""
    access = Access.of(s3.variables)
    assert access is not None
    with httpx.Client() as client:
        return [(upload.key, upload.id) for upload in uploads(client, access, BUCKET, prefix)]


def unfinished(s3: S3, prefix: str) -> list[str]:
    """The keys of the multipart uploads under way."""
    return [key for key, _ in under_way(s3, prefix)]


def large(folder: Path) -> Path:
    """The spec of a file of several parts."""
    path = folder / "large.json"
    entry = {"name": "w", "type": "Tensor", "shape": [5 * PART_BYTES // 2 + 1], "init": "normal"}
    path.write_text(json.dumps({"seed": 1, "layers": [{**entry, "dtype": "bfloat16"}]}))
    return path


def test_every_object_is_the_services(url: str, s3: S3) -> None:
    for repository, revision in (
        ("tensorseed/tiny-llama-sharded", "seed-42"),
        ("tensorseed/tiny-llama", "quantization=fp8"),
    ):
        place = f"{repository}/{revision}"
        for index in (2, 0, 1):
            end_of(export(s3, f"{repository}@{revision}", f"s3://{BUCKET}/{place}", "--shard", f"{index}/3"))
        found = digests_at(s3, place)
        assert found.pop(MANIFEST)
        assert found == digests_of_service(url, repository, revision)
        for more in ((), ("--verify",)):
            again = end_of(export(s3, f"{repository}@{revision}", f"s3://{BUCKET}/{place}/", *more))
            assert again["objects"] == {"kept": len(found), "written": 0, "replaced": 0}


def test_changed_and_cut_objects_are_replaced(s3: S3) -> None:
    place = f"s3://{BUCKET}/changed"
    end_of(export(s3, SHARDED, place))
    right, store = digests_at(s3, "changed"), store_of(s3)
    path = "changed/model-00001-of-00004.safetensors"
    content = bytes(obstore.get(store, path).bytes())
    obstore.put(store, path, content[:-1] + bytes([content[-1] ^ 1]))
    obstore.put(store, "changed/config.json", b"{")
    assert end_of(export(s3, SHARDED, place))["objects"]["replaced"] == 2
    found = digests_at(s3, "changed")
    del right[MANIFEST], found[MANIFEST]  # whose entity tags differ
    assert found == right


def test_multipart_uploads_are_the_bytes_of_a_folder(s3: S3, tmp_path: Path) -> None:
    spec = large(tmp_path)
    end_of(export(None, spec, tmp_path / "here"))
    end = end_of(export(s3, spec, f"s3://{BUCKET}/large"))
    assert end["bytes"]["written"] > 4 * PART_BYTES
    name = "large.safetensors"
    assert digests_at(s3, "large")[name] == digests_in(tmp_path / "here")[name]
    assert unfinished(s3, "large/") == []


def test_stale_uploads_of_own_keys_alone_are_aborted(s3: S3, tmp_path: Path) -> None:
    access = Access.of(s3.variables)
    assert access is not None
    keys = ("stale/large.safetensors", "stale/large.safetensors.other", "stale/other.bin")
    for key in keys:
        begin(access, key)
        begin(access, key)
    assert sorted(unfinished(s3, "stale/")) == sorted(2 * keys)
    end = end_of(export(s3, large(tmp_path), f"s3://{BUCKET}/stale"))
    assert end["aborted_uploads"] == 2
    assert sorted(unfinished(s3, "stale/")) == sorted(2 * keys[1:])


@pytest.mark.parametrize(
    ("initiated", "date", "count"),
    [
        ("2026-11-27T08:00:00.000Z", "Sun, 29 Nov 2026 12:00:00 GMT", 1),
        ("2026-11-29T08:00:00Z", "Sun, 29 Nov 2026 12:00:00 GMT", 0),
        ("2026-11-29T14:00:00Z", "Sun, 29 Nov 2026 12:00:00 GMT", 0),
        ("2026-11-27T08:00:00", "Sun, 29 Nov 2026 12:00:00 GMT", 0),
        ("2026-11-27T08:00:00Z", "", 0),
        ("", "Sun, 29 Nov 2026 12:00:00 GMT", 0),
    ],
)
def test_the_age_of_an_upload_is_by_the_clock_of_the_store(
    monkeypatch: pytest.MonkeyPatch, initiated: str, date: str, count: int
) -> None:
    listed = (
        '<ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Upload><Key>p/w.bin</Key>'
        f"<UploadId>1</UploadId><Initiated>{initiated}</Initiated></Upload></ListMultipartUploadsResult>"
    )
    asked: list[str] = []

    def answer(_: httpx.Client, method: str, *__: object, **___: object) -> httpx.Response:
        asked.append(method)
        return httpx.Response(200, text=listed, headers={"Date": date})

    monkeypatch.setattr(httpx.Client, "request", answer)
    variables = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    target = Destination("s3://bucket/p", 1, variables)
    assert target.abort_stale(["w.bin"]) == count
    assert asked == ["GET", *["DELETE"] * count]
    assert target.abort_stale(["w.bin"], whole=True) == 1
    assert target.abort_stale(["other.bin"], whole=True) == 0


def test_a_run_that_starts_leaves_the_upload_of_a_live_one(s3: S3, tmp_path: Path) -> None:
    """Each of two runs of a share would fail the other, for ever where something starts them again."""
    access = Access.of(s3.variables)
    assert access is not None
    spec, place = tmp_path / "live.json", f"s3://{BUCKET}/live"
    spec.write_text(json.dumps(LARGE))
    begin(access, "live/live.safetensors")
    (live,) = under_way(s3, "live/")
    assert kill_after(NBYTES // 2, spec, place, s3.variables, signal.SIGTERM) == 143
    assert under_way(s3, "live/") == [live]
    assert end_of(export(s3, spec, place))["aborted_uploads"] == 1
    assert under_way(s3, "live/") == []


def begin(access: Access, key: str) -> None:
    """Begin a multipart upload, as a killed writer leaves it."""
    from datetime import UTC, datetime

    from tensorseed.export.multipart import signed

    url, headers = signed(access, "POST", f"{BUCKET}/{key}", {"uploads": ""}, datetime.now(UTC))
    assert httpx.post(url, headers=headers).status_code == 200
