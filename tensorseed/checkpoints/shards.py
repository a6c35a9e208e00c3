"""Split of tensors into shards, and the index file of transformers.

The rule is that of huggingface_hub's `split_state_dict_into_shards_factory`. Tensors are taken in the order
of the state dict and fill the current shard up to its size. A tensor that exceeds that size is a shard of its
own, placed before the current one. A single shard is `model.safetensors` and has no index.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"


def split(sizes: Iterable[tuple[str, int]], shard_bytes: int) -> list[list[str]]:
    """The names in each shard, from names and sizes in bytes in the order of a state dict.

    There is one shard at least.
    """
    shards: list[list[str]] = []
    current: list[str] = []
    filled = 0
    for name, size in sizes:
        if size > shard_bytes:
            shards.append([name])
            continue
        if filled + size > shard_bytes:
            shards.append(current)
            current, filled = [], 0
        current.append(name)
        filled += size
    if current or not shards:
        shards.append(current)
    return shards


def shard_paths(count: int) -> list[str]:
    """The names of so many shards' files."""
    if count == 1:
        return [WEIGHTS]
    return [f"model-{number:05d}-of-{count:05d}.safetensors" for number in range(1, count + 1)]


def index_text(shards: Mapping[str, Sequence[str]], parameters: int, nbytes: int) -> bytes:
    """The index of a model's shards: which file holds which tensor, how many elements and bytes in all."""
    document = {
        "metadata": {"total_parameters": parameters, "total_size": nbytes},
        "weight_map": {name: path for path, names in shards.items() for name in names},
    }
    return pretty(document)


def pretty(document: Mapping[str, object]) -> bytes:
    """JSON as transformers writes it: indented by two, keys sorted, ASCII, ended by a line feed."""
    return f"{json.dumps(document, indent=2, sort_keys=True)}\n".encode()
