"""Transformer layers: attentions and a feed-forward network.

Source: Vaswani et al.: Attention is all you need, NeurIPS 2017
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from tensorseed.spec.layers.attention import MultiheadAttention, check_heads
from tensorseed.spec.layers.base import (
    TWO_INPUTS,
    Count,
    Layer,
    Module,
    Positive,
    Probability,
    Role,
    Slot,
    prefix_slots,
)
from tensorseed.spec.layers.linear import Linear
from tensorseed.spec.layers.network_module import Attention, Computation, InputAxis
from tensorseed.spec.layers.normalization import LayerNormPart
from tensorseed.spec.numbers import Float64

SIZE = "Size of the signal."
HEADS = "Number of heads; divides d_model."


class Options(Module):
    """Base of layers and whole transformers: their shared arguments."""

    d_model: Positive = Field(description=SIZE, examples=[512])
    nhead: Positive = Field(description=HEADS, examples=[8])
    dim_feedforward: Count = Field(
        default=2048, description="Size of the layer between the two linear ones.", examples=[2048]
    )
    dropout: Probability = Field(default=0.1, description="Dropout everywhere.", examples=[0.1])
    activation: Literal["relu", "gelu"] = Field(
        default="relu", description="The function between the two linear layers.", examples=["gelu"]
    )
    layer_norm_eps: Float64 = Field(
        default=1e-5, description="The eps of the normalisations.", examples=[1e-5]
    )
    batch_first: bool = Field(
        default=False,
        description="Whether inputs are (N, L, features) and not (L, N, features).",
        examples=[True],
    )
    norm_first: bool = Field(
        default=False, description="Whether to normalise before each block and not after it.", examples=[True]
    )
    bias: bool = Field(default=True, description="Whether there are biases and shifts.", examples=[True])

    def options(self) -> dict[str, Any]:
        """The shared arguments, by name."""
        return {name: getattr(self, name) for name in Options.model_fields}


class _Block(Options):
    """Base of the layers of both stacks: attentions, two linear layers, a normalisation of each."""

    def _blocks(self, *attentions: str) -> Iterator[Slot]:
        check_heads("d_model", self.d_model, "nhead", self.nhead)
        size, inner, bias = self.d_model, self.dim_feedforward, self.bias
        attention = MultiheadAttention(
            name="attention", type="MultiheadAttention", embed_dim=size, num_heads=self.nhead, bias=bias
        )
        for name in attentions:
            yield from prefix_slots(name, attention.slots(), "MultiheadAttention")
        activated = Role(activation=self.activation)
        for name, inputs, outputs in (("linear1", size, inner), ("linear2", inner, size)):
            linear = Linear(name=name, type="Linear", in_features=inputs, out_features=outputs, bias=bias)
            for slot in prefix_slots(name, linear.slots(), "Linear"):
                yield slot._replace(role=activated) if name == "linear1" else slot
        norm = output_norm(self.d_model, self)
        for place in range(len(attentions) + 1):
            yield from prefix_slots(f"norm{place + 1}", norm.slots(), "LayerNorm")


def output_norm(size: int, options: Options) -> LayerNormPart:
    """The normalisation of a signal of `size` numbers."""
    return LayerNormPart(
        type="LayerNorm", normalized_shape=size, eps=options.layer_norm_eps, bias=options.bias
    )


class EncoderLayerArguments(_Block):
    """The arguments of TransformerEncoderLayer."""

    @classmethod
    def torch_name(cls) -> str:
        """TransformerEncoderLayer."""
        return "TransformerEncoderLayer"

    def slots(self) -> Iterator[Slot]:
        """Those of the attention, of the linear layers and of the normalisations.

        self_attn.in_proj_weight (3 * d_model, d_model): xavier_uniform
        self_attn.in_proj_bias (3 * d_model) if bias: zeros
        self_attn.out_proj.weight (d_model, d_model): kaiming_uniform(a=√5)
        self_attn.out_proj.bias (d_model) if bias: zeros
        linear1.weight (dim_feedforward, d_model): kaiming_uniform(a=√5)
        linear1.bias (dim_feedforward) if bias: uniform(±1/√d_model)
        linear2.weight (d_model, dim_feedforward): kaiming_uniform(a=√5)
        linear2.bias (d_model) if bias: uniform(±1/√dim_feedforward)
        norm1.weight, norm2.weight (d_model): ones
        norm1.bias, norm2.bias (d_model) if bias: zeros
        """
        return self._blocks("self_attn")


class DecoderLayerArguments(_Block):
    """The arguments of TransformerDecoderLayer."""

    @classmethod
    def torch_name(cls) -> str:
        """TransformerDecoderLayer."""
        return "TransformerDecoderLayer"

    def slots(self) -> Iterator[Slot]:
        """Those of both attentions, of the linear layers and of the normalisations.

        self_attn.in_proj_weight, multihead_attn.in_proj_weight (3 * d_model, d_model): xavier_uniform
        self_attn.in_proj_bias, multihead_attn.in_proj_bias (3 * d_model) if bias: zeros
        self_attn.out_proj.weight, multihead_attn.out_proj.weight (d_model, d_model): kaiming_uniform(a=√5)
        self_attn.out_proj.bias, multihead_attn.out_proj.bias (d_model) if bias: zeros
        linear1.weight (dim_feedforward, d_model): kaiming_uniform(a=√5)
        linear1.bias (dim_feedforward) if bias: uniform(±1/√d_model)
        linear2.weight (d_model, dim_feedforward): kaiming_uniform(a=√5)
        linear2.bias (d_model) if bias: uniform(±1/√dim_feedforward)
        norm1.weight, norm2.weight, norm3.weight (d_model): ones
        norm1.bias, norm2.bias, norm3.bias (d_model) if bias: zeros
        """
        return self._blocks("self_attn", "multihead_attn")


class TransformerEncoderLayer(EncoderLayerArguments, Layer):
    """Self-attention and a feed-forward network of two linear layers, each with a normalisation.

    Formula: z = norm1(x + self_attn(x)), y = norm2(z + linear2(activation(linear1(z)))), with norm_first the
        norms before each block
    Source: Vaswani et al.: Attention is all you need, NeurIPS 2017
    """

    computation = Computation.MATRIX_PRODUCT
    input_axis = InputAxis("d_model", -1, (2, 3))

    type: Literal["TransformerEncoderLayer"]

    def draws_in_training(self) -> bool:
        """Whether there is dropout."""
        return self.dropout > 0

    def attention(self) -> Attention:
        """Its own heads."""
        return Attention(self.nhead, self.batch_first)


class TransformerDecoderLayer(DecoderLayerArguments, Layer):
    """An encoder layer with a second attention, to the output of an encoder.

    Formula: u = norm1(x + self_attn(x)), z = norm2(u + multihead_attn(u, memory)),
        y = norm3(z + linear2(activation(linear1(z)))), with norm_first the norms before each block
    Source: Vaswani et al.: Attention is all you need, NeurIPS 2017
    """

    exclusion = TWO_INPUTS

    type: Literal["TransformerDecoderLayer"]
