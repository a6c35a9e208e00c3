"""Cases of evaluations: every layer type with an input, and shortcuts."""

from __future__ import annotations

import json
from typing import Any

from tensorseed.errors import EvaluationError
from tensorseed.evaluations import evaluate, read_evaluation
from tensorseed.evaluations.evaluation import Evaluation
from tensorseed.evaluations.report import Comparison, Report
from tensorseed.spec.limits import Limits

Case = tuple[dict[str, Any], list[int]]

VECTOR, SERIES, IMAGE, VOLUME = [6, 8], [6, 4, 8], [6, 4, 8, 8], [6, 4, 8, 8, 8]
SPATIAL = {1: SERIES, 2: IMAGE, 3: VOLUME}
HEADS = {"d_model": 8, "nhead": 2, "dim_feedforward": 12}

_POINTWISE = """ReLU ReLU6 LeakyReLU RReLU ELU CELU SELU GELU SiLU Mish Hardswish Softplus Sigmoid LogSigmoid
    Hardsigmoid Tanh Hardtanh Softsign Tanhshrink Hardshrink Softshrink GLU Dropout AlphaDropout
    FeatureAlphaDropout Identity Flatten"""

MODULES: dict[str, Case] = {
    **{name: ({}, VECTOR) for name in _POINTWISE.split()},
    **{name: ({"dim": -1}, VECTOR) for name in ("Softmax", "Softmin", "LogSoftmax")},
    "Sine": ({"omega": 2.5}, VECTOR),
    "Select": ({"dim": 1}, SERIES),
    "Permute": ({"dims": [0, -1, 1]}, SERIES),
    "Mean": ({"dim": [1, -1]}, IMAGE),
    "Threshold": ({"threshold": 0.1, "value": 2.0}, VECTOR),
    "Softmax2d": ({}, IMAGE),
    **{f"Dropout{rank}d": ({}, shape) for rank, shape in SPATIAL.items()},
    "Unflatten": ({"dim": 1, "unflattened_size": [2, -1]}, VECTOR),
    "PixelShuffle": ({"upscale_factor": 2}, IMAGE),
    "PixelUnshuffle": ({"downscale_factor": 2}, IMAGE),
    "ChannelShuffle": ({"groups": 2}, IMAGE),
    "Unfold": ({"kernel_size": 3}, IMAGE),
    "Fold": ({"output_size": [4, 4], "kernel_size": 2, "stride": 2}, [6, 8, 4]),
    "LocalResponseNorm": ({"size": 2}, IMAGE),
    "Upsample": ({"scale_factor": 2, "mode": "bilinear", "align_corners": True}, IMAGE),
    "UpsamplingNearest2d": ({"size": 12}, IMAGE),
    "UpsamplingBilinear2d": ({"scale_factor": [2.0, 3.0]}, IMAGE),
    **{f"MaxPool{rank}d": ({"kernel_size": 2}, shape) for rank, shape in SPATIAL.items()},
    **{
        f"AvgPool{rank}d": ({"kernel_size": [3] * rank, "padding": 1}, shape)
        for rank, shape in SPATIAL.items()
    },
    **{f"LPPool{rank}d": ({"norm_type": 2, "kernel_size": 2}, shape) for rank, shape in SPATIAL.items()},
    **{f"AdaptiveAvgPool{rank}d": ({"output_size": 3}, shape) for rank, shape in SPATIAL.items()},
    **{f"AdaptiveMaxPool{rank}d": ({"output_size": 3}, shape) for rank, shape in SPATIAL.items()},
    "FractionalMaxPool2d": ({"kernel_size": 2, "output_size": 4}, IMAGE),
    "FractionalMaxPool3d": ({"kernel_size": 2, "output_ratio": 0.5}, VOLUME),
    **{
        f"{kind}Pad{rank}d": ({"padding": 1, **({"value": 0.5} if kind == "Constant" else {})}, shape)
        for kind in ("Zero", "Constant", "Reflection", "Replication", "Circular")
        for rank, shape in SPATIAL.items()
    },
}
"""By type: the arguments, and the shape of an input."""

LAYERS: dict[str, Case] = {
    "Linear": ({"in_features": 8, "out_features": 5}, VECTOR),
    **{
        f"Conv{rank}d": ({"in_channels": 4, "out_channels": 6, "kernel_size": 3}, shape)
        for rank, shape in SPATIAL.items()
    },
    **{
        f"ConvTranspose{rank}d": ({"in_channels": 4, "out_channels": 6, "kernel_size": 2}, shape)
        for rank, shape in SPATIAL.items()
    },
    "Embedding": ({"num_embeddings": 9, "embedding_dim": 3}, [6, 4]),
    "EmbeddingBag": ({"num_embeddings": 9, "embedding_dim": 3}, [6, 4]),
    **{
        name: ({"input_size": 8, "hidden_size": 5, "num_layers": 2, "dropout": 0.25}, SERIES)
        for name in ("RNN", "LSTM", "GRU")
    },
    **{name: ({"input_size": 8, "hidden_size": 5}, VECTOR) for name in ("RNNCell", "LSTMCell", "GRUCell")},
    "MultiheadAttention": ({"embed_dim": 8, "num_heads": 2, "batch_first": True, "dropout": 0.1}, SERIES),
    "TransformerEncoderLayer": (HEADS, SERIES),
    "TransformerEncoder": ({"encoder_layer": HEADS, "num_layers": 2}, SERIES),
    "LayerNorm": ({"normalized_shape": 8}, VECTOR),
    "RMSNorm": ({"normalized_shape": [4, 8]}, SERIES),
    "GroupNorm": ({"num_groups": 2, "num_channels": 4}, IMAGE),
    **{f"BatchNorm{rank}d": ({"num_features": 4}, shape) for rank, shape in SPATIAL.items()},
    **{
        f"InstanceNorm{rank}d": ({"num_features": 4, "affine": True}, shape)
        for rank, shape in SPATIAL.items()
    },
    "SyncBatchNorm": ({"num_features": 4}, IMAGE),
    "PReLU": ({"num_parameters": 4}, IMAGE),
    "LayerScale": ({"dim": 4, "axis": 1}, IMAGE),
}
"""The same for the layers with parameters."""

LIMITS = Limits()


def document(kind: str, case: Case) -> dict[str, Any]:
    """An evaluation of one layer."""
    arguments, shape = case
    given: dict[str, Any] = {"shape": shape, "init": "normal"}
    if kind.startswith("Embedding"):
        given = {"shape": shape, "classes": 9}
    return {"layers": [{"name": "one", "type": kind, **arguments}], "input": given}


def read(asked: Any, limits: Limits = LIMITS) -> Evaluation:
    """The evaluation of a document."""
    return read_evaluation(json.dumps(asked).encode(), limits)


def report(asked: Any, limits: Limits = LIMITS) -> Report:
    """The report of an evaluation without variants."""
    found = evaluate(read(asked, limits))
    assert isinstance(found, Report)
    return found


def reports(asked: Any, limits: Limits = LIMITS) -> list[Report]:
    """The reports of all variants."""
    found = evaluate(read(asked, limits))
    assert isinstance(found, Comparison)
    return list(found.reports)


def faults(asked: Any, limits: Limits = LIMITS) -> dict[str, str]:
    """The faults of a document, by pointer."""
    try:
        evaluate(read(asked, limits))
    except EvaluationError as error:
        return {fault.pointer: fault.detail for fault in error.faults}
    return {}
