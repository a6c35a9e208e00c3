"""`quantization_config` of a config.json, as it is read.

Formats: transformers' `fp8`, `mxfp4`, `gptq` and `awq`, and compressed-tensors.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tensorseed.checkpoints.quantization.module_patterns import (
    EXPRESSION,
    MAX_PATTERN_CHARS,
    MAX_PATTERNS,
    ModulePatterns,
    PatternError,
)
from tensorseed.checkpoints.quantization.written_formats import PACKED, STRATEGIES
from tensorseed.spec.quantizations import MAX_BLOCK

Document = dict[str, Any]

SUPPORTED = ("fp8", "compressed-tensors", "mxfp4", "gptq", "awq")

_CLASSES = frozenset(("Linear", "Module"))  # names in `ignore` that stand for every linear layer


class ConfigFormatError(ValueError):
    """A quantization_config that is not supported; `member` is the one at fault, "" for the whole."""

    def __init__(self, member: str, detail: str) -> None:
        self.member = member
        super().__init__(detail)


class ActivationScale(NamedTuple):
    """The scale of a module's inputs where it does not follow from them: a tensor beside the weight."""

    name: str  # its last part
    shape: tuple[int, ...]
    dtype: str | None = None  # that of the weights where it is None


class Described(NamedTuple):
    """What a quantization_config says: the quantisation, and patterns of modules that are left out."""

    quantization: Any  # of an entry
    method: str
    ignored: ModulePatterns
    chosen: tuple[str, ...] | None = None  # the ends of the names of the modules that are not; None for all
    activations: ActivationScale | None = None

    def ignores(self, module: str) -> bool:
        """Whether a module is left out."""
        if self.chosen is not None and not module.endswith(self.chosen):
            return True
        return self.ignored.match(module)


def read_format(document: Any) -> Described:
    """What a quantization_config says.

    Raises:
        ConfigFormatError: the method, or an option of it, is not supported.
    """
    if not isinstance(document, dict):
        raise ConfigFormatError("", "quantization_config must be an object")
    readers: dict[str, Callable[[Document], Described]] = {
        "fp8": _read_fp8,
        "compressed-tensors": _read_compressed,
        "mxfp4": lambda one: _described("mxfp4", one),
        "gptq": _read_gptq,
        "awq": _read_awq,
    }
    method = document.get("quant_method")
    if not isinstance(method, str) or method not in readers:
        detail = f"quant_method must be one of {', '.join(SUPPORTED)}: or leave quantization_config out"
        raise ConfigFormatError("quant_method", detail)
    return readers[method](document)


def spelled_format(document: Any) -> Any:
    """A checked quantization_config with its choices in the case in which transformers reads them."""
    found = document.get("scale_fmt") if isinstance(document, dict) else None
    return {**document, "scale_fmt": found.casefold()} if isinstance(found, str) else document


def _described(quantization: Any, document: Document, member: str = "modules_to_not_convert") -> Described:
    method = quantization if isinstance(quantization, str) else quantization["method"]
    return Described(quantization, method, _patterns(_names(document, member), member))


def _names(document: Document, member: str) -> list[str]:
    names = document.get(member) or []
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise ConfigFormatError(member, f"{member} must be a list of names")
    return names


def _patterns(texts: Sequence[str], member: str, *, are_whole: bool = False) -> ModulePatterns:
    try:
        return ModulePatterns(tuple(texts), are_whole)
    except PatternError as error:
        raise ConfigFormatError(member, str(error)) from None


def _read_fp8(document: Document) -> Described:
    """That of transformers' `fp8`, whose blocks may be whole tensors."""
    document = spelled_format(document)
    size = document.get("weight_block_size", [128, 128])
    sizes = size if isinstance(size, list) else []
    if size is not None and not (
        len(sizes) == 2 and all(type(one) is int and 0 < one <= MAX_BLOCK for one in sizes)
    ):
        detail = "weight_block_size must be two sizes up to 1,024, such as [128, 128], or null"
        raise ConfigFormatError("weight_block_size", f"{detail} for one scale of each weight")
    _expect(document, "fmt", (None, "e4m3", "float8_e4m3fn"))
    _expect(document, "scale_fmt", (None, "float", "ue8m0") if sizes else (None, "float"))
    _expect(document, "expert_dtype", (None, "fp8"))
    _expect(document, "modules_to_convert", (None, []))
    scheme = document.get("activation_scheme", "dynamic")
    _expect({"activation_scheme": str(scheme).casefold()}, "activation_scheme", ("dynamic", "static"))
    options = {} if size == [128, 128] else {"block_size": size or "tensor"}
    options |= {"scale_fmt": "ue8m0"} if document.get("scale_fmt") == "ue8m0" else {}
    kept = _names(document, "modules_to_not_convert")
    others = [name for name in _names(document, "ignored_layers") if name not in kept]  # its other name
    member = "modules_to_not_convert" if kept else "ignored_layers"
    found = _described({"method": "fp8", **options} if options else "fp8", {member: kept + others}, member)
    is_static = str(scheme).casefold() == "static"
    scale = ActivationScale("activation_scale", (), "float32") if is_static else None
    return found._replace(activations=scale)


def _read_compressed(document: Document) -> Described:
    groups = document.get("config_groups")
    group = next(iter(groups.values())) if isinstance(groups, dict) and len(groups) == 1 else None
    weights = group.get("weights") if isinstance(group, dict) else None
    if not isinstance(weights, dict) or group is None or group.get("targets") != ["Linear"]:
        detail = 'config_groups must have one group, of targets ["Linear"] with weights'
        raise ConfigFormatError("config_groups", detail)
    method = STRATEGIES.get((str(weights.get("type")), str(weights.get("strategy"))))
    bits = 4 if method == "int4" else 8
    if method is None or weights.get("num_bits") != bits or weights.get("symmetric", True) is not True:
        detail = (
            "weights must be symmetric: float of 8 bits by channel or by tensor, int of 8 bits by channel"
        )
        raise ConfigFormatError("config_groups", f"{detail}, or int of 4 bits by group")
    if method == "int4" and weights.get("actorder") not in (None, False, "static", "weight"):
        detail = "actorder must be static or null: there are no activations to sort by"
        raise ConfigFormatError("config_groups", detail)
    activations = _activations(group, method)
    if weights.get("dynamic") or weights.get("scale_dtype") is not None:
        raise ConfigFormatError("config_groups", "weights must have scales, of the dtype of the weights")
    quantised = (f"{weights['type']}-quantized", "naive-quantized")  # the latter is an older name
    formats = (None, *((PACKED,) if method == "int4" else quantised))
    _expect(document, "format", formats)
    if group.get("format") not in formats:
        raise ConfigFormatError("config_groups", f"format must be {formats[1]} here")
    sparsity = _object(document, "sparsity_config")
    if sparsity.get("format") not in (None, "dense"):
        raise ConfigFormatError("sparsity_config", "sparsity_config must be of the format dense here")
    for member in ("kv_cache_scheme", "transform_config"):  # they add tensors
        if document.get(member):
            raise ConfigFormatError(member, f"{member} is not supported: leave it out")
    ignored = _names(document, "ignore")
    chosen = None if _CLASSES.isdisjoint(ignored) else ()
    value = method if method != "int4" else _grouped(method, weights, "config_groups")
    return Described(value, method, _patterns(ignored, "ignore", are_whole=True), chosen, activations)


def _activations(group: Document, method: str) -> ActivationScale | None:
    """The scale of inputs that a group of compressed-tensors stores, if there is one.

    That library packs int4 for float inputs alone; for others it writes numbers of four bits as int8.
    """
    inputs, outputs = group.get("input_activations"), group.get("output_activations")
    if method == "int4" and inputs:
        detail = "weights of four bits are packed for inputs that stay floats: input_activations must be null"
        raise ConfigFormatError("config_groups", detail)
    if isinstance(outputs, dict) and outputs.get("dynamic") is not True:
        raise ConfigFormatError("config_groups", "output_activations must be dynamic: nothing is calibrated")
    of_type = group["weights"]["type"]
    if isinstance(inputs, dict) and inputs.get("type", of_type) != of_type:
        detail = f"input_activations must be of the type of the weights, {of_type}"
        raise ConfigFormatError("config_groups", f"{detail}: no kernel multiplies others by them")
    if not isinstance(inputs, dict) or inputs.get("dynamic") is True:
        return None
    kind = (inputs.get("type"), inputs.get("num_bits"), inputs.get("strategy"), inputs.get("symmetric", True))
    if kind != ("float", 8, "tensor", True) or inputs.get("dynamic", False) is not False:
        detail = "input_activations must be dynamic, or symmetric floats of 8 bits by tensor"
        raise ConfigFormatError("config_groups", f"{detail}: nothing is calibrated here")
    return ActivationScale("input_scale", (1,))


def _read_gptq(document: Document) -> Described:
    _expect(document, "bits", (4,))
    _expect(document, "sym", (None, True))
    forms = [document.get(member) for member in ("checkpoint_format", "format")]
    for member in ("checkpoint_format", "format"):
        _expect(document, member, (None, "gptq", "gptq_v2"))
    if None not in forms and forms[0] != forms[1]:
        raise ConfigFormatError(
            "format", "format is another name of checkpoint_format, and must be equal to it"
        )
    _expect(document, "pack_dtype", (None, "int32"))
    for member in ("lm_head", "is_marlin_format"):
        _expect(document, member, (None, False))
    _expect(document, "desc_act", (None, False, True))  # g_idx says the order, which is the plain one here
    patterns = [_pattern_of(key, value) for key, value in _object(document, "dynamic").items()]
    chosen = _ends(document.get("modules_in_block_to_quantize"))
    value = _grouped("gptq", document)
    if "gptq_v2" in forms:
        options = {} if isinstance(value, str) else value
        value = {"method": "gptq", **options, "checkpoint_format": "gptq_v2"}
    return Described(value, "gptq", _patterns(patterns, "dynamic"), chosen)


def _object(document: Document, member: str) -> Document:
    value = document.get(member) or {}
    if not isinstance(value, dict):
        raise ConfigFormatError(member, f"{member} must be an object")
    return value


def _pattern_of(key: str, value: Any) -> str:
    """The pattern of a key of `dynamic`, which leaves modules out if it begins with `-:`."""
    if not key.startswith("-:") or value:
        detail = 'dynamic leaves modules out here, as "-:expression$": {}, and has no other options'
        raise ConfigFormatError("dynamic", detail)
    return f"{EXPRESSION}{key[2:]}"


def _ends(value: Any) -> tuple[str, ...] | None:
    """The ends of names that `modules_in_block_to_quantize` has: a list, or a list of lists."""
    if not value:
        return None
    lists = (
        [one if isinstance(one, list) else [one] for one in value] if isinstance(value, list) else [[None]]
    )
    names = [name for one in lists for name in one]
    member = "modules_in_block_to_quantize"
    if len(names) > MAX_PATTERNS or any(len(str(name)) > MAX_PATTERN_CHARS for name in names):
        detail = f"{member} has at most {MAX_PATTERNS:,} names of up to {MAX_PATTERN_CHARS} characters"
        raise ConfigFormatError(member, f"{detail}: write the ends of names")
    if not all(isinstance(name, str) for name in names):
        raise ConfigFormatError(member, f"{member} must be a list of lists of names")
    return tuple(f".{name}" for name in names)


def _read_awq(document: Document) -> Described:
    _expect(document, "bits", (4,))
    _expect(document, "zero_point", (None, True))
    for member in ("version", "format"):
        _expect(document, member, (None, "gemm", "GEMM"))
    if document.get("backend") == "llm-awq":
        raise ConfigFormatError("backend", "llm-awq packs in another order: backend must be another one")
    return _described(_grouped("awq", document), document)


def _grouped(method: str, document: Document, member: str = "group_size") -> Any:
    size = document.get("group_size", 128)
    if type(size) is not int or not 8 <= size <= MAX_BLOCK or size % 8:
        raise ConfigFormatError(member, "group_size must be a multiple of 8 from 8 to 1,024")
    return method if size == 128 else {"method": method, "group_size": size}


def _expect(document: Document, member: str, values: tuple[Any, ...]) -> None:
    if document.get(member) not in values:
        words = " or ".join(
            value if isinstance(value, str) else json.dumps(value) for value in values if value is not None
        )
        raise ConfigFormatError(member, f"{member} must be {words} here")
