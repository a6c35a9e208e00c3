"""Shards: some of the tensors of a spec in a file of their own.

The metadata is that of the whole spec, and `tensorseed.shard`.
That is the first 32 hex digits of SHA-256 over the tensors' names in file order, each ended by a line feed.
The recipe and the names in the header therefore determine every byte, and a lost name is detected.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from tensorseed.errors import UnknownNameError
from tensorseed.files.virtual_file import VirtualFile, open_part
from tensorseed.spec.resolved import ResolvedSpec, ResolvedTensor

SHARD = "tensorseed.shard"


def shard_digest(names: Iterable[str]) -> str:
    """Return 32 hex digits that identify the tensors of a shard, named in file order."""
    return hashlib.sha256("".join(f"{name}\n" for name in names).encode()).hexdigest()[:32]


def open_shard(resolved: ResolvedSpec, tensors: Sequence[ResolvedTensor]) -> VirtualFile:
    """Describe the file of some tensors of a spec, in file order."""
    digest = shard_digest(tensor.name for tensor in tensors)
    return open_part(resolved, tensors, {SHARD: digest})


def named_shard(resolved: ResolvedSpec, names: Iterable[str], digest: str) -> VirtualFile:
    """Describe the shard whose tensors have these names, in any order.

    Raises:
        UnknownNameError: the names are not the spec's, or not those of `digest`.
    """
    wanted = set(names)
    tensors = [tensor for tensor in resolved.tensors if tensor.name in wanted]
    if len(tensors) < len(wanted) or shard_digest(tensor.name for tensor in tensors) != digest:
        raise UnknownNameError("these tensors are not those that the shard had")
    return open_shard(resolved, tensors)
