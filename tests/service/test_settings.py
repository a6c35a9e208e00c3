"""The settings: their values, and where each is written down."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from service.settings import PATH_CHARS, PREFIX, Settings
from service.settings.environment import bounds, default
from tensorseed.spec.limits import Limits

OPERATIONS = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented_with_its_default_and_bounds(name: str) -> None:
    field = Settings.model_fields[name]
    row = re.search(rf"^\| `{PREFIX}{name.upper()}` \|(.*)\|(.*)\|(.*)\|$", OPERATIONS, re.MULTILINE)
    assert row is not None
    told = [cell.strip() for cell in row.groups()]
    assert told == [f"`{default(field)}`" if default(field) else "", bounds(field), field.description]


def test_no_row_is_of_a_setting_that_is_gone() -> None:
    rows = re.findall(rf"^\| `{PREFIX}(\w+)`", OPERATIONS, re.MULTILINE)
    assert [row.lower() for row in rows] == list(Settings.model_fields)


@pytest.mark.parametrize(
    "origins", ["", "*", "https://a.example", "http://localhost:3000, https://b.example"]
)
def test_origins(origins: str) -> None:
    assert Settings(cors_origins=origins).origins() == [part.strip() for part in origins.split(",") if part]


@pytest.mark.parametrize(
    "origins", ["a.example", "https://a.example/", "https://a.example/x", "ftp://a", "null"]
)
def test_what_is_no_origin(origins: str) -> None:
    with pytest.raises(ValidationError, match="no origin"):
        Settings(cors_origins=origins)


@pytest.mark.parametrize(("given", "path"), [("", ""), ("/", ""), ("/seed", "/seed"), ("/a/b-1/", "/a/b-1")])
def test_a_root_path(given: str, path: str) -> None:
    assert Settings(root_path=given).root_path == path


@pytest.mark.parametrize(
    "given", ["seed", "//seed", "/a b", "/a%2Fb", "/a?b", '/"><script>', "https://a/b", "/ä", "/a/../b", "/."]
)
def test_what_is_no_root_path(given: str) -> None:
    with pytest.raises(ValidationError, match="no path: write it as /tensorseed"):
        Settings(root_path=given)


@pytest.mark.parametrize("given", ["", "*", "127.0.0.1", "10.0.0.0/8, fd00::/8,::1"])
def test_proxies(given: str) -> None:
    assert Settings(trusted_proxies=given).proxies() == [part.strip() for part in given.split(",") if part]


@pytest.mark.parametrize("given", ["proxy", "10.0.0.1/8", "300.0.0.1", "10.0.0.0/33", "127.0.0.1:80"])
def test_what_is_no_proxy(given: str) -> None:
    with pytest.raises(ValidationError, match="write addresses such as"):
        Settings(trusted_proxies=given)


def test_a_url_holds_every_token() -> None:
    room = Settings().token_chars + PATH_CHARS
    assert Settings(url_bytes=room).url_bytes == room
    with pytest.raises(ValidationError, match="TENSORSEED_TOKEN_CHARS"):
        Settings(url_bytes=room - 1)


def test_an_empty_file_of_keys_is_none() -> None:
    assert Settings(keys_file="").keys_file is None  # type: ignore[arg-type]


def test_an_empty_cache_folder_is_none() -> None:
    assert Settings(kernel_cache="").cache_folder() is None  # type: ignore[arg-type]


def test_a_cache_folder_is_made(tmp_path: Any) -> None:
    folder = tmp_path / "a" / "b"
    assert Settings(kernel_cache=folder).cache_folder() == folder
    assert folder.is_dir()


def test_a_cache_folder_that_cannot_be_made_is_none(tmp_path: Any) -> None:
    (tmp_path / "file").write_text("")
    assert Settings(kernel_cache=tmp_path / "file" / "b").cache_folder() is None


def test_threads_are_the_cores_unless_set() -> None:
    assert Settings(threads=0).thread_count() >= 1
    assert Settings(threads=7).thread_count() == 7


def test_the_limits_are_those_of_the_settings() -> None:
    settings = Settings(tensors=10, values=20, file_bytes=30, token_chars=64, dimensions=5)
    limits = settings.limits()
    assert (limits.tensors, limits.values, limits.file_bytes) == (10, 20, 30)
    assert (limits.token_chars, limits.dimensions) == (64, 5)


def test_every_limit_is_a_setting() -> None:
    changed = {name: getattr(Limits(), name) - 1 for name in Limits.__dataclass_fields__}
    assert Settings(**changed).limits() == Limits(**changed)  # type: ignore[arg-type]
    lower = {"materialised_bytes", "parameters", "activations"}  # many requests share the service's memory
    for name in changed:
        default, most = Settings.model_fields[name].default, getattr(Limits(), name)
        assert default < most if name in lower else default == most
