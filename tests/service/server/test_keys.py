"""Keys: the file, the comparison, and what each opens."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.http.errors import CredentialError, ScopeError
from service.server.app import create_app
from service.server.authentication import check_scope
from service.server.keys import (
    MAX_BYTES,
    SETTLED_SECONDS,
    Key,
    Keyring,
    KeysFile,
    KeysFileError,
    load_keys,
    make_key,
)
from service.server.route_groups import SCOPES, needs_key, scope_of
from service.settings import Settings
from tests.waiting import PATIENCE, wait_until

WEIGHT = "/v1/weights?shape=2&init=ones"
DIGEST = hashlib.sha256(b"x").hexdigest()


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A file of three keys, and the keys by name."""
    made = {
        "all": make_key("all"),
        "some": make_key("some", ["weights"]),
        "eye": make_key("eye", ["metrics"]),
    }
    path = tmp_path_factory.mktemp("keys") / "keys"
    path.write_text("# keys\n\n" + "\n".join(line for _, line in made.values()) + "\n")
    return path, {name: key for name, (key, _) in made.items()}


@pytest.fixture(scope="module")
def guarded(keys: tuple[Path, dict[str, str]]) -> Iterator[Any]:
    """A client of a service with those keys."""
    from tests.conftest import started

    settings = Settings.model_construct(threads=1, keys_file=keys[0], cors_origins="https://a.example")
    with started(create_app(settings)) as client:
        yield client


def test_without_a_key_nothing_is_answered(guarded: Any) -> None:
    for path in (WEIGHT, "/v1/schemes", "/v1/losses", "/metrics", "/nothing", "/v1/weights/s1.x", "/docsx"):
        answer = guarded.get(path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["type"] == "urn:tensorseed:problem:unauthorized"
        assert answer.headers["x-request-id"]


def test_health_and_documentation_are_open(guarded: Any) -> None:
    for path in ("/healthz", "/readyz", "/docs", "/openapi.json", "/docs/assets/swagger-ui.css"):
        assert guarded.get(path).status_code == 200, path


def test_a_key_may_look_like_a_token_of_the_hub(guarded: Any, keys: Any) -> None:
    assert guarded.get(WEIGHT, headers=bearer(f"hf_{keys[1]['all']}")).status_code == 200


@pytest.mark.parametrize("value", ["{}x", "x{}", "", "{} {}", "{}\x7f", "hf_hf_{}"])
def test_another_key_opens_nothing(guarded: Any, keys: Any, value: str) -> None:
    given = {"Authorization": f"Bearer {value.replace('{}', keys[1]['all'])}".encode()}
    assert guarded.get(WEIGHT, headers=given).status_code == 401


@pytest.mark.parametrize("scheme", ["Basic {}", "{}", "Bearer{}", "Token {}"])
def test_another_scheme_opens_nothing(guarded: Any, keys: Any, scheme: str) -> None:
    given = {"Authorization": scheme.format(keys[1]["all"])}
    assert guarded.get(WEIGHT, headers=given).status_code == 401


def test_a_digest_is_no_key(guarded: Any, keys: Any) -> None:
    digest = hashlib.sha256(keys[1]["all"].encode()).hexdigest()
    assert guarded.get(WEIGHT, headers=bearer(digest)).status_code == 401


def test_a_key_opens_what_its_scopes_name(guarded: Any, keys: Any) -> None:
    reach = {name: bearer(key) for name, key in keys[1].items()}
    assert guarded.get(WEIGHT, headers=reach["all"]).status_code == 200
    assert guarded.get(WEIGHT, headers=reach["some"]).status_code == 200
    assert guarded.get("/v1/schemes", headers=reach["some"]).status_code == 200
    assert guarded.get("/metrics", headers=reach["eye"]).status_code == 200
    refused = guarded.get("/metrics", headers=reach["some"])
    assert refused.status_code == 403
    assert refused.json()["type"] == "urn:tensorseed:problem:forbidden"
    assert "weights" in refused.json()["detail"]
    assert guarded.post("/v1/evaluations", headers=reach["eye"], content=b"{}").status_code == 403


def test_bearer_is_read_in_any_case(guarded: Any, keys: Any) -> None:
    given = {"Authorization": f"bEARER  {keys[1]['all']} "}
    assert guarded.get(WEIGHT, headers=given).status_code == 200


def test_two_keys_at_once_open_nothing(guarded: Any, keys: Any) -> None:
    fields = [("Authorization", f"Bearer {key}") for key in keys[1].values()]
    assert guarded.get(WEIGHT, headers=fields).status_code == 401


def test_what_needed_a_key_stays_out_of_shared_caches(guarded: Any, keys: Any, client: Any) -> None:
    mine = guarded.get(WEIGHT, headers=bearer(keys[1]["all"]))
    assert mine.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert client.get(WEIGHT).headers["cache-control"] == "public, max-age=31536000, immutable"


def test_browsers_may_ask_whether_they_may_ask(guarded: Any) -> None:
    given = {
        "Origin": "https://a.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "Authorization",
    }
    answer = guarded.request("OPTIONS", "/v1/weights", headers=given)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    refused = guarded.get(WEIGHT, headers={"Origin": "https://a.example"})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://a.example"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no key"),
        ("# only this\n", "holds no key"),
        ("alice", "line 1"),
        (f"# a\n:{DIGEST}", "line 2"),
        (f"a b:{DIGEST}", "no name"),
        (f"alice:{DIGEST[:-1]}", "64 hexadecimal digits"),
        (f"alice:{DIGEST}:everything", ", ".join(SCOPES)),
        (f"alice:{DIGEST}\nalice:{'0' * 64}", "alice twice"),
        (f"alice:{DIGEST}\nbob:{DIGEST}", "twice"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, text: str | bytes, told: str) -> None:
    path = tmp_path / "keys"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(KeysFileError, match=told):
        load_keys(path)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)


def loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.fixture(autouse=True)
def _warnings(caplog: pytest.LogCaptureFixture) -> None:
    """Capture warnings, whatever the servers of other tests have set."""
    caplog.set_level(logging.WARNING, "service")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize(
    ("make", "told"),
    [
        (pipe, "no regular file"),
        (device, "no regular file"),
        (huge, "more than 1,048,576 bytes"),
        (Path.mkdir, "directory"),
        (loop, "symbolic links"),
    ],
)
def test_what_is_no_file_of_keys_is_refused_and_holds_nothing_back(
    tmp_path: Path, make: Callable[[Path], None], told: str, caplog: pytest.LogCaptureFixture
) -> None:
    """At the start, and in the place of a file that was one: later changes are still seen."""
    path = tmp_path / "keys"
    path.write_text(make_key("alice")[1])
    ring = KeysFile(path)
    path.unlink()
    make(path)
    with pytest.raises(KeysFileError, match=told):
        load_keys(path)
    assert not ring.reread()
    assert told in caplog.text
    assert names(ring) == ["alice"]
    other = tmp_path / "other"
    other.write_text(make_key("bob")[1])
    if path.is_dir():
        path.rmdir()
    os.replace(other, path)
    assert ring.reread()
    assert names(ring) == ["bob"]


def test_a_home_that_nobody_has_is_named() -> None:
    with pytest.raises(KeysFileError, match="no such user"):
        KeysFile(Path("~nobody-has-this-name/keys"))


def test_a_look_at_the_file_that_fails_is_not_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "keys"
    path.write_text(make_key("alice")[1])
    ring = KeysFile(path)
    looks: list[int] = []

    def fail() -> bool:
        looks.append(1)
        raise MemoryError

    monkeypatch.setattr("service.server.keys.REREAD_SECONDS", 0.001)
    monkeypatch.setattr(ring, "reread", fail)

    async def looking() -> None:
        task = asyncio.ensure_future(ring.keep_fresh())
        while len(looks) < 3:
            await asyncio.sleep(0.001)
        task.cancel()

    asyncio.run(asyncio.wait_for(looking(), PATIENCE))
    assert "cannot be checked" in caplog.text


def test_a_plain_key_in_the_file_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("alice:ts_not-a-digest\nts_not-a-digest\n")
    with pytest.raises(KeysFileError) as caught:
        load_keys(path)
    assert "ts_not" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeysFileError, match="nowhere cannot be read"):
        load_keys(tmp_path / "nowhere")


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64))
def test_only_the_very_key_is_found(text: str) -> None:
    key, line = make_key("alice")
    ring = Keyring([Key("alice", bytes.fromhex(line.split(":")[1]))])
    assert ring.find([(b"authorization", f"Bearer {key}".encode())]).name == "alice"
    with pytest.raises(CredentialError):
        ring.find([(b"authorization", f"Bearer {text}".encode())])


def test_every_path_below_a_guarded_one_is_guarded() -> None:
    key = Key("eye", b"", ("metrics",))
    check_scope(key, "/v1/weightsx")
    for path in ("/v1/weights", "/v1/weights/s1.x", "/v1/weights/s1.x/tensors/a/b", "/v1/losses/mse_loss"):
        with pytest.raises(ScopeError):
            check_scope(key, path)


def test_what_is_open_is_open_below() -> None:
    assert not needs_key("/docs/assets/x")
    assert needs_key("/docs.json")
    assert not needs_key("/")  # the page for browsers


def test_keys_are_long_and_fresh(start: Callable[..., AbstractContextManager[Any]]) -> None:
    keys = {make_key("a")[0] for _ in range(100)}
    assert len(keys) == 100
    assert min(map(len, keys)) >= 43
    with pytest.raises(KeysFileError):
        make_key("a b")


def names(ring: Keyring) -> list[str]:
    return [key.name for key in ring.keys]


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    lines = [make_key(name)[1] for name in ("alice", "carol")]
    path.write_text(lines[0])
    ring = KeysFile(path)
    assert not ring.reread()
    path.write_text(lines[1])  # at once, and of the same length
    assert ring.reread()
    assert names(ring) == ["carol"]
    path.write_text("\n".join(lines))
    assert ring.reread()
    assert names(ring) == ["alice", "carol"]
    other = tmp_path / "other"
    other.write_text(lines[0])
    os.replace(other, path)
    assert ring.reread()
    assert names(ring) == ["alice"]


def test_a_file_that_stays_as_it_is_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys"
    path.write_text(make_key("alice")[1])
    later = time.time() + SETTLED_SECONDS + 1
    monkeypatch.setattr("service.server.keys.time.time", lambda: later)
    ring = KeysFile(path)
    read: list[Path] = []
    monkeypatch.setattr("service.server.keys.load_keys", read.append)
    assert not ring.reread()
    assert not ring.reread()
    assert read == []


@pytest.mark.parametrize("text", ["", "alice", "alice:ts_s3cr3t", None])
def test_a_file_that_breaks_leaves_the_keys_as_they_are(
    tmp_path: Path, text: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "keys"
    line = make_key("alice")[1]
    path.write_text(line)
    ring = KeysFile(path)
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    with caplog.at_level(logging.INFO, "service.server.keys"):
        assert not ring.reread()
        assert not ring.reread()
        assert names(ring) == ["alice"]
        (record,) = caplog.records  # said once
        assert record.levelno == logging.ERROR
        assert str(path) in record.getMessage()
        assert "s3cr3t" not in caplog.text
        path.write_text(line + "\n" + make_key("bob")[1])
        assert ring.reread()
    assert names(ring) == ["alice", "bob"]
    assert "2 keys" in caplog.text


def test_a_file_that_is_bad_from_the_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeysFileError):
        create_app(Settings.model_construct(keys_file=tmp_path / "nowhere"))


def test_a_running_service_takes_new_keys_and_drops_old_ones(
    tmp_path: Path, start: Callable[..., AbstractContextManager[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.server.keys.REREAD_SECONDS", 0.01)
    made = {name: make_key(name) for name in ("old", "new")}
    path = tmp_path / "keys"
    path.write_text(made["old"][1])
    with start(create_app(Settings.model_construct(threads=1, keys_file=path))) as client:

        def status(name: str) -> int:
            return client.get("/v1/schemes", headers=bearer(made[name][0])).status_code

        assert (status("old"), status("new")) == (200, 401)
        path.write_text(made["new"][1])
        wait_until(lambda: status("new") == 200)
        assert (status("old"), status("new")) == (401, 200)


def test_looking_at_the_file_ends_with_the_service(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(make_key("alice")[1])

    async def looking() -> bool:
        task = asyncio.ensure_future(KeysFile(path).keep_fresh())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return task.cancelled()

    assert asyncio.run(looking())


def test_a_path_has_the_scope_that_opens_it() -> None:
    assert {scope_of(f"/v1/{scope}") for scope in SCOPES[:3]} == set(SCOPES[:3])
    assert scope_of("/metrics") == "metrics"
    assert scope_of("/v1/schemes") is None
