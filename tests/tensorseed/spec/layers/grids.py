"""Grids of layer arguments, with the layers and torch modules they make."""

from __future__ import annotations

import itertools
from typing import Any

import torch

from tensorseed.spec.layers import LAYERS, Layer

BOTH = [True, False]
BLOCK: dict[str, list[Any]] = {
    "d_model": [6],
    "nhead": [2, 3],
    "dim_feedforward": [0, 5],
    "activation": ["relu", "gelu"],
    "batch_first": BOTH,
    "norm_first": BOTH,
    "bias": BOTH,
}
STACK: dict[str, list[Any]] = {
    "num_layers": [0, 1, 3],
    "norm": [
        None,
        {"type": "LayerNorm", "normalized_shape": 6},
        {"type": "LayerNorm", "normalized_shape": [6], "eps": 1e-6, "bias": False},
        {"type": "RMSNorm", "normalized_shape": 6, "elementwise_affine": True},
    ],
}
PART = [{"d_model": 6, "nhead": 2, "dim_feedforward": 5}, {"d_model": 6, "nhead": 3, "bias": False}]
RECURRENT: dict[str, list[Any]] = {
    "input_size": [1, 3],
    "hidden_size": [4],
    "num_layers": [1, 3],
    "bias": BOTH,
    "batch_first": BOTH,
    "bidirectional": BOTH,
}
CELL: dict[str, list[Any]] = {"input_size": [0, 3], "hidden_size": [0, 4], "bias": BOTH}
STATISTICS: dict[str, list[Any]] = {
    "num_features": [0, 6],
    "momentum": [0.1, None],
    "affine": BOTH,
    "track_running_stats": BOTH,
    "bias": BOTH,
}
TABLE: dict[str, list[Any]] = {
    "num_embeddings": [1, 5],
    "embedding_dim": [0, 3],
    "padding_idx": [None, 0, -1],
    "max_norm": [None, 1.0],
}

GRIDS: dict[str, dict[str, list[Any]]] = {
    "Linear": {"in_features": [0, 1, 7], "out_features": [0, 3], "bias": BOTH},
    "Bilinear": {"in1_features": [1, 7], "in2_features": [0, 2], "out_features": [0, 3], "bias": BOTH},
    **{
        f"Conv{rank}d": {
            "in_channels": [4, 8],
            "out_channels": [4, 12],
            "kernel_size": [1, 3, list(range(1, rank + 1))],
            "groups": [1, 4],
            "bias": BOTH,
            "padding": [0, "same", "valid", [1] * rank],
            "padding_mode": ["zeros", "circular"],
        }
        for rank in (1, 2, 3)
    },
    **{
        f"ConvTranspose{rank}d": {
            "in_channels": [0, 4, 8],
            "out_channels": [0, 4, 12],
            "kernel_size": [1, 3, list(range(1, rank + 1))],
            "groups": [1, 4],
            "bias": BOTH,
            "output_padding": [0, [1] * rank],
        }
        for rank in (1, 2, 3)
    },
    "Embedding": TABLE,
    "EmbeddingBag": {**TABLE, "mode": ["mean", "sum", "max"], "include_last_offset": BOTH},
    "RNN": {**RECURRENT, "nonlinearity": ["tanh", "relu"]},
    "LSTM": {**RECURRENT, "proj_size": [0, 1, 3]},
    "GRU": RECURRENT,
    "RNNCell": {**CELL, "nonlinearity": ["tanh", "relu"]},
    "LSTMCell": CELL,
    "GRUCell": CELL,
    "MultiheadAttention": {
        "embed_dim": [6],
        "num_heads": [1, 3],
        "bias": BOTH,
        "add_bias_kv": BOTH,
        "add_zero_attn": BOTH,
        "kdim": [None, 0, 6, 4],
        "vdim": [None, 6, 5],
        "batch_first": BOTH,
    },
    "TransformerEncoderLayer": BLOCK,
    "TransformerDecoderLayer": BLOCK,
    "TransformerEncoder": {"encoder_layer": PART, **STACK, "mask_check": BOTH},
    "TransformerDecoder": {"decoder_layer": PART, **STACK},
    "Transformer": {
        "d_model": [6],
        "nhead": [2, 3],
        "num_encoder_layers": [0, 2],
        "num_decoder_layers": [0, 1],
        "dim_feedforward": [5],
        "batch_first": BOTH,
        "bias": BOTH,
    },
    "LayerNorm": {"normalized_shape": [0, 5, [5], [2, 3], []], "elementwise_affine": BOTH, "bias": BOTH},
    "RMSNorm": {
        "normalized_shape": [0, 5, [5], [2, 3], []],
        "elementwise_affine": BOTH,
        "eps": [None, 1e-6],
    },
    "GroupNorm": {"num_groups": [1, 3], "num_channels": [0, 6], "affine": BOTH, "bias": BOTH},
    **{f"BatchNorm{rank}d": STATISTICS for rank in (1, 2, 3)},
    "SyncBatchNorm": STATISTICS,
    **{f"InstanceNorm{rank}d": STATISTICS for rank in (1, 2, 3)},
    "PReLU": {"num_parameters": [0, 1, 5]},
    "LayerScale": {"dim": [0, 1, 5], "axis": [-1, 1]},
    "AdaptiveLogSoftmaxWithLoss": {
        "in_features": [0, 3, 64],
        "n_classes": [20],
        "cutoffs": [[1], [5, 10], [2, 7, 19]],
        "div_value": [4.0, 2, 0.7, 1.1],
        "head_bias": BOTH,
    },
    "LinearCrossEntropyLoss": {
        "in_features": [0, 5],
        "num_classes": [0, 3],
        "out_features": [[], [2], [2, 4]],
        "bias": BOTH,
        "reduction": ["mean", "sum", "none"],
    },
}

OURS = {"LayerScale"}
TORCH_GRIDS = {kind: grid for kind, grid in GRIDS.items() if kind not in OURS}
"""Those of torch.nn's classes."""


def cases() -> list[tuple[str, dict[str, Any]]]:
    """Every type with every combination of its arguments."""
    return [
        (kind, dict(zip(grid, values, strict=True)))
        for kind, grid in GRIDS.items()
        for values in itertools.product(*grid.values())
    ]


def make(kind: str, **arguments: Any) -> Layer:
    """Our layer."""
    layer = LAYERS[kind].model_validate({"type": kind, "name": "x", **_tuples(arguments)})
    assert isinstance(layer, Layer)
    return layer


def _tuples(value: Any) -> Any:
    """Lists as JSON's validation gives them."""
    if isinstance(value, dict):
        return {name: _tuples(part) for name, part in value.items()}
    return tuple(value) if isinstance(value, list) else value


def module(kind: str, **arguments: Any) -> torch.nn.Module:
    """The real module, written as a user of torch writes it."""
    if kind == "LayerScale":
        scale = torch.nn.Module()
        scale.gamma = torch.nn.Parameter(1e-5 * torch.ones(arguments["dim"]))
        return scale
    for name in ("encoder_layer", "decoder_layer"):
        if name in arguments:
            layer = "TransformerEncoderLayer" if name == "encoder_layer" else "TransformerDecoderLayer"
            arguments[name] = module(layer, **arguments[name])
    if arguments.get("norm") is not None:
        norm = dict(arguments["norm"])
        arguments["norm"] = module(norm.pop("type"), **norm)
    made: torch.nn.Module = getattr(torch.nn, kind)(**_tuples(arguments))
    return made
