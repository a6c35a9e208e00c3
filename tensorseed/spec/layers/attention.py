"""Multi-head attention."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tensorseed.spec.layers.base import ZEROS, Count, Layer, Positive, Probability, Slot
from tensorseed.spec.layers.linear import TORCH_DEFAULT
from tensorseed.spec.layers.network_module import Attention, Computation, InputAxis, Shape
from tensorseed.spec.schemes import ArgumentError
from tensorseed.spec.schemes.scaled import XavierNormal, XavierUniform

if TYPE_CHECKING:
    import torch

XAVIER = XavierUniform(kind="xavier_uniform")
_XAVIER_NORMAL = XavierNormal(kind="xavier_normal")
_PROJECTION = "NonDynamicallyQuantizableLinear"  # torch's class of out_proj, a Linear


def check_heads(dim: str, size: int, heads: str, number: int) -> None:
    """Raise ArgumentError unless `number`, the argument `heads`, divides `size`, the argument `dim`."""
    if size % number:
        raise ArgumentError((heads,), f"{heads} must divide {dim}: {number} does not divide {size}")


class MultiheadAttention(Layer):
    """Attention of `num_heads` heads over `embed_dim` numbers.

    Query, key and value weights are one tensor if kdim and vdim equal embed_dim, and three otherwise.

    Formula: y = concat_h(softmax(Q_h K_hᵀ / √(embed_dim / num_heads)) V_h) W_outᵀ + b_out, with Q, K and V
        linear in the inputs
    Source: Vaswani et al.: Attention is all you need, NeurIPS 2017
    """

    computation = Computation.MATRIX_PRODUCT
    input_axis = InputAxis("embed_dim", -1, (2, 3))
    defaults_from: ClassVar[Mapping[str, str]] = {"kdim": "embed_dim", "vdim": "embed_dim"}

    type: Literal["MultiheadAttention"]
    embed_dim: Positive = Field(description="Size of queries and of the output.", examples=[768])
    num_heads: Positive = Field(description="Number of heads; divides embed_dim.", examples=[12])
    dropout: Probability = Field(default=0.0, description="Dropout of the attention weights.", examples=[0.1])
    bias: bool = Field(default=True, description="Whether the projections add a bias.", examples=[True])
    add_bias_kv: bool = Field(
        default=False, description="Whether a learned key and value are appended.", examples=[False]
    )
    add_zero_attn: bool = Field(
        default=False, description="Whether a key and value of zeros are appended.", examples=[False]
    )
    kdim: Count | None = Field(default=None, description="Size of keys; embed_dim if null.", examples=[512])
    vdim: Count | None = Field(default=None, description="Size of values; embed_dim if null.", examples=[512])
    batch_first: bool = Field(
        default=False,
        description="Whether inputs are (N, L, features) and not (L, N, features).",
        examples=[True],
    )

    def slots(self) -> Iterator[Slot]:
        """A kdim or vdim that is null is embed_dim.

        in_proj_weight (3 * embed_dim, embed_dim) if kdim == vdim == embed_dim: xavier_uniform
        q_proj_weight (embed_dim, embed_dim) if not kdim == vdim == embed_dim: xavier_uniform
        k_proj_weight (embed_dim, kdim) if not kdim == vdim == embed_dim: xavier_uniform
        v_proj_weight (embed_dim, vdim) if not kdim == vdim == embed_dim: xavier_uniform
        in_proj_bias (3 * embed_dim) if bias: zeros
        bias_k, bias_v (1, 1, embed_dim) if add_bias_kv: xavier_normal
        out_proj.weight (embed_dim, embed_dim): kaiming_uniform(a=√5)
        out_proj.bias (embed_dim) if bias: zeros
        """
        check_heads("embed_dim", self.embed_dim, "num_heads", self.num_heads)
        yield from self._projections()
        size = self.embed_dim
        if self.bias:
            yield Slot("in_proj_bias", (3 * size,), ZEROS)
        if self.add_bias_kv:
            yield Slot("bias_k", (1, 1, size), _XAVIER_NORMAL)
            yield Slot("bias_v", (1, 1, size), _XAVIER_NORMAL)
        yield Slot("out_proj.weight", (size, size), TORCH_DEFAULT, owner=_PROJECTION)
        if self.bias:
            yield Slot("out_proj.bias", (size,), ZEROS, owner=_PROJECTION)

    def _projections(self) -> Iterator[Slot]:
        size = self.embed_dim
        keys = size if self.kdim is None else self.kdim
        values = size if self.vdim is None else self.vdim
        if keys == values == size:
            yield Slot("in_proj_weight", (3 * size, size), XAVIER)
        else:
            yield Slot("q_proj_weight", (size, size), XAVIER)
            yield Slot("k_proj_weight", (size, keys), XAVIER)
            yield Slot("v_proj_weight", (size, values), XAVIER)

    def check_input(self, shape: Shape) -> None:
        """Check the embedding, which is that of keys and values too where it attends to itself."""
        super().check_input(shape)
        for name in ("kdim", "vdim"):
            size = getattr(self, name)
            if size not in (None, self.embed_dim):
                detail = f"has {name} {size} and attends to its own input, of embed_dim {self.embed_dim}"
                raise ValueError(f"{detail}: leave {name} out, or set it to {self.embed_dim}")

    def draws_in_training(self) -> bool:
        """Whether there is dropout."""
        return self.dropout > 0

    def attention(self) -> Attention:
        """Its own heads."""
        return Attention(self.num_heads, self.batch_first)

    def forward(self, module: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        """The attention of `x` with itself."""
        y: torch.Tensor = module(x, x, x, need_weights=False)[0]
        return y
