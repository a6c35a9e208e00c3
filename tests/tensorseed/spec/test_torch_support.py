"""What torch cannot do is refused where it stands in the spec, and torch itself agrees."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tensorseed.sampling.dtypes import DTYPES
from tensorseed.spec.schemes import SCHEMES
from tensorseed.spec.torch_support import KINDS, STILL
from tests.tensorseed.spec.test_spec import conv, faults, linear, parse, tensor

FLOATS = ["float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"]
OWN = sorted({scheme.spellings()[0] for scheme in SCHEMES.values()} - KINDS)


def refused(layer: dict[str, Any], **top: Any) -> tuple[str, str]:
    (fault,) = faults(layer, generator="torch", **top)
    return fault


@pytest.mark.parametrize("kind", OWN)
def test_a_scheme_that_torch_lacks(kind: str) -> None:
    shape = [3, 3, 3] if "delta" in kind else [4, 4]
    pointer, detail = refused(tensor(shape=shape, init=kind))
    assert pointer == "/layers/0/init"
    assert f"torch has no {kind}: choose one of constant, " in detail
    assert detail.endswith("or leave generator out, or say philox")
    weight = conv(kernel_size=1) if "delta" in kind else linear()
    assert refused({**weight, "init": {"weight": kind}})[0] == "/layers/0/init/weight"


@pytest.mark.parametrize(
    ("layer", "pointer", "detail"),
    [
        (tensor(stream="v"), "/layers/0/stream", "order of layers"),
        (tensor(stream="w"), "/layers/0/stream", "order of layers"),
        (tensor(fan_axes={"in": 0, "out": 1}), "/layers/0/fan_axes", "its own axes"),
        (tensor(fan_axes={"in": 1, "out": 0}), "/layers/0/fan_axes", "its own axes"),
        (tensor(padding_idx=0), "/layers/0/padding_idx", "fills every row: use an Embedding"),
        (tensor(init="normal", dtype="float8_e5m2"), "/layers/0/init", "draws no float8_e5m2 numbers"),
        (linear(dtype="float8_e4m3fn"), "/layers/0/dtype", "draws no float8_e4m3fn numbers: use bfloat16"),
        (
            tensor(init={"kind": "uniform", "a": -6e4, "b": 6e4}, dtype="float16"),
            "/layers/0/init",
            "interval this wide",
        ),
        (
            tensor(init={"kind": "constant", "value": 65510}, dtype="float16"),
            "/layers/0/init",
            "beyond float16's largest value",
        ),
        (tensor(init={"kind": "trunc_normal", "a": 4, "b": 1e6}), "/layers/0/init", "move the far bound"),
    ],
)
def test_what_torch_cannot_do(layer: dict[str, Any], pointer: str, detail: str) -> None:
    found, told = refused(layer)
    assert found == pointer
    assert detail in told


def test_the_dtype_of_the_spec_is_the_entrys_fault() -> None:
    pointer, detail = refused(linear(init={"weight": "zeros", "bias": "zeros"}), dtype="float8_e5m2")
    assert pointer == "/layers/0"
    assert "draws no float8_e5m2 numbers" in detail


def test_philox_can_do_all_of_it() -> None:
    parse(tensor(stream="v", fan_axes={"in": 0, "out": 1}), linear(dtype="float8_e4m3fn"))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("kind", sorted(KINDS - STILL))
def test_torch_draws_what_is_offered_and_nothing_else(kind: str, dtype: str) -> None:
    """If a new torch draws more, the rules can be widened: this test says so."""
    real = torch.empty(6, 4, dtype=getattr(torch, dtype))
    parameters = {"sparsity": 0.5} if kind == "sparse" else {}
    offered = DTYPES[dtype].itemsize > 1 and (kind != "orthogonal" or dtype in {"float64", "float32"})
    draw = getattr(torch.nn.init, f"{kind}_")
    if offered:
        draw(real, **parameters)
    else:
        with pytest.raises(RuntimeError, match="not implemented"):
            draw(real, **parameters)


@pytest.mark.parametrize(
    "interval", [(-2.0, 2.0), (0.0, 1e6), (-1e6, 0.3), (0.1, 0.2), (3.0, 5.0), (2.0, 2.0), (-9.0, -8.0)]
)
def test_intervals_that_torch_draws_in_good_time_are_offered(interval: tuple[float, float]) -> None:
    a, b = interval
    parse(tensor(init={"kind": "trunc_normal", "a": a, "b": b}), generator="torch")


@pytest.mark.parametrize("shape", [[1 << 28], [1]])
@pytest.mark.parametrize("interval", [(-2.0, 2.0), (-0.6, 0.2), (0.0, 0.9), (-0.4, 0.3), (4.0, 4.5)])
def test_usual_intervals_are_offered_at_any_size(interval: tuple[float, float], shape: list[int]) -> None:
    a, b = interval
    parse(tensor(shape=shape, init={"kind": "trunc_normal", "a": a, "b": b}), generator="torch")
