"""Types and members that several models of a spec have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from tensorseed.sampling.dtypes import DTypeName
from tensorseed.spec.layers import LAYERS, AnyEntry
from tensorseed.spec.layers.normalization import LayerNormPart, RMSNormPart
from tensorseed.spec.layers.transformer_layers import DecoderLayerArguments, EncoderLayerArguments
from tensorseed.spec.numbers import Seed
from tensorseed.spec.schemes import SCHEME_CLASSES, SCHEMES, AnyScheme, Init, SchemeName, WholeScheme
from tensorseed.spec.spec import Spec

from ..http.openapi import member_schema

_OF_SPECS = ("device", "torch_version", "torch_kernels", "init_order", "rules")
_OF_LAYERS = {
    "BatchNorm2d": ("eps", "num_features"),
    "TransformerEncoderLayer": ("batch_first",),
    "LayerNorm": ("normalized_shape",),
    "Conv2d": ("padding_mode",),
    "LSTM": ("bias",),
}
"""The arguments that alike layers have, by one of these."""


def spec_types() -> dict[str, Any]:
    """The types by the names of their components."""
    from tensorseed.spec.modules import base  # of modules, which no start needs

    return {
        "DType": DTypeName,
        "Seed": Seed,
        "SchemeName": SchemeName,
        "WholeScheme": WholeScheme,
        "Size1d": base.Size1,
        "Size2d": base.Size2,
        "Size3d": base.Size3,
        "Window1d": base.Window1,
        "Window2d": base.Window2,
        "Window3d": base.Window3,
        "Scheme": AnyScheme,
        "Init": Init,
        **{name: member_schema(model, member) for name, model, member in _members()},
        "Layer": AnyEntry,
    }


def spec_heirs() -> tuple[type[BaseModel], ...]:
    """The layers, their parts, and the schemes."""
    parts = (EncoderLayerArguments, DecoderLayerArguments, LayerNormPart, RMSNormPart)
    return (*LAYERS.values(), *parts, *SCHEME_CLASSES)


def _members() -> Iterator[tuple[str, type[BaseModel], str]]:
    """Members that several models have, by the name of their component."""
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
