"""Refused arguments of layers: torch's own, with place and remedy."""

from __future__ import annotations

from typing import Any

import pytest

from tensorseed.spec.layers.exclusions import EXCLUDED
from tests.tensorseed.spec.layers.grids import module
from tests.tensorseed.spec.layers.single import BLOCK, CONV, LSTM, SOFTMAX, STACK, fault

pytestmark = pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")


@pytest.mark.parametrize(
    ("kind", "arguments", "pointer", "words"),
    [
        (
            "Bilinear",
            {"in1_features": 0, "in2_features": 2, "out_features": 1},
            "/in1_features",
            "at least 1",
        ),
        ("Conv1d", {**CONV, "groups": 3}, "/groups", "divide in_channels"),
        ("Conv2d", {**CONV, "out_channels": 6, "groups": 4}, "/groups", "divide out_channels"),
        ("Conv2d", {**CONV, "stride": [1, 2], "padding": "same"}, "/padding", "stride of 1"),
        ("Conv2d", {**CONV, "padding": "full"}, "/padding", "same, valid"),
        ("Conv2d", {**CONV, "padding_mode": "mirror"}, "/padding_mode", "reflect"),
        ("ConvTranspose2d", {**CONV, "in_channels": 6, "groups": 4}, "/groups", "divide in_channels"),
        ("ConvTranspose3d", {**CONV, "padding_mode": "circular"}, "/padding_mode", "one of zeros"),
        ("Embedding", {"num_embeddings": 5, "embedding_dim": 3, "padding_idx": 5}, "/padding_idx", "5 rows"),
        (
            "EmbeddingBag",
            {"num_embeddings": 5, "embedding_dim": 3, "padding_idx": -6},
            "/padding_idx",
            "5 row",
        ),
        ("RNN", {**LSTM, "input_size": 0}, "/input_size", "at least 1"),
        ("RNN", {**LSTM, "nonlinearity": "gelu"}, "/nonlinearity", "tanh, relu"),
        ("RNN", {**LSTM, "proj_size": 1}, "/proj_size", "unknown field"),
        ("GRU", {**LSTM, "hidden_size": 0}, "/hidden_size", "at least 1"),
        ("LSTM", {**LSTM, "proj_size": 3}, "/proj_size", "smaller than hidden_size"),
        ("LSTM", {**LSTM, "proj_size": -1}, "/proj_size", "at least 0"),
        ("LSTM", {**LSTM, "num_layers": 0}, "/num_layers", "at least 1"),
        ("LSTM", {**LSTM, "dropout": 1.5}, "/dropout", "at most 1"),
        ("MultiheadAttention", {"embed_dim": 8, "num_heads": 3}, "/num_heads", "divide embed_dim"),
        ("MultiheadAttention", {"embed_dim": 0, "num_heads": 1}, "/embed_dim", "at least 1"),
        ("MultiheadAttention", {"embed_dim": 8, "num_heads": 0}, "/num_heads", "at least 1"),
        ("TransformerEncoderLayer", {**BLOCK, "nhead": 3}, "/nhead", "divide d_model"),
        ("TransformerDecoderLayer", {**BLOCK, "dropout": -0.1}, "/dropout", "at least 0"),
        ("TransformerEncoderLayer", {**BLOCK, "activation": "tanh"}, "/activation", "relu, gelu"),
        (
            "TransformerEncoder",
            {**STACK, "encoder_layer": {"d_model": 8, "nhead": 3}},
            "/encoder_layer/nhead",
            "div",
        ),
        (
            "TransformerDecoder",
            {"decoder_layer": {**BLOCK, "dropout": 2}, "num_layers": 0},
            "/decoder_layer/dropout",
            "1",
        ),
        ("Transformer", {"d_model": 10, "nhead": 4}, "/nhead", "divide d_model"),
        ("GroupNorm", {"num_groups": 3, "num_channels": 8}, "/num_groups", "divide num_channels"),
        ("GroupNorm", {"num_groups": 0, "num_channels": 8}, "/num_groups", "at least 1"),
        ("LayerNorm", {"normalized_shape": -1}, "/normalized_shape", "at least 0"),
        ("AdaptiveLogSoftmaxWithLoss", {**SOFTMAX, "cutoffs": []}, "/cutoffs", "at least one"),
        ("AdaptiveLogSoftmaxWithLoss", {**SOFTMAX, "cutoffs": [0, 5]}, "/cutoffs/0", "at least 1"),
        ("AdaptiveLogSoftmaxWithLoss", {**SOFTMAX, "cutoffs": [5, 5]}, "/cutoffs/1", "increase"),
        ("AdaptiveLogSoftmaxWithLoss", {**SOFTMAX, "cutoffs": [9, 5]}, "/cutoffs/1", "increase"),
        ("AdaptiveLogSoftmaxWithLoss", {**SOFTMAX, "cutoffs": [5, 20]}, "/cutoffs/1", "up to 19"),
        ("AdaptiveLogSoftmaxWithLoss", {**SOFTMAX, "div_value": 1e300}, "/div_value", "tail 1 overflows"),
        (
            "LinearCrossEntropyLoss",
            {"in_features": 2, "num_classes": 3, "label_smoothing": 2},
            "/label_smoothing",
            "1",
        ),
    ],
)
def test_what_torch_refuses_is_refused_and_explained(
    kind: str, arguments: dict[str, Any], pointer: str, words: str
) -> None:
    with pytest.raises((ValueError, AssertionError, RuntimeError, ArithmeticError)):
        module(kind, **arguments)
    found, detail = fault(kind, arguments)
    assert found == pointer
    assert words in detail


@pytest.mark.parametrize(
    ("kind", "arguments", "pointer", "words"),
    [
        ("ConvTranspose2d", {**CONV, "padding": "same"}, "/padding", "padding must be an integer, or"),
        ("Conv2d", {**CONV, "padding": 0.5}, "/padding", "padding must be same, valid, an integer, or"),
        ("EmbeddingBag", {"num_embeddings": 5, "embedding_dim": 3, "mode": "min"}, "/mode", "sum, mean, max"),
        ("MultiheadAttention", {"embed_dim": 8, "num_heads": 2, "kdim": "8"}, "/kdim", "must be an integer"),
        ("MultiheadAttention", {"embed_dim": 8, "num_heads": 2, "dropout": 1.1}, "/dropout", "at most 1"),
        ("TransformerEncoder", {"num_layers": 2}, "/encoder_layer", "is required"),
        ("TransformerEncoder", {**STACK, "encoder_layer": 3}, "/encoder_layer", "must be an object"),
        (
            "TransformerEncoder",
            {**STACK, "encoder_layer": {"d_model": 8}},
            "/encoder_layer/nhead",
            "is required",
        ),
        (
            "TransformerEncoder",
            {**STACK, "encoder_layer": {**BLOCK, "name": "a"}},
            "/encoder_layer/name",
            "are d_model",
        ),
        ("TransformerEncoder", {**STACK, "norm": 3}, "/norm", "norm must be an object"),
        ("TransformerEncoder", {**STACK, "norm": {}}, "/norm/type", "one of LayerNorm, RMSNorm"),
        (
            "TransformerEncoder",
            {**STACK, "norm": {"type": "ReLU"}},
            "/norm/type",
            "valid are LayerNorm, RMSNorm",
        ),
        (
            "TransformerEncoder",
            {**STACK, "norm": {"type": "RMSNorm"}},
            "/norm/normalized_shape",
            "is required",
        ),
        (
            "TransformerEncoder",
            {**STACK, "norm": {"type": "LayerNorm", "normalized_shape": [8, -1]}},
            "/norm/normalized_shape/1",
            "at least 0",
        ),
        (
            "TransformerEncoder",
            {**STACK, "norm": {"type": "LayerNorm", "normalized_shape": "8"}},
            "/norm/normalized_shape",
            "an integer, or a list",
        ),
        ("AdaptiveLogSoftmaxWithLoss", {**SOFTMAX, "cutoffs": 5}, "/cutoffs", "must be a list"),
        ("AdaptiveLogSoftmaxWithLoss", {**SOFTMAX, "div_value": 0}, "/div_value", "greater than 0"),
        ("AdaptiveLogSoftmaxWithLoss", {**SOFTMAX, "div_value": 1e-300}, "/div_value", "tail 0 overflows"),
        ("PReLU", {"init": 0.3}, "/init", "an object of inits by parameter"),
    ],
)
def test_what_only_json_can_say_wrong_is_explained(
    kind: str, arguments: dict[str, Any], pointer: str, words: str
) -> None:
    found, detail = fault(kind, arguments)
    assert found == pointer
    assert words in detail


@pytest.mark.parametrize("kind", EXCLUDED)
def test_an_excluded_type_says_why(kind: str) -> None:
    assert fault(kind, {}) == ("/type", f"there is no {kind} here: {EXCLUDED[kind]}")
