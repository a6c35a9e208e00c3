"""Revisions and commits of the hub: their canonical spelling is equal."""

from __future__ import annotations

from tensorseed.checkpoints.revision import (
    DTYPE_NAMES,
    IDENTITY_BYTES,
    Revision,
    decode_commit,
    encode_commit,
    parse_revision,
)


def corpus() -> list[bytes]:
    """Names and commits."""
    names = ["main", "HEAD", "seed-42", "seed=42", "seed-18446744073709551615", "seed-18446744073709551616"]
    names += ["dtype=bfloat16", "seed-7,dtype=float8_e4m3fn", "refs/heads/main", "refs/pr/1", "seed-007", ""]
    names += [encode_commit(42, bytes(range(IDENTITY_BYTES))), "f" * 40, "F" * 40]
    return [name.encode() for name in names]


def check(data: bytes) -> None:
    """The data as a name and as a commit, and its own hexadecimal digits as a commit."""
    text = data.decode("utf-8", "replace")
    revision = parse_revision(text)
    if revision is not None:
        _check_revision(revision, text)
    for commit in (text, data[:20].hex()):
        found = decode_commit(commit)
        assert (found is not None) == _is_commit(commit), "a commit is 40 hexadecimal digits"
        if found is not None:
            assert encode_commit(*found) == commit, "two commits of one revision"
            assert parse_revision(commit) is None, "both a commit and a name"


def _check_revision(revision: Revision, text: str) -> None:
    assert 0 <= revision.seed < 1 << 64, "a seed out of bounds"
    assert revision.dtype is None or revision.dtype in DTYPE_NAMES, "an unknown dtype"
    assert parse_revision(revision.name) == revision, "the canonical spelling says something else"
    digits = "".join(letter for letter in text.partition(",")[0] if letter.isdigit())
    assert "dtype" in text.partition(",")[0] or int(digits or 0) == revision.seed, "another seed"


def _is_commit(text: str) -> bool:
    return len(text) == 40 and all(letter in "0123456789abcdef" for letter in text)
