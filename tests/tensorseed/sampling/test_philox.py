"""The random bits: known answers, and keys that differ where they must."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from numba import njit

from tensorseed.sampling import overloads  # noqa: F401, without which nothing compiles
from tensorseed.sampling.philox import Key, Stream, philox4x32, stream_key

KNOWN = [
    tuple(int(word, 16) for word in line.split())
    for line in (Path(__file__).parents[2] / "vectors" / "philox.txt").read_text().splitlines()
    if not line.startswith("#")
]


@njit
def compiled(c0, c1, c2, c3, k0, k1):
    return philox4x32(c0, c1, c2, c3, k0, k1)


def test_a_part_has_a_purpose_of_its_own():
    stream = Stream(7, "w")
    assert stream.part(12).key() == stream_key(7, "w", "value 12")
    assert stream.part(1).part(0).key("permutation") == stream_key(7, "w", "permutation 1 0")
    assert stream.key() == stream_key(7, "w")


def test_there_are_three_known_answers():
    assert len(KNOWN) == 3


@pytest.mark.parametrize("words", KNOWN)
def test_compiled_philox_gives_the_papers_answers(words):
    assert tuple(map(int, compiled(*map(np.uint32, words[:6])))) == words[6:]


@pytest.mark.parametrize("words", KNOWN)
def test_tensor_philox_gives_the_papers_answers(words):
    counter = [torch.tensor([word]) for word in words[:4]]
    assert tuple(int(word) for word in philox4x32(*counter, *words[4:6])) == words[6:]


def test_a_key_is_the_head_of_a_delimited_sha256():
    message = b"tensorseed stream v1" + (42).to_bytes(8, "little")
    message += (2).to_bytes(8, "little") + b"wx" + (5).to_bytes(8, "little") + b"value"
    digest = hashlib.sha256(message).digest()
    expected = Key(*(int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)))
    assert stream_key(42, "wx") == expected


def test_seed_name_and_purpose_cannot_be_confused():
    keys = {
        stream_key(seed, name, purpose)
        for seed in (0, 1, 256, 2**64 - 1)
        for name in ("a", "ab", "b", "é")
        for purpose in ("", "a", "b", "value")
    }
    assert len(keys) == 4 * 4 * 4
