"""Resolved spec: expanded and checked, the input of all computation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tensorseed.concurrency.cancellation import check_cancelled
from tensorseed.concurrency.pieces import PIECE, pieces
from tensorseed.sampling.distributions import AnyDistribution
from tensorseed.sampling.dtypes import DType
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


def tensor_kinds(tensors: Sequence[ResolvedTensor]) -> npt.NDArray[np.int32]:
    """Number the kinds: tensors of one number differ in their names alone.

    Those of one entry share all else by identity, so that no shape is compared.

    Raises:
        ComputationCancelledError: the computation of this thread is cancelled.
    """
    numbers: dict[tuple[int, ...], int] = {}
    rows = np.empty(len(tensors), np.int32)
    for start, piece in zip(range(0, len(tensors), PIECE), pieces(tensors), strict=True):
        check_cancelled()
        _names, _streams, *others = zip(*piece, strict=True)
        keys = [*zip(*(map(id, column) for column in others), strict=True)]
        for key in dict.fromkeys(keys):
            numbers.setdefault(key, len(numbers))
        rows[start : start + len(piece)] = [numbers[key] for key in keys]
    return rows
