"""The order in which a model's state dict holds the tensors of a recipe.

A recipe writes a stack of layers as neighbouring entries with the same brace range; a state dict holds the
first layer's tensors, then the second's. So entries are taken in the order of the recipe, blocks of them are
repeated as `spec.names.expand_blocks` does, and an entry of a `torch.nn` type yields its tensors in the order
of its own state dict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tensorseed.spec.entries import group_entries, validate_entry
from tensorseed.spec.faults import Located
from tensorseed.spec.layers import Layer
from tensorseed.spec.limits import Limits
from tensorseed.spec.names import expand_blocks


def state_dict_order(entries: Sequence[Mapping[str, Any]], limits: Limits) -> list[str]:
    """The names of all tensors of valid `entries` of a spec, in the order of a state dict."""
    named = [(entry["name"], _suffixes(entry, limits)) for entry in entries]
    return [f"{name}{suffix}" for name, suffixes in expand_blocks(named) for suffix in suffixes]


def _suffixes(entry: Mapping[str, Any], limits: Limits) -> tuple[str, ...]:
    """What the names of the entry's tensors have after the entry's own."""
    if entry["type"] == "Tensor":
        return ("",)
    faults: list[Located] = []
    (alike,) = group_entries([dict(entry)], faults, by_torch=False, ranges=True)
    model = validate_entry(alike, limits, faults)
    assert isinstance(model, Layer)
    return tuple(f".{slot.name}" for slot in model.slots())
