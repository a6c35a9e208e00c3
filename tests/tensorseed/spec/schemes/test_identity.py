"""Identities with a gain, of matrices and of convolutions."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from tensorseed.files.virtual_file import open_file
from tests.tensorseed.draws import tensor_arrays
from tests.tensorseed.spec.test_spec import conv, faults, parse, tensor


def drawn(*layers: Any) -> np.ndarray:
    arrays = tensor_arrays(open_file(parse(*layers)))
    return next(values for tensor, values in arrays if not tensor.name.endswith("bias"))


def test_the_gain_is_the_diagonal_as_of_keras() -> None:
    import keras  # here, for the tests that do without it

    theirs = np.asarray(keras.initializers.Identity(gain=0.98)((5, 7)))
    assert np.array_equal(drawn(tensor(shape=[5, 7], init={"kind": "eye", "gain": 0.98})), theirs)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_the_identity_of_a_convolution_passes_its_input_through(groups: int) -> None:
    init = {"weight": {"kind": "eye", "gain": 0.5}}
    layer = conv(in_channels=4, out_channels=4, groups=groups, init=init)
    weight = torch.from_numpy(drawn(layer))
    x = torch.randn(2, 4, 6, 6, dtype=torch.float64)
    y = torch.nn.functional.conv2d(x, weight, padding=1, groups=groups)
    assert torch.equal(y, 0.5 * x)


@pytest.mark.parametrize("groups", [1, 2])
def test_of_a_convolution_it_is_dirac(groups: int) -> None:
    layer = conv(in_channels=4, out_channels=4, groups=groups)
    dirac = {"kind": "dirac", "groups": groups, "gain": 0.5}
    eye = parse({**layer, "init": {"weight": {"kind": "eye", "gain": 0.5}}})
    assert eye == parse({**layer, "init": {"weight": dirac}})
    bare = json.loads(parse(tensor(shape=[2, 2, 3], init="eye")).recipe)
    assert bare["layers"][0]["init"] == "dirac"


def test_a_vector_has_no_identity() -> None:
    ((pointer, detail),) = faults(tensor(shape=[3], init="eye"))
    assert pointer == "/layers/0/init"
    assert "eye fills matrices, of two dimensions, and convolution kernels, of three to five" in detail


def test_a_gain_that_the_dtype_lacks() -> None:
    init = {"kind": "eye", "gain": 1e6}
    for shape in ([2, 2], [2, 2, 3]):
        ((pointer, detail),) = faults(tensor(shape=shape, init=init, dtype="float16"))
        assert pointer == "/layers/0/init/gain"
        assert "beyond float16's largest value" in detail
