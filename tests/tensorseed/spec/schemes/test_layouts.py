"""Matrices along any axes, against Keras, JAX and the matrices themselves."""

from __future__ import annotations

import json
from typing import Any

import jax
import keras
import numpy as np
import pytest
from jax.nn import initializers

from tensorseed.errors import SpecError
from tensorseed.files.preparations import missing_preparations
from tensorseed.files.virtual_file import open_file, open_slice
from tensorseed.sampling.distributions import Axis, KernelCentre, Orthogonal, Sparse, Stack
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.sampling.philox import Stream
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec
from tests.tensorseed.draws import tensor_arrays

Array = np.ndarray[Any, Any]


def described(shape: Any, init: Any, axes: Any, **fields: Any) -> Any:
    layer = {"name": "w", "type": "Tensor", "shape": list(shape), "init": init, "fan_axes": axes, **fields}
    return parse_spec(json.dumps({"layers": [layer]}).encode(), Limits())


def drawn(shape: Any, init: Any, axes: Any) -> Array:
    return tensor_arrays(open_file(described(shape, init, axes, dtype="float64")))[0][1]


def gram_error(matrix: Array) -> float:
    """How far the shorter side is from orthonormal."""
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    return float(np.abs(tall.T @ tall - np.eye(tall.shape[1])).max())


@pytest.mark.parametrize("shape", [(3, 3, 4, 12), (2, 2, 4, 24), (5, 3, 7), (16, 8), (8, 16)])
def test_orthogonal_kernels_of_keras_and_jax(shape: tuple[int, ...]) -> None:
    """(*kernel, in, out), such as Conv2D's and Dense's: one matrix of `out` columns."""
    kernels = [
        drawn(shape, "orthogonal", {"in": -2, "out": -1}),
        keras.initializers.Orthogonal(seed=1)(shape),
        initializers.orthogonal()(jax.random.key(1), shape),
    ]
    for kernel in map(np.asarray, kernels):
        matrix = kernel.reshape(-1, shape[-1])
        assert gram_error(matrix) < 5e-6
        assert (kernel.astype(np.float64) ** 2).sum() == pytest.approx(min(matrix.shape), rel=1e-5)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_orthogonal_along_jaxs_column_axis(axis: int) -> None:
    shape = (6, 4, 5)
    others = [other for other in range(3) if other != axis]
    kernels = [
        drawn(shape, "orthogonal", {"in": others, "out": axis}),
        drawn(shape, "orthogonal", {"in": others[0], "out": axis}),  # the other one is spatial
        initializers.orthogonal(column_axis=axis)(jax.random.key(1), shape),
    ]
    for kernel in map(np.asarray, kernels):
        assert gram_error(np.moveaxis(kernel, axis, -1).reshape(-1, shape[axis])) < 5e-6


def test_orthogonal_attention() -> None:
    query = keras.layers.MultiHeadAttention(2, 4, kernel_initializer="orthogonal")
    query.build((1, 3, 8), (1, 3, 8))
    shape = query._query_dense.kernel.shape
    assert shape == (8, 2, 4)  # embed, heads, head
    ours = drawn(shape, "orthogonal", {"in": 0, "out": [1, 2]})
    assert gram_error(ours.reshape(8, 8)) < 1e-12
    back = drawn((2, 4, 8), "orthogonal", {"in": [0, 1], "out": 2})
    assert gram_error(back.reshape(8, 8)) < 1e-12
    assert gram_error(np.asarray(query._output_dense.kernel).reshape(8, 8)) < 5e-6


@pytest.mark.parametrize(("rows", "columns"), [(4, 6), (3, 9), (9, 3)])
@pytest.mark.parametrize("batch", [0, 1, 2])
def test_a_batch_has_a_matrix_for_each_index(batch: int, rows: int, columns: int) -> None:
    """That of the part of its number, wherever the axis is."""
    shape = [rows, columns]
    shape.insert(batch, 5)
    inputs, outputs = (axis for axis in range(3) if axis != batch)
    whole = drawn(shape, "orthogonal", {"in": inputs, "out": outputs, "batch": batch})
    base, dtype = Orthogonal(rows, columns, 1.0), DTYPES["float64"]
    indices = np.arange(rows * columns)
    for number, matrix in enumerate(np.moveaxis(whole, batch, 0)):
        assert gram_error(matrix) < 1e-12
        expected = base.elements(Stream(0, "w").part(number), indices)
        assert np.array_equal(matrix.ravel(), expected)
    tensor = described(shape, "orthogonal", {"in": inputs, "out": outputs, "batch": batch}).tensors[0]
    std = max(rows, columns) ** -0.5
    assert tensor.distribution.moments(tensor.shape) == pytest.approx((0.0, std))
    assert tensor.distribution.nanoseconds(dtype) > 0


def test_groups_are_a_batch() -> None:
    """Of a grouped convolution in the layout of torch, in that of JAX, and of Keras's depthwise one."""
    torchs = drawn((6, 4, 3), "orthogonal", {"in": 1, "out": 0, "groups": 3})
    assert max(gram_error(group.reshape(2, -1)) for group in np.split(torchs, 3)) < 1e-12
    jaxs = drawn((3, 4, 6), "orthogonal", {"in": 1, "out": 2, "groups": 3})
    assert max(gram_error(group.reshape(-1, 2)) for group in np.split(jaxs, 3, axis=2)) < 1e-12
    depthwise = drawn((3, 3, 5, 2), "orthogonal", {"in": [], "out": 3, "batch": 2})
    assert max(gram_error(depthwise[:, :, channel].reshape(-1, 2)) for channel in range(5)) < 1e-12
    delta = drawn((3, 4, 8), "delta_orthogonal", {"in": 1, "out": 2, "groups": 2})
    assert max(gram_error(group) for group in np.split(delta[1], 2, axis=1)) < 1e-12
    assert not delta[[0, 2]].any()


def test_variance_scaling_of_experts_is_jaxs() -> None:
    shape, axes = (8, 64, 128), {"in": 1, "out": 2, "batch": 0}
    theirs = initializers.lecun_normal(in_axis=1, out_axis=2, batch_axis=0)(jax.random.key(0), shape)
    assert drawn(shape, "lecun_normal", axes).std() == pytest.approx(np.asarray(theirs).std(), rel=0.02)


SPARSE = {"kind": "sparse", "sparsity": 0.3}


@pytest.mark.parametrize(
    ("shape", "axes", "along", "zeros"),
    [
        ((7, 9), {"in": 1, "out": 0}, (0,), 3),
        ((7, 9), {"in": 0, "out": 1}, (1,), 3),
        ((3, 7, 9), {"in": 1, "out": 2, "batch": 0}, (2,), 3),
        ((7, 3, 9), {"in": 1, "out": [0, 2]}, (0, 2), 19),
        ((7, 3, 9), {"in": [0, 2], "out": 1}, (1,), 1),
    ],
)
def test_sparse_outputs_of_each_input(shape: Any, axes: Any, along: tuple[int, ...], zeros: int) -> None:
    found = drawn(shape, SPARSE, axes)
    assert ((found == 0).sum(axis=along) == zeros).all()
    normal = drawn(shape, {"kind": "normal", "std": 0.01}, axes)
    assert np.array_equal(found[found != 0], normal[found != 0])


def test_sparse_by_group() -> None:
    found = drawn((8, 3), SPARSE, {"in": 1, "out": 0, "groups": 2}).reshape(2, 4, 3)
    assert ((found == 0).sum(axis=1) == 2).all()


def test_ones_within_each_index_of_the_batch() -> None:
    eyes = drawn((5, 3, 4), "eye", {"in": 1, "out": 2, "batch": 0})
    assert np.array_equal(eyes, np.broadcast_to(np.eye(3, 4), (5, 3, 4)))
    dirac = drawn((2, 3, 3, 4), "dirac", {"in": 2, "out": 3, "batch": 0})
    assert np.array_equal(dirac[1, 1], np.eye(3, 4))
    assert dirac.sum() == 6
    grouped = drawn((4, 2, 3), "dirac", {"in": 1, "out": 0, "groups": 2})
    assert np.array_equal(grouped, drawn((4, 2, 3), {"kind": "dirac", "groups": 2}, {"in": 1, "out": 0}))


@pytest.mark.parametrize(
    ("shape", "init", "axes"),
    [
        ((4, 6, 3), "orthogonal", {"in": 0, "out": 1}),
        ((4, 6, 9), "orthogonal", {"in": 0, "out": 2, "batch": 1}),
        ((4, 6, 9), "orthogonal", {"in": 1, "out": 2, "batch": 0}),
        ((4, 6, 3), SPARSE, {"in": 0, "out": 2, "batch": 1}),
        ((3, 4, 12), "delta_orthogonal", {"in": 1, "out": 2, "groups": 3}),
    ],
)
def test_slices_are_parts_of_the_whole(shape: Any, init: Any, axes: Any) -> None:
    file = open_file(described(shape, init, axes, dtype="bfloat16", padding_idx=1))
    whole = tensor_arrays(file)[0][1]
    assert not whole[1].any()
    for at in ["1:3,:,:", ":,2:3,:", "0:2,1:3,1:2", "2:3,0:4,2:3"]:
        part = tensor_arrays(open_slice(file, "w", at))[0][1]
        index = tuple(slice(*(int(n) if n else None for n in one.split(":"))) for one in at.split(","))
        assert np.array_equal(part, whole[index])


def test_parts_have_the_axes_of_the_whole() -> None:
    """Each with the groups that it holds, and with a stack of its own."""
    init = {"kind": "parts", "parts": [{"size": 4, "init": "orthogonal"}, {"size": 8, "init": "he_normal"}]}
    axes = {"in": 1, "out": 0, "groups": 6}
    whole = drawn((12, 3, 3), init, axes)
    assert max(gram_error(group.reshape(2, -1)) for group in np.split(whole[:4], 2)) < 1e-12
    runs = described((12, 3, 3), init, axes).tensors[0].distribution.runs
    assert runs[0].base == Stack(Orthogonal(2, 9, 1.0), 2)
    assert runs[1].base.std == pytest.approx((2 / 9) ** 0.5)
    halves = {"kind": "parts", "parts": [{"size": 6, "init": "orthogonal", "repeat": 2}]}
    with pytest.raises(SpecError, match="a group has 4 outputs, and this part draws 6"):
        described((12, 3, 3), halves, {**axes, "groups": 3})
    experts = {"kind": "parts", "parts": [{"size": 2, "init": "orthogonal", "repeat": 2}]}
    file = open_file(described((4, 40, 3), experts, {"in": 2, "out": 1, "batch": 0}))
    entry = file.entries()[0]
    each = entry.tensor.nbytes // 4
    for number in range(4):
        begin = entry.start + number * each
        assert len(missing_preparations(file, begin, begin + each)) == 1


def test_simple_layouts_cost_no_map() -> None:
    def of(shape: Any, axes: Any, init: Any = "orthogonal") -> Any:
        return described(shape, init, axes).tensors[0].distribution

    assert of((3, 3, 8, 16), {"in": -2, "out": -1}) == Orthogonal(72, 16, 1.0)
    assert of((8, 2, 4), {"in": 0, "out": [1, 2]}) == Orthogonal(8, 8, 1.0)
    assert of((5, 8, 4), {"in": 1, "out": 2, "batch": 0}) == Stack(Orthogonal(8, 4, 1.0), 5)
    assert of((1, 8, 4), {"in": 1, "out": 2, "batch": 0}) == Orthogonal(8, 4, 1.0)
    assert of((6, 4, 3), {"in": 1, "out": 0, "groups": 2}) == Stack(Orthogonal(3, 12, 1.0), 2)
    mixed = KernelCentre(Orthogonal(12, 6, 1.0), (Axis(18, 4), Axis(1, 3), Axis(3, 6)))
    assert of((4, 6, 3), {"in": 0, "out": 1}) == mixed
    assert of((4, 6), {"in": 1, "out": 0}, SPARSE) == Sparse(4, 6, 2, 0.01)


@pytest.mark.parametrize(
    ("shape", "init", "axes", "detail"),
    [
        ((3, 4, 5), SPARSE, {"in": 1, "out": 2}, "fan_axes that use every one"),
        ((3, 4), "dirac", {"in": 0, "out": 1}, "use eye for matrices"),
        ((3, 4, 5), "delta_orthogonal", {"in": 2, "out": 1}, "as many outputs as inputs"),
        ((2, 1 << 15, 1 << 14), "orthogonal", {"in": 1, "out": 2, "batch": 0}, "268,435,456 allowed"),
        (
            (8192, 8, 4096),
            "orthogonal",
            {"in": 0, "out": 2, "batch": 1},
            "8 orthogonal.*batch axes first",
        ),
        ((2, 8192, 4096), "orthogonal", {"in": 1, "out": [0, 2]}, "an orthogonal matrix.*put batch axes"),
    ],
)
def test_refusals(shape: Any, init: Any, axes: Any, detail: str) -> None:
    with pytest.raises(SpecError, match=detail):
        described(shape, init, axes)


def test_large_layouts_that_are_read_in_order() -> None:
    for shape, axes in [
        ((8, 14336, 4096), {"in": 1, "out": 2, "batch": 0}),
        ((4096, 3, 4096), {"in": 0, "out": 2, "batch": 1}),
        ((1024, 4096, 2, 2), {"in": 0, "out": 1}),
        ((3, 3, 1, 4096), {"in": 2, "out": 3, "groups": 4096}),
    ]:
        assert described(shape, "orthogonal", axes).tensors[0].nbytes > 0
