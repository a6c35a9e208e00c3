"""Transformers, and their stacks of encoder and decoder layers.

torch copies one layer to make a stack, so that all layers of a new torch.nn.TransformerEncoder are equal.
With the generator philox every tensor is drawn by its own name, as always, so that the layers of a stack
differ.

Source: Vaswani et al.: Attention is all you need, NeurIPS 2017
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tensorseed.spec.layers.attention import XAVIER, check_heads
from tensorseed.spec.layers.base import TWO_INPUTS, Count, Layer, Module, Positive, Slot, prefix_slots
from tensorseed.spec.layers.network_module import Attention, Computation, InputAxis, Shape
from tensorseed.spec.layers.normalization import NormPart, check_normalized
from tensorseed.spec.layers.transformer_layers import (
    HEADS,
    SIZE,
    DecoderLayerArguments,
    EncoderLayerArguments,
    Options,
    output_norm,
)
from tensorseed.spec.schemes import ArgumentError

if TYPE_CHECKING:
    import torch

_NORM = "What normalises the output: an object with type, LayerNorm or RMSNorm, and its arguments; or null."
_NORM_EXAMPLES = [{"type": "LayerNorm", "normalized_shape": 512}]
_LAYER_EXAMPLES = [{"d_model": 512, "nhead": 8}]


class _Stack(Layer):
    """Base of both stacks."""

    num_layers: Count = Field(description="Number of layers.", examples=[6])
    norm: NormPart | None = Field(default=None, description=_NORM, examples=_NORM_EXAMPLES)

    def _stack(self, part: str, layer: Module) -> Iterator[Slot]:
        """layers.k.* and norm.*; `part` is the argument that holds the layer."""
        try:
            slots = list(layer.slots())
        except ArgumentError as error:
            raise ArgumentError((part, *error.path), str(error)) from None
        for place in range(self.num_layers):
            yield from prefix_slots(f"layers.{place}", slots)
        if self.norm is not None:
            yield from prefix_slots("norm", self.norm.slots(), self.norm.type)

    def _norm(self, **factory: Any) -> torch.nn.Module | None:
        return None if self.norm is None else self.norm.build(**factory)


class TransformerEncoder(_Stack):
    """A stack of encoder layers, with an optional normalisation at its end.

    Formula: y = norm(layers[n - 1](… layers[0](x)))
    Source: Vaswani et al.: Attention is all you need, NeurIPS 2017
    """

    computation = Computation.MATRIX_PRODUCT
    input_axis = InputAxis("d_model", -1, (2, 3))

    type: Literal["TransformerEncoder"]
    encoder_layer: EncoderLayerArguments = Field(
        description="The arguments of TransformerEncoderLayer, as an object.", examples=_LAYER_EXAMPLES
    )
    enable_nested_tensor: bool = Field(
        default=True, description="Whether padding may be skipped while evaluating.", examples=[True]
    )
    mask_check: bool = Field(
        default=True, description="Whether masks are checked before padding is skipped.", examples=[True]
    )

    def slots(self) -> Iterator[Slot]:
        """The layers, and what normalises their output.

        layers.{k}.* as TransformerEncoderLayer of encoder_layer if k < num_layers
        norm.weight (*norm.normalized_shape) if norm and norm.elementwise_affine: ones
        norm.bias (*norm.normalized_shape)
            if norm and norm.type == "LayerNorm" and norm.elementwise_affine and norm.bias: zeros
        """
        return self._stack("encoder_layer", self.encoder_layer)

    def check_input(self, shape: Shape) -> None:
        """Check the signal, and that its normalisation is of its size."""
        super().check_input(shape)
        if self.norm is not None:
            check_normalized(self.norm.normalized_shape, shape, "norm.normalized_shape")

    def _argument(self, name: str) -> int:
        return int(getattr(self.encoder_layer, name))

    def draws_in_training(self) -> bool:
        """Whether there is dropout."""
        return self.encoder_layer.dropout > 0

    def attention(self) -> Attention | None:
        """The heads of its layers, if there are any."""
        layer = self.encoder_layer
        return Attention(layer.nhead, layer.batch_first) if self.num_layers else None

    def build(self, **factory: Any) -> torch.nn.Module:
        """The real module; it skips padding only where torch can, which would warn otherwise."""
        import torch

        layer = self.encoder_layer
        nested = layer.batch_first and layer.bias and not layer.norm_first and layer.nhead % 2 == 0
        return torch.nn.TransformerEncoder(
            layer.build(**factory),  # type: ignore[arg-type]
            self.num_layers,
            norm=self._norm(**factory),
            enable_nested_tensor=self.enable_nested_tensor and nested,
            mask_check=self.mask_check,
        )


class TransformerDecoder(_Stack):
    """A stack of decoder layers, with an optional normalisation at its end.

    Formula: y = norm(layers[n - 1](… layers[0](x, memory), memory))
    Source: Vaswani et al.: Attention is all you need, NeurIPS 2017
    """

    exclusion = TWO_INPUTS

    type: Literal["TransformerDecoder"]
    decoder_layer: DecoderLayerArguments = Field(
        description="The arguments of TransformerDecoderLayer, as an object.", examples=_LAYER_EXAMPLES
    )

    def slots(self) -> Iterator[Slot]:
        """The layers, and what normalises their output.

        layers.{k}.* as TransformerDecoderLayer of decoder_layer if k < num_layers
        norm.weight (*norm.normalized_shape) if norm and norm.elementwise_affine: ones
        norm.bias (*norm.normalized_shape)
            if norm and norm.type == "LayerNorm" and norm.elementwise_affine and norm.bias: zeros
        """
        return self._stack("decoder_layer", self.decoder_layer)

    def build(self, **factory: Any) -> torch.nn.Module:
        """The real module."""
        import torch

        layer = self.decoder_layer.build(**factory)
        return torch.nn.TransformerDecoder(layer, self.num_layers, norm=self._norm(**factory))  # type: ignore[arg-type]


class Transformer(Options, Layer):
    """An encoder and a decoder, both ending in a normalisation.

    Every tensor of two or more dimensions is xavier_uniform; the others are as in the parts.

    Formula: y = decoder(target, encoder(source))
    Source: Vaswani et al.: Attention is all you need, NeurIPS 2017
    """

    exclusion = TWO_INPUTS

    type: Literal["Transformer"]
    d_model: Positive = Field(default=512, description=SIZE, examples=[512])
    nhead: Positive = Field(default=8, description=HEADS, examples=[8])
    num_encoder_layers: Count = Field(default=6, description="Number of encoder layers.", examples=[6])
    num_decoder_layers: Count = Field(default=6, description="Number of decoder layers.", examples=[6])

    def slots(self) -> Iterator[Slot]:
        """Those of a TransformerEncoder and of a TransformerDecoder, with a norm.

        encoder.layers.{k}.* as TransformerEncoderLayer if k < num_encoder_layers: xavier_uniform
        encoder.norm.weight (d_model): ones
        encoder.norm.bias (d_model) if bias: zeros
        decoder.layers.{k}.* as TransformerDecoderLayer if k < num_decoder_layers: xavier_uniform
        decoder.norm.weight (d_model): ones
        decoder.norm.bias (d_model) if bias: zeros
        """
        check_heads("d_model", self.d_model, "nhead", self.nhead)
        for part, stack in (("encoder", self._encoder()), ("decoder", self._decoder())):
            for slot in prefix_slots(part, stack.slots()):
                yield slot._replace(init=XAVIER) if len(slot.shape) > 1 else slot

    def build(self, **factory: Any) -> torch.nn.Module:
        """The real module, from the encoder and decoder that torch would build, in its order."""
        import torch

        encoder = self._encoder().build(**factory)
        return torch.nn.Transformer(**self.arguments(), custom_encoder=encoder, **factory)

    def _encoder(self) -> TransformerEncoder:
        return TransformerEncoder(
            name="encoder",
            type="TransformerEncoder",
            encoder_layer=EncoderLayerArguments(**self.options()),
            num_layers=self.num_encoder_layers,
            norm=output_norm(self.d_model, self),
        )

    def _decoder(self) -> TransformerDecoder:
        return TransformerDecoder(
            name="decoder",
            type="TransformerDecoder",
            decoder_layer=DecoderLayerArguments(**self.options()),
            num_layers=self.num_decoder_layers,
            norm=output_norm(self.d_model, self),
        )
