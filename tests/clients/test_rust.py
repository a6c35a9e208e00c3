"""Requests of the Rust crate hf-hub 0.4, and the fields that it reads.

The crate itself is not run here. A real client that is written in Rust is: hf_transfer, in test_resume.py.
"""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from tests.clients.conftest import CONFIG, LONG, TINY, WEIGHTS, Answer, read

AGENT = {"User-Agent": "unkown/None; hf-hub/0.4.3; rust/unknown"}
CHUNK = 10_000_000  # bytes of one request


def get(port: int, target: str, **headers: str) -> Answer:
    """The answer to a request of the crate."""
    return read(port, target, **AGENT, **headers)


def metadata(port: int, url: str) -> tuple[str, str, int]:
    """The commit, the ETag and the size, which the crate takes from the answer for the first byte."""
    answer = get(port, url, Range="bytes=0-0")
    assert answer.status == 206  # a redirect would be followed, and lose the commit
    assert "x-linked-etag" not in answer.headers
    etag = answer.headers["etag"].replace('"', "")
    return answer.headers["x-repo-commit"], etag, int(answer.headers["content-range"].rpartition("/")[2])


@pytest.mark.parametrize("repo", [TINY, LONG])
def test_chunks_of_which_the_last_ends_behind_the_file(port: int, repo: str) -> None:
    url = f"/{repo}/resolve/seed-42/{WEIGHTS}"
    commit, etag, size = metadata(port, url)
    assert len(commit) == len(etag) == 40
    held = bytearray(size)
    for start in range(0, size, CHUNK):
        stop = min(start + CHUNK - 1, size)  # one byte too far in the end, as the crate has it
        answer = get(port, url, Range=f"bytes={start}-{stop}")
        assert answer.status == 206
        held[start : start + len(answer.body)] = answer.body
    assert bytes(held) == read(port, url).body


def test_a_whole_file_as_the_blocking_client_reads_it(port: int) -> None:
    url = f"/{TINY}/resolve/main/{CONFIG}"
    _, _, size = metadata(port, url)
    answer = get(port, url)
    assert (answer.status, len(answer.body)) == (200, size)
    assert json.loads(answer.body)["model_type"] == "llama"


@pytest.mark.parametrize("revision", ["main", "seed-42", "refs/heads/seed-42"])
def test_the_info_of_a_repository(port: int, revision: str) -> None:
    answer = get(port, f"/api/models/{TINY}/revision/{quote(revision, safe='')}")
    told = json.loads(answer.body)
    assert len(told["sha"]) == 40
    assert WEIGHTS in [sibling["rfilename"] for sibling in told["siblings"]]


def test_what_is_not_there_is_an_error(port: int) -> None:
    assert get(port, f"/{TINY}/resolve/main/nothing", Range="bytes=0-0").status == 404
