"""Sources in the argument of `fetch`."""

from __future__ import annotations

import io
import sys

import pytest

from tensorseed.client.errors import DiskError
from tensorseed.client.http.arguments import server_fault
from tensorseed.client.source import Source, read_source


def test_a_token_and_a_file_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s1.abc").write_text("{}")
    assert read_source("s1.abc") == Source(token="s1.abc")
    assert read_source("./s1.abc") == Source(spec=b"{}")
    assert read_source("s1." + "a" * 10_000) == Source(token="s1." + "a" * 10_000)


def test_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff{")))
    assert read_source("-") == Source(spec=b"\xff{")


@pytest.mark.parametrize(
    ("text", "base", "path"),
    [
        ("http://h:1/v1/weights/s1.a", "http://h:1", "/v1/weights/s1.a"),
        ("https://h/p/q/v1/weights/s1.a", "https://h/p/q", "/v1/weights/s1.a"),
        ("http://h/v1/weights?shape=1&init=ones", "http://h", "/v1/weights?shape=1&init=ones"),
        (
            "http://h/v1/weights/s1.a/tensors/v1/weights/b",
            "http://h",
            "/v1/weights/s1.a/tensors/v1/weights/b",
        ),
    ],
)
def test_urls_of_files(text, base, path):
    assert read_source(text) == Source(path=path, base=base)


@pytest.mark.parametrize(
    ("text", "base", "recipe"),
    [
        ("http://h/a/b", "http://h", "a/b"),
        ("http://h/a/b/tree/v1", "http://h", "a/b@v1"),
        ("http://h/p/a/b/tree/api/c", "http://h/p", "a/b/c@api"),
        ("HTTPS://api/a/v2", "HTTPS://api", "a/v2"),
        ("http://h/gpt2", "http://h", "gpt2"),
        ("http://h/gpt2/", "http://h", "gpt2"),
        ("http://h/gpt2/tree/main", "http://h", "gpt2@main"),
        ("http://h/gpt2/tree/seed-3,dtype=float16", "http://h", "gpt2@seed-3,dtype=float16"),
        ("http://h/flux/tree/main/vae", "http://h", "flux/vae@main"),
    ],
)
def test_urls_of_repositories(text, base, recipe):
    assert read_source(text) == Source(recipe=recipe, base=base)


@pytest.mark.parametrize("mark", ["resolve", "raw", "blob"])
@pytest.mark.parametrize("name", ["gpt2", "a/b"])
def test_urls_of_files_of_repositories(mark, name):
    for file in ("model.safetensors", "tree/resolve/b.txt"):
        source = Source(path=f"/{name}/resolve/main/{file}", base="http://h")
        assert read_source(f"http://h/{name}/{mark}/main/{file}") == source
        assert read_source(f"http://h/{name}/{mark}/main/{file}?download=true") == source
        for lacking in ("", "/main", "/main/"):
            with pytest.raises(ValueError, match="take it from a plan"):
                read_source(f"http://h/{name}/{mark}{lacking}")


@pytest.mark.parametrize(
    "text",
    [
        "http://h",
        "http://h/gpt2/tree",
        "http://h/v1/weights",
        "http://h/v1/weights/plan",
        "http://h/v1/weights/digest?shape=2",
        "http://h/v1/losses/x",
        "http://h/p/v1/recipes/a/b",
        "http://h/api/models",
        "https://",
        "http://h:99999/v1/weights/s1.a",
    ],
)
def test_other_urls(text):
    with pytest.raises(ValueError, match="take it from a plan"):
        read_source(text)


def test_a_path_that_no_file_has():
    with pytest.raises(DiskError):
        read_source("x" * 10_000)


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("http://h", True),
        ("HTTP://h", True),
        ("http://h/v1", False),
        ("http://h/p/v1", True),
        ("https://h:8/p/", True),
        ("h:80", False),
        ("ftp://h", False),
        ("http://", False),
        ("http://h?q", False),
        ("http://h h", False),
        ("http://h:65535", True),
        ("http://h:65536", False),
        ("http://[::1]:80", True),
        ("http://[::1", False),
        ("http://ä..b", False),
    ],
)
def test_bases(url, right):
    assert (server_fault(url) is None) is right
