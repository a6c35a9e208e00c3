"""Revisions: names of a seed and a dtype, and commits that add the recipe.

A name is `main` or `HEAD` (seed 0), `seed-42` or `seed=42`, `dtype=bfloat16`, or a seed and a dtype with a
comma between them; `refs/heads/` before it changes nothing. A commit is 40 hexadecimal digits:

    commit = hex(identity, 12 bytes) + hex(seed, 8 bytes, big-endian)

so that the recipe suffices to read it back, without anything stored.
"""

from __future__ import annotations

import re
from typing import NamedTuple, get_args

from tensorseed.sampling.dtypes import DTypeName
from tensorseed.spec.numbers import SEED_COUNT
from tensorseed.spec.spellings.names import dtype_name

DTYPE_NAMES: tuple[str, ...] = get_args(DTypeName)
IDENTITY_BYTES = 12
SEED_BYTES = 8
BRANCHES = "refs/heads/"

_NAME = re.compile(
    rf"(?:{BRANCHES})?(?:main|HEAD|seed[-=](?P<seed>0|[1-9][0-9]{{0,19}})(?:,dtype=(?P<dtype>[\w.]+))?"
    r"|dtype=(?P<alone>[\w.]+))",
    re.ASCII,
)
_COMMIT = re.compile(rf"[0-9a-f]{{{2 * (IDENTITY_BYTES + SEED_BYTES)}}}")


class Revision(NamedTuple):
    """What a revision says: the seed, and a dtype, or None for the recipe's own."""

    seed: int
    dtype: str | None

    @property
    def name(self) -> str:
        """The name that says it in the canonical spelling."""
        parts = [f"seed-{self.seed}"] if self.seed else []
        parts += [f"dtype={self.dtype}"] if self.dtype else []
        return ",".join(parts) or "main"


def parse_revision(text: str) -> Revision | None:
    """The revision that a name says; None for what is no name of one."""
    match = _NAME.fullmatch(text)
    if match is None:
        return None
    seed, spelled = int(match["seed"] or 0), match["dtype"] or match["alone"]
    dtype = spelled and dtype_name(spelled)
    if seed >= SEED_COUNT or (dtype is not None and dtype not in DTYPE_NAMES):
        return None
    return Revision(seed, dtype)


def unknown_dtype(text: str) -> str | None:
    """The dtype of a name that would be a revision's but for it, as spelled; None for other texts."""
    match = _NAME.fullmatch(text)
    spelled = match and (match["dtype"] or match["alone"])
    return spelled if spelled and dtype_name(spelled) not in DTYPE_NAMES else None


def encode_commit(seed: int, identity: bytes) -> str:
    """The commit of a seed and what 12 bytes identify: 40 lowercase hexadecimal digits."""
    return identity.hex() + seed.to_bytes(SEED_BYTES, "big").hex()


def decode_commit(commit: str) -> tuple[int, bytes] | None:
    """The seed and the identity that a commit holds; None for what is no commit."""
    if not _COMMIT.fullmatch(commit):
        return None
    raw = bytes.fromhex(commit)
    return int.from_bytes(raw[IDENTITY_BYTES:], "big"), raw[:IDENTITY_BYTES]
