"""Weights of linear layers among the entries of a checkpoint.

Quantised checkpoints keep embeddings, heads, norms and routers as they are. The others are the matrices of
the layers that repeat, whose names have a number or a range between dots.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tensorseed.spec.names import expand
from tensorseed.spec.quantizations import MethodName

Entry = dict[str, Any]

_REPEATED = re.compile(r"\.(?:\d+|\{\d+\.\.\d+\})\.")
_WEIGHT = ".weight"
_EXPERTS = re.compile(r"\.experts\.(?:gate_up_proj|down_proj)$")
_KEPT = frozenset(("gate", "router", "shared_expert_gate", "relative_attention_bias"))
_CONV1D = frozenset(("c_attn", "c_proj", "c_fc", "q_attn"))  # of transformers' Conv1D, (inputs, outputs)
_TIED_HEADS = {
    "bert": "cls.predictions.decoder",
    "roberta": "lm_head.decoder",
    "whisper": "proj_out",
}  # linear layers without a tensor of their own; lm_head for other model types
_MAX_GROUP = 128  # of GPTQ, AWQ, int4 and int8_packed
_MIN_GROUP = 32
_GROUPED = ("gptq", "awq", "int4", "int8_packed")


class NothingQuantisedError(ValueError):
    """A checkpoint has no weights that a method quantises."""


def is_linear(name: str, entry: Mapping[str, Any], method: str) -> bool:
    """Whether a method quantises the tensor of this name and entry."""
    shape = entry.get("shape", ())
    if entry.get("type") != "Tensor" or "padding_idx" in entry or "dtype" in entry:
        return False
    if method == "mxfp4":
        return len(shape) == 3 and _EXPERTS.search(name) is not None
    module = name.removesuffix(_WEIGHT).rpartition(".")[2]
    return (
        len(shape) == 2
        and name.endswith(_WEIGHT)
        and _REPEATED.search(name) is not None
        and module not in _KEPT
        and not module.startswith("embed")
        and module not in _CONV1D
    )


def quantised_entries(
    layers: Sequence[Entry], method: MethodName, model_type: str | None = None
) -> tuple[list[Entry], Any, list[str]]:
    """The entries with a method's quantisation where it applies, that, and the modules that stay as they are.

    Those that stay include the head that a model ties to its embeddings.
    A group of GPTQ, AWQ, int4 and int8_packed has 128 inputs, or fewer where the sizes have no such divisor.

    Raises:
        NothingQuantisedError: no entry is quantised, or some are already.
    """
    if any("quantization" in entry for entry in layers):
        raise NothingQuantisedError("its recipe is quantised already")
    chosen = [is_linear(entry["name"], entry, method) for entry in layers]
    inputs = [entry["shape"][-1] for entry, is_one in zip(layers, chosen, strict=True) if is_one]
    if not inputs:
        raise NothingQuantisedError("none of its tensors is a weight that this method quantises")
    quantization: Any = method
    if method in _GROUPED and (group := _group(inputs)) != _MAX_GROUP:
        quantization = {"method": method, "group_size": group}
    kept = [
        name.removesuffix(_WEIGHT)
        for entry, is_one in zip(layers, chosen, strict=True)
        if not is_one and len(entry.get("shape", ())) == 2 and entry["name"].endswith(_WEIGHT)
        for name in expand(entry["name"])
    ]
    entries = [
        {**entry, "quantization": quantization} if is_one else entry
        for entry, is_one in zip(layers, chosen, strict=True)
    ]
    return entries, quantization, list(dict.fromkeys([*kept, _TIED_HEADS.get(model_type or "", "lm_head")]))


def _group(inputs: Sequence[int]) -> int:
    """The largest power of two up to 128 that divides all sizes.

    Raises:
        NothingQuantisedError: it is below 32.
    """
    group = math.gcd(_MAX_GROUP, *inputs)
    if group < _MIN_GROUP:
        raise NothingQuantisedError(f"its sizes divide into groups of {group}, fewer than {_MIN_GROUP}")
    return group
