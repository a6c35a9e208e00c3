"""Example specs, which `/docs` offers and a test posts."""

from __future__ import annotations

from ..http.openapi import body_example

_MLP = {
    "seed": 42,
    "layers": [
        {
            "name": "fc1",
            "type": "Linear",
            "in_features": 784,
            "out_features": 256,
            "init": {"weight": {"kind": "kaiming_normal", "nonlinearity": "relu"}, "bias": "zeros"},
        },
        {"name": "norm", "type": "BatchNorm1d", "num_features": 256},
        {"name": "fc{2..3}", "type": "Linear", "in_features": 256, "out_features": 256},
        {"name": "head", "type": "Linear", "in_features": 256, "out_features": 10, "init": "xavier_uniform"},
    ],
}
_TENSOR = {
    "seed": 42,
    "layers": [{"name": "weight", "type": "Tensor", "shape": [256, 784], "init": "xavier_uniform"}],
}
_RULES = {
    "seed": 7,
    "dtype": "bfloat16",
    "rules": [
        {"match": "**.bias", "init": "zeros"},
        {"type": "Linear", "init": {"kind": "trunc_normal", "std": 0.02}},
    ],
    "layers": [
        {"name": "embed", "type": "Embedding", "num_embeddings": 1000, "embedding_dim": 64},
        {"name": "blocks.{0..3}.attn", "type": "MultiheadAttention", "embed_dim": 64, "num_heads": 4},
        {"name": "blocks.{0..3}.mlp", "type": "Linear", "in_features": 64, "out_features": 256},
        {"name": "norm", "type": "LayerNorm", "normalized_shape": 64},
    ],
}
_KERAS = {
    "layers": [
        {
            "name": "dense.kernel",
            "type": "Tensor",
            "shape": [784, 256],
            "fan_axes": {"in": -2, "out": -1},
            "init": {"kind": "keras.HeNormal"},
        }
    ]
}
_TORCH = {
    "seed": 0,
    "generator": "torch",
    "layers": [{"name": "fc", "type": "Linear", "in_features": 784, "out_features": 256}],
}

SPEC_EXAMPLES = {
    "network": body_example("A network: layers, inits, a range of names", _MLP),
    "tensor": body_example("One tensor", _TENSOR),
    "rules": body_example("Inits by rules, in bfloat16", _RULES),
    "keras": body_example("Another framework's initializer and layout", _KERAS),
    "torch": body_example("What torch.manual_seed(0) gives a Linear", _TORCH),
}
