"""Quantisation of derived entries by a published quantization_config."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorseed.checkpoints.quantization.cached_attention import MEMBER, cached_attentions
from tensorseed.checkpoints.quantization.config_formats import read_format
from tensorseed.checkpoints.quantization.described import ActivationScale, ConfigFormatError
from tensorseed.checkpoints.quantization.linear_weights import is_linear
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.spec.quantizations import check_quantization
from tensorseed.spec.schemes import ArgumentError

Body = dict[str, Any]  # an entry but for its name


def quantised_tensors(
    described: Sequence[tuple[str, Body]], document: Any, dtype: str
) -> list[tuple[str, Body]]:
    """The entries by name, those quantised that a checked quantization_config means.

    Where it says that activations have scales of their own, these stand beside the weights, all alike.
    Those of a cache stand before the tensors of its attention, as its own parameters do in a state_dict.

    Raises:
        ConfigFormatError: there are none, or a size does not fit.
    """
    found = read_format(document)
    attentions = cached_attentions(name for name, _ in described) if found.caches else set()
    if found.caches and not attentions:
        detail = f"no attention of this model has a cache to scale: leave {MEMBER} out"
        raise ConfigFormatError(MEMBER, detail)
    entries, shapes = [], set()
    for name, body in described:
        if attentions and (module := _attention(name, attentions)):
            attentions.remove(module)
            entries += [(f"{module}.{scale.name}", _scale(scale, dtype)) for scale in found.caches]
        entry = {field: value for field, value in body.items() if (field, value) != ("dtype", dtype)}
        chosen = is_linear(name, entry, found.method) and not found.ignores(name.removesuffix(".weight"))
        if chosen:
            shapes.add(tuple(entry["shape"]))
        entries.append((name, {**body, "quantization": found.quantization} if chosen else body))
        if chosen and found.activations is not None:
            entries.append((_beside(name, found.activations.name), _scale(found.activations, dtype)))
    if not shapes:
        detail = f"no weight of this model is quantised by {found.method}: leave quantization_config out"
        raise ConfigFormatError("", detail)
    for shape in sorted(shapes):
        try:
            check_quantization(found.quantization, shape, DTYPES[dtype])
        except ArgumentError as error:
            raise ConfigFormatError("", f"a weight of shape {list(shape)}: {error}") from None
    return entries


def _attention(name: str, attentions: set[str]) -> str | None:
    """That of the modules which a tensor is in."""
    parts = name.split(".")
    found = (".".join(parts[:end]) for end in range(1, len(parts)))
    return next((module for module in found if module in attentions), None)


def _beside(name: str, last: str) -> str:
    """The name of a tensor of the same module."""
    module = name.rpartition(".")[0]
    return f"{module}.{last}"


def _scale(scale: ActivationScale, dtype: str) -> Body:
    """The entry of a scale of activations, but for its name."""
    init = {"kind": "constant", "value": scale.value}
    return {"type": "Tensor", "shape": [*scale.shape], "init": init, "dtype": scale.dtype or dtype}
