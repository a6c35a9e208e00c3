"""Keys of many names at once, against hashlib's."""

from __future__ import annotations

import numpy as np
import pytest

from tensorseed.sampling.key_kernels import BLOCK, CONSTANTS, INITIAL, MESSAGES, ROUNDS
from tensorseed.sampling.philox import stream_key, stream_keys

MAX_SEED = 2**64 - 1


def test_names_of_every_length_have_their_keys() -> None:
    names = ["x" * length for length in range(4 * BLOCK)]
    assert [*map(tuple, stream_keys(42, names).tolist())] == [stream_key(42, name) for name in names]


@pytest.mark.parametrize("count", [0, 1, MESSAGES - 1, MESSAGES, MESSAGES + 1, 3 * MESSAGES + 2])
def test_any_number_of_names_of_several_bytes_and_of_own_seeds_have_their_keys(count: int) -> None:
    names = [f"{'ä€𝄞'[: i % 4]}{'w' * (i * 37 % 200)}" for i in range(count)]
    own = [None if i % 3 else MAX_SEED - i for i in range(count)]
    seeds = [7 if one is None else one for one in own]
    for seed in (0, MAX_SEED):
        expected = [stream_key(seed, name) for name in names]
        assert [*map(tuple, stream_keys(seed, names).tolist())] == expected
    expected = [stream_key(seed, name) for seed, name in zip(seeds, names, strict=True)]
    assert [*map(tuple, stream_keys(7, names, own).tolist())] == expected


def test_the_constants_are_roots_of_the_first_primes() -> None:
    primes = [n for n in range(2, 312) if all(n % divisor for divisor in range(2, n))]
    assert len(primes) == ROUNDS
    for prime, constant in zip(primes, CONSTANTS, strict=True):
        assert constant == int(np.cbrt(np.longdouble(prime)) % 1 * 2**32)
    for prime, constant in zip(primes, INITIAL, strict=False):
        assert constant == int(np.sqrt(np.longdouble(prime)) % 1 * 2**32)
