"""Revisions: what a name says, and commits that are read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.checkpoints.revision import (
    DTYPE_NAMES,
    Revision,
    decode_commit,
    encode_commit,
    parse_revision,
)

SEEDS = st.integers(0, (1 << 64) - 1)
IDENTITIES = st.binary(min_size=12, max_size=12)
LAST = (1 << 64) - 1


@pytest.mark.parametrize(
    ("text", "seed", "dtype"),
    [
        ("main", 0, None),
        ("HEAD", 0, None),
        ("seed-42", 42, None),
        ("seed=42", 42, None),
        ("seed-0", 0, None),
        (f"seed={LAST}", LAST, None),
        ("seed=42,dtype=bfloat16", 42, "bfloat16"),
        ("seed-42,dtype=float8_e4m3fn", 42, "float8_e4m3fn"),
        ("dtype=float16", 0, "float16"),
        ("refs/heads/main", 0, None),
        ("refs/heads/seed-7,dtype=float64", 7, "float64"),
    ],
)
def test_what_a_name_says(text: str, seed: int, dtype: str | None) -> None:
    assert parse_revision(text) == Revision(seed, dtype)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Main",
        "main ",
        "main\n",
        "seed-",
        "seed-042",
        "seed-+1",
        "seed--1",
        "seed-1e3",
        "seed-٣",
        f"seed-{LAST + 1}",
        "seed-99999999999999999999",
        "seed-1,dtype=int64",
        "seed-1,dtype=",
        "seed-1,",
        "seed-1,seed-2",
        "dtype=bfloat16,seed-1",
        ",dtype=bfloat16",
        "dtype=BFloat",
        "main,dtype=bfloat16",
        "refs/heads/refs/heads/main",
        "refs/pr/1",
        "refs/heads/",
        "v1.0",
        "00" * 20,
    ],
)
def test_what_is_no_name(text: str) -> None:
    assert parse_revision(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "seed-1,dtype=float16,quantization=fp8_channel",
        "seed-1,quantization=fp8_channel,dtype=float16",
        "seed-1,dtype=F16,quantization=FP8-Channel",
    ],
)
def test_spellings_of_a_quantisation_have_one_name(text: str) -> None:
    found = parse_revision(text)
    assert found == Revision(1, "float16", "fp8_channel")
    assert found.name == "seed-1,dtype=float16,quantization=fp8_channel"


@pytest.mark.parametrize(
    "text", ["quantization=fp8,quantization=fp8", "quantization=fp8,dtype=half,quantization=fp8"]
)
def test_a_quantisation_is_named_once(text: str) -> None:
    assert parse_revision(text) is None


@given(SEEDS, st.sampled_from([None, *DTYPE_NAMES]))
def test_the_canonical_name_says_the_same(seed: int, dtype: str | None) -> None:
    revision = Revision(seed, dtype)
    assert parse_revision(revision.name) == revision
    assert parse_revision(f"refs/heads/{revision.name}") == revision


@pytest.mark.parametrize(
    ("revision", "name"),
    [
        (Revision(0, None), "main"),
        (Revision(42, None), "seed-42"),
        (Revision(42, "bfloat16"), "seed-42,dtype=bfloat16"),
        (Revision(0, "float16"), "dtype=float16"),
    ],
)
def test_the_canonical_name(revision: Revision, name: str) -> None:
    assert revision.name == name


@given(SEEDS, IDENTITIES)
def test_a_commit_is_read_back(seed: int, identity: bytes) -> None:
    commit = encode_commit(seed, identity)
    assert len(commit) == 40
    assert set(commit) <= set("0123456789abcdef")
    assert decode_commit(commit) == (seed, identity)


@given(st.tuples(SEEDS, IDENTITIES), st.tuples(SEEDS, IDENTITIES))
def test_commits_differ(one: tuple[int, bytes], other: tuple[int, bytes]) -> None:
    assert (encode_commit(*one) == encode_commit(*other)) == (one == other)


def test_a_commit_is_written_as_the_docs_say() -> None:
    assert encode_commit(42, bytes(range(12))) == "000102030405060708090a0b000000000000002a"


@pytest.mark.parametrize("text", ["", "main", "0" * 39, "0" * 41, "0" * 64, "A" * 40, "g" * 40, "٣" * 40])
def test_what_is_no_commit(text: str) -> None:
    assert decode_commit(text) is None
