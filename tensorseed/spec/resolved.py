"""Resolved spec: expanded and checked, the input of all computation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat
from operator import eq
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from tensorseed.concurrency.cancellation import check_cancelled
from tensorseed.concurrency.pieces import PIECE, LongList, pieces, sort
from tensorseed.sampling.distributions import AnyDistribution
from tensorseed.sampling.dtypes import FILE_ORDER, DType
from tensorseed.sampling.philox import Stream
from tensorseed.spec.layers import Entry, Layer
from tensorseed.spec.layers.base import UNITS, Role
from tensorseed.spec.rules import Rule
from tensorseed.spec.schemes import Scheme
from tensorseed.spec.schemes.fans import Fans
from tensorseed.spec.torch_identity import TorchIdentity

_SEED = ',"seed":'  # begins the last member of a recipe


class ResolvedTensor(NamedTuple):
    """One tensor of the file. `fans` is None for fewer than two dimensions."""

    name: str
    stream: str  # the name that keys the draw
    dtype: DType
    shape: tuple[int, ...]
    distribution: AnyDistribution
    scheme: Scheme
    fans: Fans | None
    default: bool = False  # the init is the layer's default
    role: Role = UNITS  # for lint only
    seed: int | None = None  # of its own

    def stream_of(self, seed: int) -> Stream:
        """The stream that draws it in a spec of `seed`."""
        return Stream(seed if self.seed is None else self.seed, self.stream)

    @property
    def numel(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Size in the file, in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


class TensorKind(NamedTuple):
    """All of a tensor but its name, its stream and its seed."""

    dtype: DType
    shape: tuple[int, ...]
    distribution: AnyDistribution
    scheme: Scheme
    fans: Fans | None
    default: bool
    role: Role


class Tensors(Sequence[ResolvedTensor]):
    """Tensors as columns, of which `kinds[numbers[i]]` is what tensor i shares with others.

    Very many cost little more than their names: each is built when it is read. `streams` are the names
    themselves where all tensors are drawn by theirs, and `seeds` are empty where none has its own.
    """

    __slots__ = ("kinds", "names", "numbers", "seeds", "streams")

    def __init__(
        self,
        names: Sequence[str],
        streams: Sequence[str],
        seeds: Sequence[int | None],
        numbers: npt.NDArray[np.int32],
        kinds: Sequence[TensorKind],
    ) -> None:
        self.names = names
        self.streams = streams
        self.seeds = seeds
        self.numbers = numbers
        self.kinds = kinds

    @classmethod
    def of(cls, tensors: Sequence[ResolvedTensor]) -> Tensors:
        """The columns of some tensors. Those of one entry share all else by identity: no shape is compared.

        Raises:
            ComputationCancelledError: the computation of this thread is cancelled.
        """
        if isinstance(tensors, Tensors):
            return tensors
        names, streams, seeds = LongList[str](), LongList[str](), LongList[int | None]()
        known: dict[tuple[int, ...], int] = {}
        kinds: list[TensorKind] = []
        numbers = np.empty(len(tensors), np.int32)
        for start, piece in zip(range(0, len(tensors), PIECE), pieces(tensors), strict=True):
            check_cancelled()
            columns: list[Any] = [*zip(*piece, strict=True)]
            names += columns[0]
            streams += columns[1]
            seeds += columns[-1]
            shared = columns[2:-1]
            keys = [*zip(*(map(id, column) for column in shared), strict=True)]
            for key, *kind in zip(keys, *shared, strict=True):
                if key not in known:
                    known[key] = len(kinds)
                    kinds.append(TensorKind(*kind))
            numbers[start : start + len(piece)] = [known[key] for key in keys]
        return cls(names, streams, seeds if any(seed is not None for seed in seeds) else (), numbers, kinds)

    @overload
    def __getitem__(self, index: int) -> ResolvedTensor: ...

    @overload
    def __getitem__(self, index: slice) -> Tensors: ...

    def __getitem__(self, index: int | slice) -> ResolvedTensor | Tensors:
        if isinstance(index, slice):
            names = self.names[index]
            streams = names if self.streams is self.names else self.streams[index]
            return Tensors(names, streams, self.seeds[index], self.numbers[index], self.kinds)
        kind: TensorKind = self.kinds[int(self.numbers[index])]
        seed = self.seeds[index] if self.seeds else None
        return ResolvedTensor(self.names[index], self.streams[index], *kind, seed)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[ResolvedTensor]:
        of_each = map(self.kinds.__getitem__, self.numbers.tolist())
        seeds = self.seeds or repeat(None, len(self.names))
        for name, stream, kind, seed in zip(self.names, self.streams, of_each, seeds, strict=True):
            yield ResolvedTensor(name, stream, *kind, seed)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]

    def used_kinds(self) -> tuple[Sequence[TensorKind], npt.NDArray[np.int64]]:
        """The kinds of these tensors alone, and the number of each tensor's among them."""
        if len(self.kinds) == 1:
            return self.kinds, np.zeros(len(self), np.int64)
        found, numbers = np.unique(self.numbers, return_inverse=True)
        return [self.kinds[number] for number in found.tolist()], numbers

    def of_each_kind(self) -> Sequence[tuple[int, int]]:
        """The index of one tensor of each kind that is here, and how many there are of it."""
        if len(self.kinds) == 1:
            return [(0, len(self))] if self.names else []
        _, indices, counts = np.unique(self.numbers, return_index=True, return_counts=True)
        return [*zip(indices.tolist(), counts.tolist(), strict=True)]


class TensorColumns:
    """Tensors by name, until they are sorted."""

    def __init__(self) -> None:
        self._count = 0
        self._numbers: dict[str, int] = {}  # of their kinds
        self._streams: dict[str, str] = {}  # where they are not the names
        self._seeds: dict[str, int] = {}
        self._kinds: list[TensorKind] = []
        self._known: dict[tuple[int, ...], int] = {}

    @property
    def has_twins(self) -> bool:
        """Whether a name occurs twice."""
        return len(self._numbers) < self._count

    def kind(self, kind: TensorKind) -> int:
        """The number of a kind, by identity."""
        key = (*map(id, kind),)
        number = self._known.get(key)
        if number is None:
            number = self._known[key] = len(self._kinds)
            self._kinds.append(kind)
        return number

    def add(self, number: int, names: Sequence[str], streams: Sequence[str] | None, seed: int | None) -> None:
        """Add tensors of a kind; their streams are their names where there are no `streams`."""
        self._count += len(names)
        self._numbers.update(dict.fromkeys(names, number))
        if streams is not None:
            self._streams.update(zip(names, streams, strict=True))
        if seed is not None:
            self._seeds.update(dict.fromkeys(names, seed))

    def in_file_order(self) -> Tensors:
        """Sort the tensors by dtype as `FILE_ORDER` ranks them, then by name."""
        while self._known:  # one by one, since that takes long for very many
            self._known.popitem()
        names = LongList[str](self._numbers)
        sort(names, str)
        numbers = np.zeros(len(names), np.int32)
        if len(self._kinds) > 1:
            numbers[:] = [self._numbers[name] for name in names]
            ranks = np.array([FILE_ORDER[kind.dtype.name] for kind in self._kinds])[numbers]
            if (ranks != ranks[0]).any():
                order = np.argsort(ranks, kind="stable")
                names, numbers = LongList(names[i] for i in order.tolist()), numbers[order]
        streams = LongList(self._streams.get(name, name) for name in names) if self._streams else names
        seeds = LongList(self._seeds.get(name) for name in names) if self._seeds else ()
        return Tensors(names, streams, seeds, numbers, LongList(self._kinds))


@dataclass(frozen=True, slots=True)
class Step:
    """Consecutive entries that differ only in their names; generator torch builds them one by one."""

    names: tuple[str, ...]  # expanded, in the order of the spec
    entry: Entry
    dtype: DType
    inits: Mapping[str, Scheme]  # of the spec, by parameter; a bare tensor's by ""

    @property
    def draws_when_built(self) -> bool:
        """Whether the layer's own init takes numbers from torch's generator."""
        return isinstance(self.entry, Layer) and any(slot.init.is_random for slot in self.entry.slots())

    @property
    def draws_by_init(self) -> bool:
        """Whether an init of the spec takes numbers from torch's generator."""
        return any(scheme.is_random for scheme in self.inits.values())


@dataclass(frozen=True)
class ResolvedSpec:
    """A whole file. `recipe` is the canonical JSON text: one text for all specs that mean the same.

    `tensors` are in file order: dtypes as `FILE_ORDER` ranks them, then names by code points.

    With generator torch `steps` are the entries in order, `torch` is part of the identity, and `device` is
    never auto.
    """

    seed: int
    generator: str
    device: str  # auto, cpu, cuda or cuda:N
    tensors: Sequence[ResolvedTensor]
    recipe: str
    steps: tuple[Step, ...] = field(default=(), compare=False, repr=False)
    torch: TorchIdentity | None = None
    nbytes: int = field(default=0, compare=False)  # of memory, estimated, with that of an open file
    interleaved: bool = False  # with generator torch: an entry's inits run before the next one is built
    unused_rules: tuple[tuple[int, Rule], ...] = field(default=(), compare=False)  # with their indices

    def reseeded(self, seed: int) -> ResolvedSpec:
        """The same spec of generator philox with another seed, equal to a parsed one."""
        assert self.torch is None
        recipe = f'{self.recipe[: self.recipe.rindex(_SEED)]}{_SEED}"{seed}"}}'
        return replace(self, seed=seed, recipe=recipe)
