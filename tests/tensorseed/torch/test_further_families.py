"""Models of further families in process, against their recipes."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load

import tensorseed.torch as ts
from tensorseed.checkpoints.derivation import derive
from tensorseed.checkpoints.derivation.building import silence
from tensorseed.checkpoints.derivation.recipe_from_model import class_of, config_of
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec
from tests.tensorseed.checkpoints.derivation.further_families import FURTHER


@pytest.mark.parametrize("kind", ["mamba", "wav2vec2", "vits", "recurrent_gemma"])
def test_a_live_model_has_the_bits_of_its_recipe(kind: str) -> None:
    config = config_of(FURTHER[kind])
    with silence():
        model = class_of(FURTHER[kind], config)(config)
    ts.init_(model, seed=42)
    weights = {**derive(FURTHER[kind])["weights"], "seed": 42}
    file = open_file(parse_spec(json.dumps(weights).encode(), Limits()))
    state = model.state_dict()
    for name, tensor in load(file.read(0, file.size).tobytes()).items():
        assert torch.equal(state[name], tensor), name
