"""A spec, expanded and checked: the seam between the spec and everything that computes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from service.core.distributions import Distribution
from service.core.dtypes import DType
from service.core.fans import Fans
from service.core.schemes import Scheme


class ResolvedTensor(NamedTuple):
    """One tensor of the file. `fans` is None for fewer than two dimensions."""

    name: str
    stream: str  # the name that keys the draw
    dtype: DType
    shape: tuple[int, ...]
    distribution: Distribution
    scheme: Scheme
    fans: Fans | None
    default: bool = False  # the init is the layer's own, nobody asked for it

    @property
    def numel(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Size in the file, in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class ResolvedSpec:
    """A whole file. `recipe` is the canonical JSON text: one text for all specs that mean the same."""

    seed: int
    generator: str
    device: str  # auto, cpu, cuda or cuda:N
    tensors: tuple[
        ResolvedTensor, ...
    ]  # in file order: dtypes as FILE_ORDER ranks them, then names by code points
    recipe: str
