"""Bilinear kernels: the published code, torch's interpolation, moments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import conv_transpose2d, interpolate

from tensorseed.files.virtual_file import open_file
from tests.tensorseed.draws import tensor_arrays
from tests.tensorseed.spec.test_spec import faults, parse, tensor


def drawn(shape: list[int], **fields: Any) -> np.ndarray:
    entry = tensor(shape=shape, init="bilinear", dtype="float64", **fields)
    ((_, values),) = tensor_arrays(open_file(parse(entry)))
    return values


def filter_of(size: int) -> np.ndarray:
    """`upsample_filt` of the fully convolutional networks of Shelhamer, Long and Darrell, in other words."""
    factor = (size + 1) // 2
    centre = factor - 1 if size % 2 == 1 else factor - 0.5
    line = 1 - abs(np.arange(size) - centre) / factor
    return np.outer(line, line)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8, 16])
def test_the_kernel_is_that_of_the_published_code(size: int) -> None:
    expected = np.zeros((3, 3, size, size))
    expected[range(3), range(3)] = filter_of(size)
    assert np.array_equal(drawn([3, 3, size, size]), expected)


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("groups", [1, 5])
def test_a_transposed_convolution_interpolates_as_torch(factor: int, groups: int) -> None:
    """All but the pixels at the border, beyond which the convolution sees zeros."""
    size = 2 * factor - factor % 2
    weight = torch.from_numpy(drawn([5, 5 // groups, size, size]))
    x = torch.randn(1, 5, 6, 7, dtype=torch.float64)
    padding = (size - factor) // 2
    ours = conv_transpose2d(x, weight, stride=factor, padding=padding, groups=groups)
    theirs = interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    assert ours.shape == theirs.shape
    inner = slice(factor, -factor)
    assert torch.allclose(ours[..., inner, inner], theirs[..., inner, inner], atol=1e-12)


def test_kernels_in_other_layouts_and_shapes() -> None:
    kernel = drawn([4, 3, 2, 6], fan_axes={"in": -2, "out": -1})  # height, width, in, out
    for i in range(2):
        for o in range(6):
            line = 1 - abs(np.arange(4) - 1.5) / 2, 1 - abs(np.arange(3) - 1) / 2
            assert np.array_equal(kernel[:, :, i, o], np.outer(*line) * (i % 2 == o % 2))


@pytest.mark.parametrize("shape", [[3, 3, 4, 4], [4, 1, 3, 5], [2, 6, 5, 2], [1, 1, 1, 1]])
def test_moments_are_exact(shape: list[int]) -> None:
    found = parse(tensor(shape=shape, init="bilinear")).tensors[0]
    values = drawn(shape)
    assert found.distribution.moments(found.shape) == pytest.approx((values.mean(), values.std()), rel=1e-12)


@pytest.mark.parametrize(
    ("shape", "detail"),
    [([4, 4], "give four dimensions"), ([3, 3, 3], "give four"), ([4, 3, 2, 2], "3 and 4 do not")],
)
def test_other_shapes_are_refused(shape: list[int], detail: str) -> None:
    ((pointer, told),) = faults(tensor(shape=shape, init="bilinear"))
    assert pointer == "/layers/0/init"
    assert detail in told
