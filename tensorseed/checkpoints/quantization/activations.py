"""Activations of compressed-tensors' groups, and their stored scales."""

from __future__ import annotations

from typing import Any

from tensorseed.checkpoints.quantization.described import (
    INPUT_SCALE,
    ActivationScale,
    ConfigFormatError,
    Document,
)

FLOAT4_OVER_FLOAT8 = 448 * 6  # the largest weight of NVFP4 under a scale of 1 for the tensor

_AT = "config_groups"


def input_scale(group: Document, method: str, *, takes_inputs: bool) -> ActivationScale | None:
    """The scale of inputs that a group of a method stores, if there is one.

    The library packs integers for float inputs alone; for others it writes them as int8.

    Raises:
        ConfigFormatError: the activations do not go with the weights, or take a calibration.
    """
    inputs, outputs = _object(group, "input_activations"), _object(group, "output_activations")
    if outputs and outputs.get("dynamic") is not True:
        raise ConfigFormatError(_AT, "output_activations must be dynamic: nothing is calibrated")
    if inputs is None:
        return None
    if not takes_inputs:
        detail = "packed integers are for inputs that stay floats: input_activations must be null"
        raise ConfigFormatError(_AT, detail)
    weights = group["weights"]
    for member, words in (("type", "type"), ("num_bits", "bits")):
        if inputs.get(member, weights[member]) != weights[member]:
            detail = f"input_activations must be of the {words} of the weights, {weights[member]}"
            raise ConfigFormatError(_AT, f"{detail}: no kernel multiplies others by them")
    if inputs.get("dynamic") is True:
        return None
    kind = (weights["type"], weights["num_bits"], inputs.get("strategy"), inputs.get("symmetric", True))
    if method == "nvfp4":
        if kind != ("float", 4, "tensor_group", True) or inputs.get("dynamic") != "local":
            detail = 'input_activations of nvfp4 must be symmetric, by tensor_group, and of dynamic "local"'
            raise ConfigFormatError(_AT, f"{detail}: nothing else is calibrated here")
        reach = INPUT_SCALE * 448  # of the inputs
        return ActivationScale("input_global_scale", (1,), "float32", FLOAT4_OVER_FLOAT8 / reach)
    if kind != ("float", 8, "tensor", True) or inputs.get("dynamic", False) is not False:
        detail = "input_activations must be dynamic, or symmetric floats of 8 bits by tensor"
        raise ConfigFormatError(_AT, f"{detail}: nothing is calibrated here")
    return ActivationScale("input_scale", (1,))


def _object(group: Document, member: str) -> Any:
    """An object of activations, or None where they stay as they are."""
    found = group.get(member)
    if found is not None and (not isinstance(found, dict) or not found):
        raise ConfigFormatError(_AT, f"{member} must be an object that says how, or null")
    return found
