"""State dicts and modules of layers against torch's."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

from tests.tensorseed.spec.layers.grids import GRIDS, cases, make, module

pytestmark = [
    pytest.mark.filterwarnings("ignore:Initializing zero-element tensors"),
    pytest.mark.filterwarnings("ignore:enable_nested_tensor is True"),
]


@pytest.mark.parametrize("kind", GRIDS)
def test_names_shapes_and_dtypes_are_torchs(kind: str) -> None:
    for arguments in (arguments for name, arguments in cases() if name == kind):
        expected = [
            (name, tuple(tensor.shape), tensor.dtype == torch.int64)
            for name, tensor in module(kind, **arguments).state_dict().items()
        ]
        slots = [(slot.name, slot.shape, slot.integer) for slot in make(kind, **arguments).slots()]
        assert slots == expected, arguments


@pytest.mark.parametrize("kind", GRIDS)
def test_builds_what_torch_builds_bit_for_bit(kind: str) -> None:
    for arguments in [arguments for name, arguments in cases() if name == kind][::7]:
        torch.manual_seed(5)
        theirs = module(kind, **arguments)
        torch.manual_seed(5)
        ours = make(kind, **arguments).build(dtype=torch.float32, device=torch.device("cpu"))
        assert type(ours) is type(theirs)
        assert repr(ours) == repr(theirs), arguments
        found, expected = ours.state_dict(), theirs.state_dict()
        assert list(found) == list(expected)
        assert all(torch.equal(found[name], expected[name]) for name in expected), arguments


@pytest.mark.parametrize("kind", GRIDS)
def test_builds_in_the_dtype_and_on_the_device_that_are_asked_for(kind: str) -> None:
    arguments = {name: values[-1] for name, values in GRIDS[kind].items()}
    state = make(kind, **arguments).build(dtype=torch.float64, device="meta").state_dict()
    floating = {tensor.dtype for tensor in state.values()} - {torch.int64}
    assert floating <= {torch.float64}
    assert {tensor.device.type for tensor in state.values()} <= {"meta"}


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("LSTM", {"input_size": 2, "hidden_size": 3, "dropout": 0.5}),
        ("TransformerEncoder", {"encoder_layer": {"d_model": 4, "nhead": 1}, "num_layers": 1}),
        ("Transformer", {"d_model": 4, "nhead": 2, "dim_feedforward": 2}),
    ],
)
def test_builds_silently_where_torch_warns(kind: str, arguments: dict[str, Any]) -> None:
    with pytest.warns(UserWarning, match=r"dropout|nested"):
        warned = module(kind, **arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = make(kind, **arguments).build(dtype=torch.float32)
    assert list(ours.state_dict()) == list(warned.state_dict())


@pytest.mark.parametrize(
    "changed", [{}, {"norm_first": True}, {"batch_first": False}, {"bias": False}, {"nhead": 3}]
)
def test_padding_is_skipped_exactly_where_torch_can(changed: dict[str, Any]) -> None:
    part = {"d_model": 6, "nhead": 2, "batch_first": True, **changed}
    ours = make("TransformerEncoder", encoder_layer=part, num_layers=1).build(dtype=torch.float32)
    theirs = module("TransformerEncoder", encoder_layer=part, num_layers=1)
    assert ours.use_nested_tensor == theirs.use_nested_tensor == (not changed)
