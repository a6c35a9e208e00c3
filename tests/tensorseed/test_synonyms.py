"""Names of other frameworks in the errors of unknown names."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from tensorseed.evaluations.containers import CONTAINERS
from tensorseed.evaluations.graph import TYPES
from tensorseed.evaluations.optimizers import OPTIMIZERS
from tensorseed.losses.registry import LOSSES
from tensorseed.spec.frameworks import find
from tensorseed.spec.layers import LAYERS
from tensorseed.spec.schemes import SCHEMES
from tensorseed.suggestions import unknown_name
from tensorseed.synonyms import LAYERS as LAYER_SYNONYMS
from tensorseed.synonyms import LOSSES as LOSS_SYNONYMS
from tensorseed.synonyms import OPTIMIZERS as OPTIMIZER_SYNONYMS
from tensorseed.synonyms import SCHEMES as SCHEME_SYNONYMS
from tensorseed.synonyms import synonyms_of

VALID: dict[str, Collection[str]] = {
    "scheme": SCHEMES,
    "loss": LOSSES,
    "layer type": [*LAYERS, *TYPES, *CONTAINERS],
    "optimizer": OPTIMIZERS,
    "field": [
        "a",
        "b",
        "mean",
        "std",
        "out_features",
        "out_channels",
        "lr",
        "stride",
        "bias",
        "value",
        "eps",
        "omega",
        "p",
        "match",
        "shape",
        "seed",
        "init",
        "shortcut",
        "fan_axes",
    ],
}


@pytest.mark.parametrize(
    ("word", "name", "guess"),
    [
        ("scheme", "random_normal", "normal or keras.RandomNormal"),
        ("scheme", "RandomNormal", "normal or keras.RandomNormal"),
        ("scheme", "random_uniform", "uniform or keras.RandomUniform"),
        ("scheme", "truncated_normal", "trunc_normal or keras.TruncatedNormal"),
        ("scheme", "he", "kaiming_normal or kaiming_uniform"),
        ("scheme", "HeNormal", "kaiming_normal or keras.HeNormal"),
        ("scheme", "msra", "kaiming_normal, kaiming_uniform or caffe.msra"),
        ("scheme", "xavier", "xavier_uniform or xavier_normal"),
        ("scheme", "gaussian", "normal"),
        ("scheme", "Identity", "eye"),
        ("scheme", "zero", "zeros"),
        ("scheme", "norml", "normal"),
        ("loss", "mae", "l1_loss"),
        ("loss", "MAELoss", "l1_loss"),
        ("loss", "mean_absolute_error", "l1_loss"),
        ("loss", "mean_squared_error", "mse_loss"),
        ("loss", "keras.losses.MeanSquaredError", "mse_loss"),
        ("loss", "bce", "binary_cross_entropy or binary_cross_entropy_with_logits"),
        ("loss", "categorical_crossentropy", "cross_entropy"),
        ("loss", "SparseCategoricalCrossentropy", "cross_entropy"),
        ("loss", "KLDivergence", "kl_div"),
        ("loss", "Dice", "dice_loss"),
        ("loss", "FocalLoss", "sigmoid_focal_loss"),
        ("layer type", "Dense", "Linear"),
        ("layer type", "Conv2D", "Conv2d"),
        ("layer type", "Conv2DTranspose", "ConvTranspose2d"),
        ("layer type", "BatchNormalization", "BatchNorm1d or BatchNorm2d"),
        ("layer type", "LayerNormalization", "LayerNorm"),
        ("layer type", "GlobalAveragePooling2D", "AdaptiveAvgPool2d"),
        ("layer type", "Add", "Residual"),
        ("layer type", "BasicBlock", "Residual"),
        ("layer type", "keras.layers.Concatenate", "Concat"),
        ("layer type", "Sin", "Sine"),
        ("layer type", "ReZero", "LayerScale"),
        ("layer type", "layer_scale", "LayerScale"),
        ("optimizer", "adam", "Adam"),
        ("optimizer", "sgd", "SGD"),
        ("optimizer", "momentum", "SGD"),
        ("field", "stddev", "std"),
        ("field", "units", "out_features"),
        ("field", "learning_rate", "lr"),
        ("field", "w0", "omega"),
        ("field", "prior", "p"),
        ("field", "groups", "fan_axes"),
        ("field", "downsample", "shortcut"),
        ("field", "random_state", "seed"),
        ("scheme", "ICNR", "parts"),
    ],
)
def test_a_synonym_is_suggested_before_a_near_name(word: str, name: str, guess: str) -> None:
    assert f"did you mean {guess}? " in unknown_name(word, name, VALID[word])


@pytest.mark.parametrize(
    ("word", "table"),
    [
        ("scheme", SCHEME_SYNONYMS),
        ("loss", LOSS_SYNONYMS),
        ("layer type", LAYER_SYNONYMS),
        ("optimizer", OPTIMIZER_SYNONYMS),
    ],
)
def test_every_suggestion_is_a_name_that_works(word: str, table: dict[str, tuple[str, ...]]) -> None:
    for key, names in table.items():
        assert key == key.casefold()
        for name in names:
            assert name in VALID[word] or find(name) is not None, (key, name)


def test_a_name_that_is_not_valid_there_is_no_suggestion() -> None:
    assert synonyms_of("loss", "mae", ["mse_loss"]) == []
    assert synonyms_of("tensor", "mae", ["l1_loss"]) == []
