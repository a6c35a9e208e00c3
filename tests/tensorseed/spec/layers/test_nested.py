"""The way from a validator's location to the part that it is about."""

from __future__ import annotations

import pytest

from tensorseed.spec.layers import LAYERS
from tensorseed.spec.layers.nested import choices, descend
from tensorseed.spec.layers.normalization import LayerNormPart, RMSNormPart
from tensorseed.spec.layers.transformer_layers import DecoderLayerArguments, EncoderLayerArguments

ENCODER, LINEAR = LAYERS["TransformerEncoder"], LAYERS["Linear"]


def test_choices() -> None:
    assert choices(ENCODER, "encoder_layer") == {"": EncoderLayerArguments}
    assert choices(LAYERS["TransformerDecoder"], "decoder_layer") == {"": DecoderLayerArguments}
    assert choices(ENCODER, "norm") == {"LayerNorm": LayerNormPart, "RMSNorm": RMSNormPart}
    assert choices(ENCODER, "num_layers") == choices(ENCODER, "nothing") == {}


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
