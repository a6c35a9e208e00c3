"""Keys of many streams at once, by SHA-256 of vectors of messages.

FIPS 180-4, section 6.2. Every operation is on words of 32 bits, so a vector has one word of each message.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from tensorseed.sampling.block_vectors import copy_bytes, store
from tensorseed.sampling.philox import KEY_WORDS
from tensorseed.sampling.vectors import Vector

MESSAGES = 16  # at once
NBYTES = 4 * MESSAGES  # of a vector
WORDS = Vector(types.uint32, MESSAGES)
LLVM_WORDS = ir.VectorType(ir.IntType(32), MESSAGES)
BLOCK = 64  # bytes
BLOCK_WORDS, ROUNDS = 16, 64

INITIAL = (  # of the state: bits of the square roots of the first primes
    0x6A09E667,
    0xBB67AE85,
    0x3C6EF372,
    0xA54FF53A,
    0x510E527F,
    0x9B05688C,
    0x1F83D9AB,
    0x5BE0CD19,
)
CONSTANTS = (  # of the rounds: bits of the cube roots of the first primes
    0x428A2F98,
    0x71374491,
    0xB5C0FBCF,
    0xE9B5DBA5,
    0x3956C25B,
    0x59F111F1,
    0x923F82A4,
    0xAB1C5ED5,
    0xD807AA98,
    0x12835B01,
    0x243185BE,
    0x550C7DC3,
    0x72BE5D74,
    0x80DEB1FE,
    0x9BDC06A7,
    0xC19BF174,
    0xE49B69C1,
    0xEFBE4786,
    0x0FC19DC6,
    0x240CA1CC,
    0x2DE92C6F,
    0x4A7484AA,
    0x5CB0A9DC,
    0x76F988DA,
    0x983E5152,
    0xA831C66D,
    0xB00327C8,
    0xBF597FC7,
    0xC6E00BF3,
    0xD5A79147,
    0x06CA6351,
    0x14292967,
    0x27B70A85,
    0x2E1B2138,
    0x4D2C6DFC,
    0x53380D13,
    0x650A7354,
    0x766A0ABB,
    0x81C2C92E,
    0x92722C85,
    0xA2BFE8A1,
    0xA81A664B,
    0xC24B8B70,
    0xC76C51A3,
    0xD192E819,
    0xD6990624,
    0xF40E3585,
    0x106AA070,
    0x19A4C116,
    0x1E376C08,
    0x2748774C,
    0x34B0BCB5,
    0x391C0CB3,
    0x4ED8AA4A,
    0x5B9CCA4F,
    0x682E6FF3,
    0x748F82EE,
    0x78A5636F,
    0x84C87814,
    0x8CC70208,
    0x90BEFFFA,
    0xA4506CEB,
    0xBEF9A3F7,
    0xC67178F2,
)
_INITIAL, _CONSTANTS = np.array(INITIAL, np.uint32), np.array(CONSTANTS, np.uint32)


@intrinsic
def load(typingctx: Any, address: Any) -> Any:
    """A word of each message, from an address on."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(builder.inttoptr(args[0], LLVM_WORDS.as_pointer()), align=4)

    return WORDS(types.uint64), codegen


@njit(forceinline=True)
def at(address: Any, row: Any) -> Any:
    """The address of a row of words."""
    return address + np.uint64(row * NBYTES)


@njit(forceinline=True)
def rotated(x: Any, left: Any, right: Any) -> Any:
    """The words rotated to the right by `right`, which is 32 − `left`."""
    return (x >> right) | (x << left)


@njit(forceinline=True)
def compress(state: Any, words: Any) -> None:
    """Add a block of each message to its state, both by their addresses; the schedule follows the block."""
    for t in range(BLOCK_WORDS, ROUNDS):
        early, late = load(at(words, t - 15)), load(at(words, t - 2))
        small0 = rotated(early, 25, 7) ^ rotated(early, 14, 18) ^ (early >> 3)
        small1 = rotated(late, 15, 17) ^ rotated(late, 13, 19) ^ (late >> 10)
        store(at(words, t), load(at(words, t - 16)) + small0 + load(at(words, t - 7)) + small1)
    a, b, c, d = load(at(state, 0)), load(at(state, 1)), load(at(state, 2)), load(at(state, 3))
    e, f, g, h = load(at(state, 4)), load(at(state, 5)), load(at(state, 6)), load(at(state, 7))
    for t in range(ROUNDS):
        large1 = rotated(e, 26, 6) ^ rotated(e, 21, 11) ^ rotated(e, 7, 25)
        chosen = g ^ (e & (f ^ g))
        first = h + large1 + chosen + load(at(words, t)) + _CONSTANTS[t]
        large0 = rotated(a, 30, 2) ^ rotated(a, 19, 13) ^ rotated(a, 10, 22)
        majority = (a & b) | (c & (a | b))
        h, g, f, e = g, f, e, d + first
        d, c, b, a = c, b, a, first + large0 + majority
    for row, word in enumerate((a, b, c, d, e, f, g, h)):
        store(at(state, row), load(at(state, row)) + word)


@njit(forceinline=True)
def swapped(word: Any) -> Any:
    """The bytes of a word in the other order."""
    inner = ((word & np.uint32(0xFF00)) << np.uint32(8)) | ((word >> np.uint32(8)) & np.uint32(0xFF00))
    return (word << np.uint32(24)) | inner | (word >> np.uint32(24))


@njit(nogil=True, error_model="numpy", boundscheck=False)
def hash_names(domain: Any, seeds: Any, text: Any, stops: Any, after: Any, keys: Any) -> None:
    """Write the key of each name into a row of `keys`.

    A message is `domain` in words, the seed, the length of the name, the name and `after`, which ends with
    the byte 0x80 of the padding. Integers have 8 bytes, the lowest first, as the processor has them. Names
    follow each other in `text` up to `stops`.
    """
    count, longest, begin = stops.size, 0, 0
    for i in range(count):
        longest, begin = max(longest, stops[i] - begin), stops[i]
    head = domain.size + 4  # words before the name
    fixed = 4 * head + after.size + 8  # bytes beside the name
    width = (fixed + longest + BLOCK - 1) // BLOCK * BLOCK_WORDS
    messages, blocks = np.zeros((MESSAGES, width), np.uint32), np.zeros(MESSAGES, np.int64)
    schedule, state = np.empty((ROUNDS, MESSAGES), np.uint32), np.empty((8, MESSAGES), np.uint32)
    names, ends = np.uint64(text.ctypes.data), np.uint64(after.ctypes.data)
    begin = 0
    for first in range(0, count, MESSAGES):
        used, most = min(MESSAGES, count - first), 0
        for j in range(used):
            seed, length = np.uint64(seeds[first + j]), stops[first + j] - begin
            blocks[j] = (fixed + length + BLOCK - 1) // BLOCK
            most = max(most, blocks[j])
            last = blocks[j] * BLOCK_WORDS - 1
            for k in range(head, last):
                messages[j, k] = 0
            for k in range(domain.size):
                messages[j, k] = domain[k]
            messages[j, head - 4], messages[j, head - 3] = np.uint32(seed), np.uint32(seed >> np.uint64(32))
            messages[j, head - 2], messages[j, head - 1] = np.uint32(length), np.uint32(0)
            place = np.uint64(messages.ctypes.data) + np.uint64(4 * (j * width + head))
            copy_bytes(place, names + np.uint64(begin), length)
            copy_bytes(place + np.uint64(length), ends, after.size)
            messages[j, last] = swapped(np.uint32(8 * (4 * head + length + after.size - 1)))
            begin += length
        for row in range(8):
            for j in range(MESSAGES):
                state[row, j] = _INITIAL[row]
        for block in range(most):
            for t in range(BLOCK_WORDS):
                for j in range(MESSAGES):
                    schedule[t, j] = swapped(messages[j, block * BLOCK_WORDS + t])
            compress(np.uint64(state.ctypes.data), np.uint64(schedule.ctypes.data))
            for j in range(used):
                if blocks[j] == block + 1:
                    for t in range(KEY_WORDS):
                        keys[first + j, t] = swapped(state[t, j])


KERNELS = [hash_names]
