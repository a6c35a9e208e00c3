"""Layouts of all sets of weights of a recipe in one dtype."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from tensorseed.checkpoints.layout import InitUse, Layout, plan_layout
from tensorseed.checkpoints.recipe import Recipe
from tensorseed.checkpoints.weight_sets import WeightSet
from tensorseed.errors import Fault, SpecError, TooLargeError
from tensorseed.spec.limits import Limits


class SetLayout(NamedTuple):
    """A set of weights and its layout."""

    weight_set: WeightSet
    layout: Layout


@dataclass(frozen=True)
class RecipeLayout:
    """The sets of a recipe in one dtype, that at the top first, then by folder."""

    sets: tuple[SetLayout, ...]

    @cached_property
    def parameters(self) -> dict[str, int]:
        """Elements by safetensors' code of their dtype, in file order."""
        counts: Counter[str] = Counter()
        for layout in self._layouts():
            counts.update(layout.parameters)
        return dict(counts)

    @property
    def tensors(self) -> int:
        """The number of tensors."""
        return sum(len(layout.resolved.tensors) for layout in self._layouts())

    @property
    def shards(self) -> int:
        """The number of files of weights."""
        return sum(len(layout.shards) for layout in self._layouts())

    @property
    def data_bytes(self) -> int:
        """The bytes of all tensors."""
        return sum(layout.data_bytes for layout in self._layouts())

    @property
    def nbytes(self) -> int:
        """Roughly the memory that it takes."""
        return sum(layout.nbytes for layout in self._layouts())

    @cached_property
    def inits(self) -> list[InitUse]:
        """The inits of the tensors, those of most elements first."""
        uses: dict[str, InitUse] = {}
        for use in (use for layout in self._layouts() for use in layout.inits):
            _, tensors, elements = uses.get(use.init, (use.init, 0, 0))
            uses[use.init] = InitUse(use.init, tensors + use.tensors, elements + use.elements)
        return sorted(uses.values(), key=lambda use: (-use.elements, use.init))

    def _layouts(self) -> Iterator[Layout]:
        return (layout for _, layout in self.sets)


def plan_layouts(recipe: Recipe, dtype: str | None, limits: Limits, shard_bytes: int) -> RecipeLayout:
    """The layouts of all sets in `dtype`, each in its own unless given.

    Raises:
        SpecError: the entries of a set are not valid; the pointers lead into the recipe.
        TooLargeError: a limit is exceeded, or no file holds a tensor.
    """
    found = RecipeLayout(
        tuple(
            SetLayout(part, _layout(part, dtype, limits, recipe.shard_bytes or shard_bytes))
            for part in recipe.sets
        )
    )
    if found.tensors > limits.tensors:
        detail = f"the components have {found.tensors:,} tensors together, more than {limits.tensors:,}"
        raise TooLargeError(f"{detail}: leave some out")
    return found


def _layout(part: WeightSet, dtype: str | None, limits: Limits, shard_bytes: int) -> Layout:
    try:
        return plan_layout(part.weights, dtype, limits, shard_bytes, part.weights_name)
    except SpecError as error:
        raise SpecError(
            [Fault(f"{part.pointer}{fault.pointer}", fault.detail) for fault in error.faults]
        ) from None
