"""Arguments of layers that hold layers, read from live modules."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn import functional

from tensorseed.spec.layers import Layer
from tensorseed.torch.layers import layer_class, make_layer

Arguments = dict[str, Any]

_ACTIVATIONS = {functional.relu: "relu", functional.gelu: "gelu"}


def container_layer(module: nn.Module, kind: str) -> Layer | None:
    """The entry of a live module that holds layers, under a placeholder name; None where there is none.

    Its arguments are read from the layers inside. Whether these are all as the entry says is not checked.
    """
    try:
        arguments = _READERS[kind](module)
    except (AttributeError, IndexError, TypeError, KeyError):  # it holds other layers than torch gives it
        return None
    return None if arguments is None else make_layer(kind, arguments)


def _block(module: Any) -> Arguments | None:
    """The arguments of an encoder or a decoder layer."""
    if module.activation not in _ACTIVATIONS:
        return None
    attention = module.self_attn
    return {
        "d_model": attention.embed_dim,
        "nhead": attention.num_heads,
        "dim_feedforward": module.linear1.out_features,
        "dropout": module.dropout.p,
        "activation": _ACTIVATIONS[module.activation],
        "layer_norm_eps": module.norm1.eps,
        "batch_first": attention.batch_first,
        "norm_first": module.norm_first,
        "bias": module.linear1.bias is not None,
    }


def _blocks(stack: Any, kind: str) -> Arguments | None:
    """The arguments of the layers of a stack, which are all equal."""
    found = [_block(layer) if _is(layer, kind) else None for layer in stack.layers]
    return found[0] if all(one == found[0] for one in found) else None


def _is(module: nn.Module, kind: str) -> bool:
    found = layer_class(type(module))
    return found is not None and found.kind == kind and found.differs is None


def _norm(module: Any) -> Arguments | None:
    """The object of a normalisation.

    Raises:
        TypeError: it is neither None nor a layer or RMS normalisation.
    """
    if module is None:
        return None
    arguments = {"normalized_shape": module.normalized_shape, "eps": module.eps}
    arguments["elementwise_affine"] = module.elementwise_affine
    if _is(module, "LayerNorm"):
        bias = module.bias is not None or not module.elementwise_affine
        return {"type": "LayerNorm", **arguments, "bias": bias}
    if _is(module, "RMSNorm"):
        return {"type": "RMSNorm", **arguments}
    raise TypeError


def _encoder(module: Any) -> Arguments | None:
    layer = _blocks(module, "TransformerEncoderLayer")
    return layer and {
        "encoder_layer": layer,
        "num_layers": len(module.layers),
        "norm": _norm(module.norm),
        "enable_nested_tensor": module.enable_nested_tensor,
        "mask_check": module.mask_check,
    }


def _decoder(module: Any) -> Arguments | None:
    layer = _blocks(module, "TransformerDecoderLayer")
    return layer and {"decoder_layer": layer, "num_layers": len(module.layers), "norm": _norm(module.norm)}


def _transformer(module: Any) -> Arguments | None:
    encoder = _blocks(module.encoder, "TransformerEncoderLayer") if len(module.encoder.layers) else None
    decoder = _blocks(module.decoder, "TransformerDecoderLayer") if len(module.decoder.layers) else None
    layer = encoder or decoder
    if layer is None or (encoder and decoder and encoder != decoder):
        return None
    counts = {f"num_{part}_layers": len(getattr(module, part).layers) for part in ("encoder", "decoder")}
    return {**layer, **counts}


def _adaptive(module: Any) -> Arguments:
    names = ("in_features", "n_classes", "div_value", "head_bias")
    return {name: getattr(module, name) for name in names} | {"cutoffs": module.cutoffs[:-1]}


def _linear_loss(module: Any) -> Arguments:
    names = ("num_classes", "out_features", "reduction", "ignore_index", "label_smoothing")
    more = {"in_features": module.linear.in_features, "bias": module.linear.bias is not None}
    return {name: getattr(module, name) for name in names} | more


_READERS = {
    "TransformerEncoderLayer": _block,
    "TransformerDecoderLayer": _block,
    "TransformerEncoder": _encoder,
    "TransformerDecoder": _decoder,
    "Transformer": _transformer,
    "AdaptiveLogSoftmaxWithLoss": _adaptive,
    "LinearCrossEntropyLoss": _linear_loss,
}
