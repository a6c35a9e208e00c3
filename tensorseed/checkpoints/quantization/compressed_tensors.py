"""`quantization_config` of compressed-tensors, as it is read and written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from tensorseed.checkpoints.quantization.cached_attention import cache_scales
from tensorseed.checkpoints.quantization.described import (
    INPUT_SCALE,
    ActivationScale,
    ConfigFormatError,
    Described,
    Document,
    expect,
    grouped,
    names,
    object_of,
    patterns,
)
from tensorseed.spec.quantizations import MAX_BLOCK, Quantization

PACKED = "pack-quantized"
FLOAT4_OVER_FLOAT8 = 448 * 6  # the largest weight of NVFP4 under a scale of 1 for the tensor

_CLASSES = frozenset(("Linear", "Module"))  # names in `ignore` that stand for every linear layer
_AT = "config_groups"
_OLDER = dict.fromkeys(("int-quantized", "float-quantized"), ("naive-quantized",))  # an older name of both


class Scheme(NamedTuple):
    """What the config says of the weights of a method, and the format of its files."""

    bits: int
    type: str
    strategy: str
    form: str
    group: int | None = None  # the only size of a group
    scale_dtype: str | None = None
    takes_inputs: bool = True  # whether activations may be quantised


SCHEMES = {
    "fp8_channel": Scheme(8, "float", "channel", "float-quantized"),
    "fp8_tensor": Scheme(8, "float", "tensor", "float-quantized"),
    "fp8_block": Scheme(8, "float", "block", "float-quantized"),
    "mxfp8": Scheme(8, "float", "group", "mxfp8-quantized", 32, "torch.uint8"),
    "nvfp4": Scheme(4, "float", "tensor_group", "nvfp4-pack-quantized", 16, "torch.float8_e4m3fn"),
    "int8": Scheme(8, "int", "channel", "int-quantized"),
    "int8_packed": Scheme(8, "int", "group", PACKED, takes_inputs=False),
    "int4": Scheme(4, "int", "group", PACKED, takes_inputs=False),
}
"""The methods of compressed-tensors. `int8_packed` may have the strategy channel as well."""


def read_compressed(document: Document) -> Described:
    """What the config says.

    Raises:
        ConfigFormatError: the method, or an option of it, is not supported.
    """
    groups = document.get(_AT)
    group = next(iter(groups.values())) if isinstance(groups, dict) and len(groups) == 1 else None
    weights = group.get("weights") if isinstance(group, dict) else None
    if not isinstance(weights, dict) or group is None or group.get("targets") != ["Linear"]:
        raise ConfigFormatError(_AT, 'config_groups must have one group, of targets ["Linear"] with weights')
    method = _method(document, group, weights)
    scheme = SCHEMES[method]
    if weights.get("actorder") not in (None, False, "static", "weight"):
        raise ConfigFormatError(_AT, "actorder must be static or null: there are no activations to sort by")
    activations = _activations(group, method)
    if weights.get("dynamic") or weights.get("scale_dtype") not in (None, scheme.scale_dtype):
        dtype = scheme.scale_dtype or "the dtype of the weights"
        raise ConfigFormatError(_AT, f"weights must have scales, of {dtype}")
    formats = (None, scheme.form, *_OLDER.get(scheme.form, ()))
    expect(document, "format", formats)
    if group.get("format") not in formats:
        raise ConfigFormatError(_AT, f"format must be {scheme.form} here")
    if object_of(document, "sparsity_config").get("format") not in (None, "dense"):
        raise ConfigFormatError("sparsity_config", "sparsity_config must be of the format dense here")
    if document.get("transform_config"):
        raise ConfigFormatError("transform_config", "transform_config adds tensors: leave it out")
    ignored = names(document, "ignore")
    chosen = None if _CLASSES.isdisjoint(ignored) else ()
    found = patterns(ignored, "ignore", are_whole=True)
    caches = cache_scales(document.get("kv_cache_scheme"))
    return Described(_with_options(method, weights), method, found, chosen, activations, caches)


def _method(document: Document, group: Document, weights: Document) -> str:
    """The method of a group's weights."""
    kind = (weights.get("num_bits"), weights.get("type"), weights.get("strategy"))
    found = [name for name, one in SCHEMES.items() if (one.bits, one.type, one.strategy) == kind]
    method = found[0] if found else None
    form = document.get("format") or group.get("format")
    if method == "int8" and (form == PACKED or (form is None and not group.get("input_activations"))):
        method = "int8_packed"
    is_symmetric = weights.get("symmetric", True)
    if method is None or (is_symmetric is not True and (method != "int4" or is_symmetric is not False)):
        detail = "weights must be symmetric: float of 8 bits by channel, tensor, block or group of 32"
        detail = f"{detail}, float of 4 bits by tensor_group of 16, int of 8 bits by channel or group"
        raise ConfigFormatError(_AT, f"{detail}, or int of 4 bits by group, which may have zero points")
    if SCHEMES[method].group not in (None, weights.get("group_size")):
        raise ConfigFormatError(_AT, f"group_size must be {SCHEMES[method].group} here")
    if method == "mxfp8" and weights.get("scale_dtype") != "torch.uint8":
        raise ConfigFormatError(_AT, "floats of 8 bits by group must have a scale_dtype of torch.uint8")
    return method


def _with_options(method: str, weights: Document) -> Any:
    """The method with the options that its weights name."""
    options: Document = {}
    if method == "fp8_block":
        options["block_size"] = _block(weights.get("block_structure", [128, 128]))
    if method == "int8_packed" and weights["strategy"] == "channel":
        options["group_size"] = "channel"
    elif method in ("int4", "int8_packed"):
        value = grouped(method, weights, _AT)
        options = {} if isinstance(value, str) else value
    if weights.get("symmetric") is False:
        options["symmetric"] = False
    return Quantization(**{"method": method, **options}).value()


def _block(value: Any) -> Any:
    if not (
        isinstance(value, list)
        and len(value) == 2
        and all(type(one) is int and 0 < one <= MAX_BLOCK for one in value)
    ):
        raise ConfigFormatError(_AT, "block_structure must be two sizes up to 1,024, such as [128, 128]")
    return (value[0], value[1])


def _activations(group: Document, method: str) -> ActivationScale | None:
    """The scale of inputs that a group stores, if there is one.

    The library packs integers for float inputs alone; for others it writes them as int8.
    """
    inputs, outputs = group.get("input_activations"), group.get("output_activations")
    if not SCHEMES[method].takes_inputs and inputs:
        detail = "packed integers are for inputs that stay floats: input_activations must be null"
        raise ConfigFormatError(_AT, detail)
    if isinstance(outputs, dict) and outputs.get("dynamic") is not True:
        raise ConfigFormatError(_AT, "output_activations must be dynamic: nothing is calibrated")
    weights = group["weights"]
    if isinstance(inputs, dict) and inputs.get("type", weights["type"]) != weights["type"]:
        detail = f"input_activations must be of the type of the weights, {weights['type']}"
        raise ConfigFormatError(_AT, f"{detail}: no kernel multiplies others by them")
    if not isinstance(inputs, dict) or inputs.get("dynamic") is True:
        return None
    kind = (inputs.get("type"), inputs.get("num_bits"), inputs.get("strategy"), inputs.get("symmetric", True))
    if method == "nvfp4" and kind == ("float", 4, "tensor_group", True) and inputs.get("dynamic") == "local":
        reach = INPUT_SCALE * 448  # of the inputs
        return ActivationScale("input_global_scale", (1,), "float32", FLOAT4_OVER_FLOAT8 / reach)
    if kind != ("float", 8, "tensor", True) or inputs.get("dynamic", False) is not False:
        detail = "input_activations must be dynamic, or symmetric floats of 8 bits by tensor"
        raise ConfigFormatError(_AT, f"{detail}: nothing is calibrated here")
    return ActivationScale("input_scale", (1,))


def written_compressed(found: Quantization, kept: Sequence[str]) -> Document:
    """The config with one group, of all linear layers but those `kept`."""
    scheme = SCHEMES[found.method]
    number: Document = {"num_bits": scheme.bits, "type": scheme.type, "symmetric": found.option("symmetric")}
    weights = {**number, "strategy": scheme.strategy, "dynamic": False}
    inputs: Document | None = {**number, "strategy": "token", "dynamic": True}
    if scheme.scale_dtype:
        weights |= {"group_size": scheme.group, "scale_dtype": scheme.scale_dtype}
        inputs = None
    if found.method == "fp8_block":
        weights["block_structure"] = [*found.option("block_size")]
        inputs = {**number, "strategy": "group", "group_size": 128, "dynamic": True}
    if not scheme.takes_inputs:
        inputs, size = None, found.option("group_size")
        weights |= {"strategy": "channel"} if size == "channel" else {"group_size": size}
    return {
        "quant_method": "compressed-tensors",
        "format": scheme.form,
        "quantization_status": "compressed",
        "ignore": [*kept],
        _AT: {
            "group_0": {
                "targets": ["Linear"],
                "weights": weights,
                "input_activations": inputs,
                "output_activations": None,
            }
        },
    }
