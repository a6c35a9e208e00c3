"""Revisions: names of a seed and a dtype, and commits that add the recipe.

A name is `main` or `HEAD` (seed 0), or a list of up to three with commas between them.
`seed-42` or `seed=42` comes first; `dtype=bfloat16` and `quantization=fp8` follow in either order.
`refs/heads/` before it changes nothing.
A commit is 40 hexadecimal digits:

    commit = hex(identity, 12 bytes) + hex(seed, 8 bytes, big-endian)

so that the recipe suffices to read it back, without anything stored.
"""

from __future__ import annotations

import re
from typing import NamedTuple, get_args

from tensorseed.sampling.dtypes import DTypeName
from tensorseed.spec.numbers import SEED_COUNT
from tensorseed.spec.quantizations import METHODS, MethodName, method_name
from tensorseed.spec.spellings.names import dtype_name

DTYPE_NAMES: tuple[str, ...] = get_args(DTypeName)
IDENTITY_BYTES = 12
SEED_BYTES = 8
BRANCHES = "refs/heads/"

_NAME = re.compile(
    rf"(?!.*quantization=.*quantization=)(?:{BRANCHES})?(?:main|HEAD|(?=[sdq])(?:seed[-=](?P<seed>0|[1-9][0-9]{{0,19}})(?=,|$))?"
    r"(?:,?quantization=(?P<earlier>[\w-]+)(?=,|$))?(?:,?dtype=(?P<dtype>[\w.]+)(?=,|$))?"
    r"(?:,?quantization=(?P<later>[\w-]+))?)",
    re.ASCII,
)
_COMMIT = re.compile(rf"[0-9a-f]{{{2 * (IDENTITY_BYTES + SEED_BYTES)}}}")


class Variant(NamedTuple):
    """What the weights of a recipe are made into: a dtype, None for its own, and a quantisation or none."""

    dtype: str | None = None
    quantization: MethodName | None = None

    @property
    def code(self) -> int:
        """The byte of a commit that says it: the dtype's place from 1, and 16 times the method's."""
        dtype = 0 if self.dtype is None else DTYPE_NAMES.index(self.dtype) + 1
        method = 0 if self.quantization is None else METHODS.index(self.quantization) + 1
        return dtype + 16 * method

    @classmethod
    def of_code(cls, code: int) -> Variant | None:
        """The variant of such a byte; None for a byte of none."""
        method, dtype = divmod(code, 16)
        if dtype > len(DTYPE_NAMES) or method > len(METHODS):
            return None
        return cls(DTYPE_NAMES[dtype - 1] if dtype else None, METHODS[method - 1] if method else None)

    @property
    def words(self) -> str:
        """What it is in a sentence, such as float16 or fp8."""
        return " and ".join(part for part in self if part)


class Revision(NamedTuple):
    """What a revision says: the seed, a dtype, or None for the recipe's own, and a quantisation, or none."""

    seed: int
    dtype: str | None
    quantization: MethodName | None = None

    @property
    def variant(self) -> Variant:
        """What it says but for the seed."""
        return Variant(self.dtype, self.quantization)

    @property
    def name(self) -> str:
        """The name that says it in the canonical spelling."""
        parts = [f"seed-{self.seed}"] if self.seed else []
        parts += [f"dtype={self.dtype}"] if self.dtype else []
        parts += [f"quantization={self.quantization}"] if self.quantization else []
        return ",".join(parts) or "main"


def parse_revision(text: str) -> Revision | None:
    """The revision that a name says; None for what is no name of one."""
    match = _NAME.fullmatch(text)
    if match is None:
        return None
    seed, spelled = int(match["seed"] or 0), match["dtype"]
    dtype = spelled and dtype_name(spelled)
    named = match["earlier"] or match["later"]
    method = next((name for name in METHODS if named and name == method_name(named)), None)
    if seed >= SEED_COUNT or (dtype is not None and dtype not in DTYPE_NAMES):
        return None
    return None if method is None and named else Revision(seed, dtype, method)


def unknown_dtype(text: str) -> str | None:
    """The dtype of a name that would be a revision's but for it, as spelled; None for other texts."""
    match = _NAME.fullmatch(text)
    spelled = match and match["dtype"]
    return spelled if spelled and dtype_name(spelled) not in DTYPE_NAMES else None


def unknown_quantization(text: str) -> str | None:
    """The quantisation of a name that would be a revision's but for it; None for other texts."""
    match = _NAME.fullmatch(text)
    spelled = match and (match["earlier"] or match["later"])
    return spelled if spelled and method_name(spelled) not in METHODS else None


def encode_commit(seed: int, identity: bytes) -> str:
    """The commit of a seed and what 12 bytes identify: 40 lowercase hexadecimal digits."""
    return identity.hex() + seed.to_bytes(SEED_BYTES, "big").hex()


def decode_commit(commit: str) -> tuple[int, bytes] | None:
    """The seed and the identity that a commit holds; None for what is no commit."""
    if not _COMMIT.fullmatch(commit):
        return None
    raw = bytes.fromhex(commit)
    return int.from_bytes(raw[IDENTITY_BYTES:], "big"), raw[:IDENTITY_BYTES]
