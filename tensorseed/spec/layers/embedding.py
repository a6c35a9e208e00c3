"""Lookup tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from tensorseed.spec.layers.base import NO_UNITS, STANDARD_NORMAL, Count, Layer, Slot
from tensorseed.spec.layers.network_module import Computation, InputDtype, Shape
from tensorseed.spec.numbers import Float64
from tensorseed.spec.schemes import ArgumentError


class _Table(Layer):
    """Base of the tables."""

    computation = Computation.LOOKUP
    input_dtype = InputDtype.INTEGER

    num_embeddings: Count = Field(description="Number of vectors.", examples=[50257])
    embedding_dim: Count = Field(description="Size of each vector.", examples=[768])
    padding_idx: int | None = Field(
        default=None, description="The row that stays zero; negative rows count from the end.", examples=[0]
    )
    max_norm: Float64 | None = Field(
        default=None, description="Longer vectors are shortened to this norm.", examples=[1.0]
    )
    norm_type: Float64 = Field(default=2.0, description="The p of the norm for max_norm.", examples=[2.0])
    scale_grad_by_freq: bool = Field(
        default=False,
        description="Whether gradients are divided by the frequency of the rows.",
        examples=[False],
    )
    sparse: bool = Field(default=False, description="Whether gradients are sparse.", examples=[False])

    def slots(self) -> Iterator[Slot]:
        """The table.

        weight (num_embeddings, embedding_dim): normal, with zeros in the row padding_idx
        """
        zeroed = None
        if self.padding_idx is not None:
            row = self._padding_row(self.padding_idx)
            zeroed = (row, row + 1)
        shape = (self.num_embeddings, self.embedding_dim)
        yield Slot("weight", shape, STANDARD_NORMAL, zeroed, role=NO_UNITS)

    def index_count(self) -> int:
        """The rows."""
        return self.num_embeddings

    def arguments(self) -> dict[str, Any]:
        """The arguments, with the padding row counted from the start."""
        rows = {} if self.padding_idx is None else {"padding_idx": self._padding_row(self.padding_idx)}
        return super().arguments() | rows

    def _padding_row(self, index: int) -> int:
        if not -self.num_embeddings <= index < self.num_embeddings:
            raise ArgumentError(
                ("padding_idx",), f"padding_idx must be a row of the table: it has {self.num_embeddings} rows"
            )
        return index % self.num_embeddings


class Embedding(_Table):
    """A table of `num_embeddings` vectors of `embedding_dim` numbers.

    Its default is N(0, 1) with the row `padding_idx` at zero. An init of its own fills every row, as applying
    torch.nn.init to the module's weight does.

    Formula: y = weight[index]
    Source: torch.nn.Embedding
    """

    type: Literal["Embedding"]


class EmbeddingBag(_Table):
    """A table whose vectors are summed, averaged or maximised over bags; filled as Embedding is.

    Formula: y = mode of weight[index] over the indices of a bag
    Source: torch.nn.EmbeddingBag
    """

    type: Literal["EmbeddingBag"]
    mode: Literal["sum", "mean", "max"] = Field(
        default="mean", description="How the vectors of a bag become one.", examples=["sum"]
    )
    include_last_offset: bool = Field(
        default=False, description="Whether the offsets end with the number of indices.", examples=[False]
    )

    def check_input(self, shape: Shape) -> None:
        """Check that the bags have equal size, (N, L)."""
        if len(shape) != 2:
            raise ValueError(f"takes bags of equal size, (N, L), and gets {list(shape)}")
