"""`quantization_config` of compressed-tensors, as it is read and written."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from tensorseed.checkpoints.quantization.activations import input_scale
from tensorseed.checkpoints.quantization.cached_attention import cache_scales
from tensorseed.checkpoints.quantization.described import (
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
MIXED = "mixed-precision"  # each group names its own format
MAX_GROUPS = 64
MAX_SHOWN = 20  # characters of a value in a message

_CLASSES = frozenset(("Linear", "Module"))  # names in `ignore` that stand for every linear layer
_LINEAR = "Linear"
_TEXT_BLOCK = re.compile(r"([1-9]\d{0,3})x([1-9]\d{0,3})", re.ASCII)
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
"""The methods of compressed-tensors. `int4` and `int8_packed` may have the strategy channel as well."""


def read_compressed(document: Document) -> Described:
    """What the config says: one method, of one group or of several that are alike.

    Raises:
        ConfigFormatError: the method, or an option of it, is not supported.
    """
    groups = document.get(_AT)
    if not isinstance(groups, dict) or not 0 < len(groups) <= MAX_GROUPS:
        detail = f"config_groups must have one group, or up to {MAX_GROUPS} that are quantised alike"
        raise ConfigFormatError(_AT, detail)
    targets: list[str] = []
    found: list[tuple[str, Any, ActivationScale | None]] = []
    for group in groups.values():
        weights = group.get("weights") if isinstance(group, dict) else None
        if not isinstance(weights, dict):
            raise ConfigFormatError(_AT, "each group of config_groups must have weights, an object")
        targets += _targets(group)
        found.append(_read_group(document, group, weights))
    method, value, activations = found[0]
    if any(one != found[0] for one in found):
        detail = "groups of different methods or activations are not supported: quantise all alike"
        raise ConfigFormatError(_AT, detail)
    if object_of(document, "sparsity_config").get("format") not in (None, "dense"):
        raise ConfigFormatError("sparsity_config", "sparsity_config must be of the format dense here")
    if document.get("transform_config"):
        raise ConfigFormatError("transform_config", "transform_config adds tensors: leave it out")
    ignored = names(document, "ignore")
    chosen = None if _CLASSES.isdisjoint(ignored) else ()
    left = patterns(ignored, "ignore", are_whole=True)
    only = None if _LINEAR in targets else patterns(targets, _AT, are_whole=True)
    caches = cache_scales(document.get("kv_cache_scheme"))
    return Described(value, method, left, chosen, activations, caches, only)


def _targets(group: Document) -> list[str]:
    """The targets of a group: the class Linear, names of modules, or expressions."""
    found = group.get("targets")
    is_list = isinstance(found, list) and all(isinstance(one, str) and one for one in found)
    if not is_list or not found or any(one != _LINEAR and one[0].isupper() for one in found):
        detail = 'targets must be ["Linear"], or names of linear layers and expressions, as "re:.*mlp.*"'
        raise ConfigFormatError(_AT, detail)
    return list(found)


def _read_group(
    document: Document, group: Document, weights: Document
) -> tuple[str, Any, ActivationScale | None]:
    """The method of a group, it with its options, and the scale of its activations."""
    overall = document.get("format")
    form = group.get("format") if overall in (None, MIXED) else overall
    method = _method(group, weights, form)
    scheme = SCHEMES[method]
    if weights.get("actorder") not in (None, False, "static", "weight"):
        raise ConfigFormatError(_AT, "actorder must be static or null: there are no activations to sort by")
    activations = input_scale(group, method, takes_inputs=scheme.takes_inputs)
    if weights.get("dynamic") or weights.get("scale_dtype") not in (None, scheme.scale_dtype):
        dtype = scheme.scale_dtype or "the dtype of the weights"
        raise ConfigFormatError(_AT, f"weights must have scales, of {dtype}")
    formats = (scheme.form, *_OLDER.get(scheme.form, ()))
    expect(document, "format", (None, *formats, MIXED))
    if group.get("format") not in ((*formats,) if overall == MIXED else (None, *formats)):
        raise ConfigFormatError(_AT, f"the format of the group must be {scheme.form} here")
    return method, _with_options(method, weights), activations


def _method(group: Document, weights: Document, form: Any) -> str:
    """The method of a group's weights, in files of a format.

    Raises:
        ConfigFormatError: there is none; the message names the member at fault.
    """
    number = {"num_bits": weights.get("num_bits"), "type": weights.get("type")}
    strategy = _strategy(weights)
    named = [name for name, one in SCHEMES.items() if (one.bits, one.type) == (*number.values(),)]
    if not named:
        detail = "num_bits and type of the weights must be 8 or 4 and float or int"
        raise ConfigFormatError(_AT, f"{detail}, not {_words(number)}")
    method = next((name for name in named if SCHEMES[name].strategy == strategy), None)
    kind = f"{number['type']} of {number['num_bits']} bits"
    if method is None and strategy == "channel" and "int4" in named:
        method = "int4"
    if method is None:
        known = " or ".join([SCHEMES[name].strategy for name in named] + ["channel"] * ("int4" in named))
        raise ConfigFormatError(_AT, f"the strategy of weights that are {kind} must be {known}")
    if method == "int8" and (form == PACKED or (form is None and not group.get("input_activations"))):
        method = "int8_packed"
    size = SCHEMES[method].group
    if size not in (None, weights.get("group_size")):
        raise ConfigFormatError(_AT, f"the group_size of {kind} by {strategy} must be {size} here")
    if method == "mxfp8" and weights.get("scale_dtype") != "torch.uint8":
        raise ConfigFormatError(_AT, "floats of 8 bits by group must have a scale_dtype of torch.uint8")
    is_symmetric = weights.get("symmetric", True)
    if is_symmetric is not True and (method != "int4" or is_symmetric is not False):
        wanted = "true or false" if method == "int4" else "true: int of 4 bits alone has zero points"
        raise ConfigFormatError(_AT, f"the member symmetric of weights that are {kind} must be {wanted}")
    return method


def _strategy(weights: Document) -> Any:
    """The strategy of weights, which follows from their group size where it is missing."""
    strategy, size = weights.get("strategy"), weights.get("group_size")
    if strategy is not None or (size is not None and type(size) is not int):
        return strategy
    return "tensor" if size is None else "channel" if size == -1 else "group"


def _words(members: Document) -> str:
    return " and ".join(json.dumps(value)[:MAX_SHOWN] for value in members.values())


def _with_options(method: str, weights: Document) -> Any:
    """The method with the options that its weights name."""
    options: Document = {}
    if method == "fp8_block":
        options["block_size"] = tuple(block_structure(weights))
    if method in ("int4", "int8_packed") and _strategy(weights) == "channel":
        options["group_size"] = "channel"
    elif method in ("int4", "int8_packed"):
        value = grouped(method, weights, _AT, divisor=4 if method == "int8_packed" else 8)
        options = {} if isinstance(value, str) else value
    if weights.get("symmetric") is False:
        options["symmetric"] = False
    return Quantization(**{"method": method, **options}).value()


def block_structure(weights: Document) -> list[int]:
    """Rows and columns of a block: a list, the text that older versions wrote, or the default.

    >>> block_structure({"block_structure": "64x32"})
    [64, 32]
    """
    value = weights.get("block_structure")
    if value is None:
        return [128, 128]
    if isinstance(value, str) and (match := _TEXT_BLOCK.fullmatch(value)):
        value = [int(match[1]), int(match[2])]
    if (
        isinstance(value, list)
        and len(value) == 2
        and all(type(one) is int and 0 < one <= MAX_BLOCK for one in value)
    ):
        return value
    raise ConfigFormatError(_AT, "block_structure must be two sizes up to 1,024, such as [128, 128]")


def spelled_compressed(document: Document) -> Document:
    """A checked config with its blocks as lists, as all versions of the library read them."""
    groups = {
        name: {**group, "weights": {**group["weights"], "block_structure": block_structure(group["weights"])}}
        if group["weights"].get("strategy") == "block"
        else group
        for name, group in document[_AT].items()
    }
    return {**document, _AT: groups}


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
