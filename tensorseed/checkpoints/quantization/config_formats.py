"""`quantization_config` of a config.json, as it is read.

Formats: transformers' `fp8`, `mxfp4`, `gptq` and `awq`, and compressed-tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorseed.checkpoints.quantization.compressed_tensors import read_compressed, spelled_compressed
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
from tensorseed.checkpoints.quantization.module_patterns import (
    EXPRESSION,
    MAX_PATTERN_CHARS,
    MAX_PATTERNS,
)
from tensorseed.spec.quantizations import MAX_BLOCK

SUPPORTED = ("fp8", "compressed-tensors", "mxfp4", "gptq", "awq")


def read_format(document: Any) -> Described:
    """What a quantization_config says.

    Raises:
        ConfigFormatError: the method, or an option of it, is not supported.
    """
    if not isinstance(document, dict):
        raise ConfigFormatError("", "quantization_config must be an object")
    readers: dict[str, Callable[[Document], Described]] = {
        "fp8": _read_fp8,
        "compressed-tensors": read_compressed,
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
    """A checked quantization_config with its choices as the libraries read them."""
    if isinstance(document, dict) and document.get("quant_method") == "compressed-tensors":
        return spelled_compressed(document)
    found = document.get("scale_fmt") if isinstance(document, dict) else None
    return {**document, "scale_fmt": found.casefold()} if isinstance(found, str) else document


def _described(quantization: Any, document: Document, member: str = "modules_to_not_convert") -> Described:
    method = quantization if isinstance(quantization, str) else quantization["method"]
    return Described(quantization, method, patterns(names(document, member), member))


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
    expect(document, "fmt", (None, "e4m3", "float8_e4m3fn"))
    expect(document, "scale_fmt", (None, "float", "ue8m0") if sizes else (None, "float"))
    expect(document, "expert_dtype", (None, "fp8"))
    expect(document, "modules_to_convert", (None, []))
    scheme = document.get("activation_scheme", "dynamic")
    expect({"activation_scheme": str(scheme).casefold()}, "activation_scheme", ("dynamic", "static"))
    options = {} if size == [128, 128] else {"block_size": size or "tensor"}
    options |= {"scale_fmt": "ue8m0"} if document.get("scale_fmt") == "ue8m0" else {}
    kept = names(document, "modules_to_not_convert")
    others = [name for name in names(document, "ignored_layers") if name not in kept]  # its other name
    member = "modules_to_not_convert" if kept else "ignored_layers"
    found = _described({"method": "fp8", **options} if options else "fp8", {member: kept + others}, member)
    is_static = str(scheme).casefold() == "static"
    scale = ActivationScale("activation_scale", (), "float32") if is_static else None
    return found._replace(activations=scale)


def _read_gptq(document: Document) -> Described:
    expect(document, "bits", (4,))
    expect(document, "sym", (None, True))
    forms = [document.get(member) for member in ("checkpoint_format", "format")]
    for member in ("checkpoint_format", "format"):
        expect(document, member, (None, "gptq", "gptq_v2"))
    if None not in forms and forms[0] != forms[1]:
        raise ConfigFormatError(
            "format", "format is another name of checkpoint_format, and must be equal to it"
        )
    expect(document, "pack_dtype", (None, "int32"))
    for member in ("lm_head", "is_marlin_format"):
        expect(document, member, (None, False))
    expect(document, "desc_act", (None, False, True))  # g_idx says the order, which is the plain one here
    left_out = [_pattern_of(key, value) for key, value in object_of(document, "dynamic").items()]
    chosen = _ends(document.get("modules_in_block_to_quantize"))
    value = grouped("gptq", document)
    if "gptq_v2" in forms:
        options = {} if isinstance(value, str) else value
        value = {"method": "gptq", **options, "checkpoint_format": "gptq_v2"}
    return Described(value, "gptq", patterns(left_out, "dynamic"), chosen)


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
    expect(document, "bits", (4,))
    expect(document, "zero_point", (None, True))
    for member in ("version", "format"):
        expect(document, member, (None, "gemm", "GEMM"))
    if document.get("backend") == "llm-awq":
        raise ConfigFormatError("backend", "llm-awq packs in another order: backend must be another one")
    return _described(grouped("awq", document), document)
