"""Layout of a set of weights in one dtype: tensors, shards, index.

Another seed changes only the recipe inside the headers, so sizes follow without building them.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from tensorseed.checkpoints.recipe import MAX_SHARD_BYTES
from tensorseed.checkpoints.weight_sets import TRANSFORMERS_WEIGHTS, Weights
from tensorseed.errors import TooLargeError
from tensorseed.files.shards import open_shard, shard_digest
from tensorseed.files.virtual_file import VirtualFile, open_file
from tensorseed.sampling.philox import STREAM_VERSION
from tensorseed.spec.canonical import dump, init_value
from tensorseed.spec.entries import group_entries, validate_entry
from tensorseed.spec.faults import Located
from tensorseed.spec.layers import Layer, Tensor
from tensorseed.spec.limits import Limits
from tensorseed.spec.names import expand_blocks
from tensorseed.spec.resolved import ResolvedSpec, ResolvedTensor
from tensorseed.spec.spec import parse_spec

TENSOR_BYTES = 640  # of memory that a tensor takes: its description, and its entry in an opened file

_LENGTH = 8  # bytes before a header


class Shard(NamedTuple):
    """A file of weights: its path, its tensors in file order, and its sizes without the seed."""

    path: str
    tensors: Sequence[ResolvedTensor]
    alone: bool  # it holds the whole spec
    text_bytes: int  # of the header's JSON with a seed of no digits, unpadded
    data_bytes: int
    digest: str  # of the tensors' names

    def size(self, seed: int) -> int:
        """The bytes of the file."""
        text = self.text_bytes + len(str(seed))
        return _LENGTH + text + -text % 8 + self.data_bytes

    def open(self, resolved: ResolvedSpec) -> VirtualFile:
        """The file; `resolved` is the layout's, with a seed."""
        return open_file(resolved) if self.alone else open_shard(resolved, self.tensors)

    def oid(self, recipe: bytes) -> str:
        """40 hexadecimal digits that identify the bytes; `recipe` is the digest of the recipe with a seed."""
        whole = "whole" if self.alone else self.digest
        text = f"tensorseed file v1, stream v{STREAM_VERSION}\n{whole}\n".encode() + recipe
        return hashlib.sha256(text).hexdigest()[:40]


class InitUse(NamedTuple):
    """How much of the weights an init draws: the init as JSON, tensors, elements."""

    init: str
    tensors: int
    elements: int


@dataclass(frozen=True)
class Layout:
    """A set of weights in one dtype. `resolved` is its spec with seed 0."""

    resolved: ResolvedSpec
    shards: tuple[Shard, ...]
    index: bytes | None

    @cached_property
    def parameters(self) -> dict[str, int]:
        """Elements by safetensors' code of their dtype, in file order."""
        counts: Counter[str] = Counter()
        for tensor in self.resolved.tensors:
            counts[tensor.dtype.code] += tensor.numel
        return dict(counts)

    @property
    def data_bytes(self) -> int:
        """The bytes of all tensors."""
        return sum(shard.data_bytes for shard in self.shards)

    @property
    def nbytes(self) -> int:
        """Roughly the memory that it takes."""
        return TENSOR_BYTES * (len(self.resolved.tensors) + 1) + len(self.index or b"")

    @cached_property
    def inits(self) -> list[InitUse]:
        """The inits of the tensors, those of most elements first."""
        alike: dict[int, list[ResolvedTensor]] = {}
        for tensor in self.resolved.tensors:
            alike.setdefault(id(tensor.scheme), []).append(tensor)
        uses: dict[str, InitUse] = {}
        for tensors in alike.values():
            init = dump(init_value(tensors[0].scheme))
            _, known, elements = uses.get(init, (init, 0, 0))
            uses[init] = InitUse(
                init, known + len(tensors), elements + sum(tensor.numel for tensor in tensors)
            )
        return sorted(uses.values(), key=lambda use: (-use.elements, use.init))


def plan_layout(
    weights: Weights,
    dtype: str | None,
    limits: Limits,
    shard_bytes: int,
    weights_name: str = TRANSFORMERS_WEIGHTS,
) -> Layout:
    """The weights in `dtype`, or their own if None, at most `shard_bytes` of tensors in a file.

    `weights_name` is the name of their file, if it is one.

    Raises:
        SpecError: the entries are not valid.
        TooLargeError: a limit is exceeded, or no file holds a tensor.
    """
    resolved = parse_spec(weights.spec(dtype), limits)
    by_name = {tensor.name: tensor for tensor in resolved.tensors}
    order = state_dict_order(weights.layers, limits)
    sizes = [(name, by_name[name].nbytes) for name in order]
    for name, size in sizes:
        if size > MAX_SHARD_BYTES:
            detail = f"the tensor {name} has {size:,} bytes, and a file holds {MAX_SHARD_BYTES:,} at most"
            raise TooLargeError(f"{detail}: give it another shape or dtype")
    parts = split(sizes, shard_bytes)
    alone = len(parts) == 1
    paths = shard_paths(len(parts), weights_name)
    rank = {tensor.name: place for place, tensor in enumerate(resolved.tensors)}
    shards = tuple(
        _shard(resolved, path, [by_name[name] for name in sorted(names, key=rank.__getitem__)], alone=alone)
        for path, names in zip(paths, parts, strict=True)
    )
    total = sum(size for _, size in sizes)
    elements = sum(tensor.numel for tensor in resolved.tensors)
    index = None if alone else index_text(dict(zip(paths, parts, strict=True)), elements, total)
    return Layout(resolved, shards, index)


def _shard(resolved: ResolvedSpec, path: str, tensors: Sequence[ResolvedTensor], *, alone: bool) -> Shard:
    file = open_file(resolved) if alone else open_shard(resolved, tensors)
    text = len(file.header[_LENGTH:].rstrip(b" ")) - len(str(resolved.seed))
    digest = shard_digest(tensor.name for tensor in tensors)
    return Shard(path, tuple(tensors), alone, text, file.size - len(file.header), digest)


def state_dict_order(entries: Sequence[Mapping[str, Any]], limits: Limits) -> list[str]:
    """The names of all tensors of valid `entries` of a spec, in the order of a state dict."""
    named = [(entry["name"], _suffixes(entry, limits)) for entry in entries]
    return [
        f"{name.removesuffix(end)}{suffix}"
        for name, suffixes in expand_blocks(named)
        for end, suffix in suffixes
    ]


def _suffixes(entry: Mapping[str, Any], limits: Limits) -> tuple[tuple[str, str], ...]:
    """What the names of the entry's tensors have after the entry's own, and the end of it that they lose."""
    if entry["type"] == "Tensor" and "quantization" not in entry:
        return (("", ""),)
    faults: list[Located] = []
    (alike,) = group_entries([dict(entry)], faults, limits, by_torch=False, ranges=True)
    model = validate_entry(alike, limits, faults)
    if isinstance(model, Tensor):
        return (("", ""),) if model.quantization is None else model.quantization.ends()
    assert isinstance(model, Layer)
    return tuple(("", f".{slot.name}") for slot in model.slots())


def index_name(weights_name: str = TRANSFORMERS_WEIGHTS) -> str:
    """The name of the index of shards."""
    return f"{weights_name}.index.json"


INDEX = index_name()


def split(sizes: Iterable[tuple[str, int]], shard_bytes: int) -> list[list[str]]:
    """The names in each of at least one shard, from names and sizes in the order of a state dict.

    The rule is that of huggingface_hub's `split_state_dict_into_shards_factory`. Tensors fill the current
    shard up to its size. A tensor that exceeds that size is a shard of its own, before the current one.
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


def shard_paths(count: int, weights_name: str = TRANSFORMERS_WEIGHTS) -> list[str]:
    """The names of so many shards' files."""
    if count == 1:
        return [weights_name]
    stem, _, suffix = weights_name.rpartition(".")
    return [f"{stem}-{number:05d}-of-{count:05d}.{suffix}" for number in range(1, count + 1)]


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
