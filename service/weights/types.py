"""Types and members that several models of a spec have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from tensorseed.sampling.dtypes import DTypeName
from tensorseed.spec.layers import LAYERS, AnyEntry, Entry, Layer
from tensorseed.spec.numbers import Seed
from tensorseed.spec.schemes import SCHEMES, AnyScheme, Init, SchemeName
from tensorseed.spec.spec import Spec

from ..http.openapi import member_schema

_OF_SPECS = ("device", "torch_version", "torch_kernels", "init_order", "rules")
_OF_LAYERS = {
    "Conv2d": ("groups", "in_channels", "out_channels"),
    "BatchNorm2d": ("momentum", "eps", "num_features"),
    "TransformerEncoderLayer": (
        *("nhead", "dim_feedforward", "dropout", "activation"),
        *("layer_norm_eps", "norm_first", "batch_first"),
    ),
    "LayerNorm": ("normalized_shape",),
    "LSTM": ("bias",),
}
"""The arguments that alike layers have, by one of these."""


def spec_types() -> dict[str, Any]:
    """The types by the names of their components."""
    return {
        "DType": DTypeName,
        "Seed": Seed,
        "SchemeName": SchemeName,
        "Scheme": AnyScheme,
        "Init": Init,
        **{name: member_schema(model, member) for name, model, member in _members()},
        "Layer": AnyEntry,
    }


def _members() -> Iterator[tuple[str, type[BaseModel], str]]:
    """Members that several models have, by the name of their component."""
    yield "EntryName", Entry, "name"
    yield "EntryStream", Entry, "stream"
    yield "EntrySeed", Entry, "seed"
    yield "LayerDType", Layer, "dtype"
    yield "LayerInits", Layer, "init"
    yield "Nonlinearity", SCHEMES["kaiming_normal"], "nonlinearity"
    for member in _OF_SPECS:
        yield f"Spec{_camel(member)}", Spec, member
    for kind, members in _OF_LAYERS.items():
        for member in members:
            yield f"{kind}{_camel(member)}", LAYERS[kind], member
    for size in ("1d", "2d", "3d"):
        yield f"ConvKernel{size}", LAYERS[f"Conv{size}"], "kernel_size"
        yield f"ConvDilation{size}", LAYERS[f"Conv{size}"], "dilation"


def _camel(member: str) -> str:
    return "".join(word.capitalize() for word in member.split("_"))
