"""Some of the tensors of a spec in a file of their own: a shard.

Its metadata is that of the whole spec, and `tensorseed.shard`: the first 32 hexadecimal digits of SHA-256
over the names of its tensors in file order, each ended by a line feed. So the recipe and the header's own
names say every byte, and a name that was lost is noticed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from tensorseed.errors import UnknownNameError
from tensorseed.files.virtual_file import VirtualFile, open_part
from tensorseed.spec.resolved import ResolvedSpec, ResolvedTensor

SHARD = "tensorseed.shard"


def shard_digest(names: Iterable[str]) -> str:
    """32 hexadecimal digits for the tensors of a shard, named in file order."""
    return hashlib.sha256("".join(f"{name}\n" for name in names).encode()).hexdigest()[:32]


def open_shard(resolved: ResolvedSpec, tensors: Sequence[ResolvedTensor]) -> VirtualFile:
    """The file that holds some of the tensors of a spec, given in file order."""
    digest = shard_digest(tensor.name for tensor in tensors)
    return open_part(resolved, tensors, {SHARD: digest})


def named_shard(resolved: ResolvedSpec, names: Iterable[str], digest: str) -> VirtualFile:
    """The shard whose tensors have these names, in any order.

    Raises UnknownNameError where they are not those that `digest` stands for, or not the spec's.
    """
    wanted = set(names)
    tensors = [tensor for tensor in resolved.tensors if tensor.name in wanted]
    if len(tensors) < len(wanted) or shard_digest(tensor.name for tensor in tensors) != digest:
        raise UnknownNameError("these tensors are not those that the shard had")
    return open_shard(resolved, tensors)
