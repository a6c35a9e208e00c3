"""Modules in layers: a validator's location, followed into them."""

from __future__ import annotations

import pytest

from tensorseed.spec.layers import LAYERS
from tensorseed.spec.layers.nesting import descend, nested_types
from tensorseed.spec.layers.normalization import LayerNormPart, RMSNormPart
from tensorseed.spec.layers.transformer_layers import DecoderLayerArguments, EncoderLayerArguments

ENCODER, LINEAR = LAYERS["TransformerEncoder"], LAYERS["Linear"]


def test_nested_types() -> None:
    assert nested_types(ENCODER, "encoder_layer") == {"": EncoderLayerArguments}
    assert nested_types(LAYERS["TransformerDecoder"], "decoder_layer") == {"": DecoderLayerArguments}
    assert nested_types(ENCODER, "norm") == {"LayerNorm": LayerNormPart, "RMSNorm": RMSNormPart}
    assert nested_types(ENCODER, "num_layers") == nested_types(ENCODER, "nothing") == {}


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ((), ((), ENCODER, ())),
        (("norm",), ((), ENCODER, ("norm",))),
        (("num_layers", "int"), ((), ENCODER, ("num_layers", "int"))),
        (("encoder_layer", "nhead"), (("encoder_layer",), EncoderLayerArguments, ("nhead",))),
        (("norm", "RMSNorm", "eps"), (("norm",), RMSNormPart, ("eps",))),
        (
            ("norm", "LayerNorm", "normalized_shape", "tuple", 1),
            (("norm",), LayerNormPart, ("normalized_shape", "tuple", 1)),
        ),
    ],
)
def test_descend(location: tuple[str | int, ...], expected: object) -> None:
    assert descend(ENCODER, location) == expected


def test_a_layer_without_parts_is_its_own_end() -> None:
    assert descend(LINEAR, ("in_features", "int")) == ((), LINEAR, ("in_features", "int"))
