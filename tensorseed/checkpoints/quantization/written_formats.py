"""`quantization_config` of a config.json, as it is written.

Formats: transformers' `fp8`, `mxfp4`, `gptq` and `awq`, and compressed-tensors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tensorseed.checkpoints.quantization.compressed_tensors import written_compressed
from tensorseed.spec.quantizations import quantization_of

Document = dict[str, Any]

_MXFP4_KEPT = ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]
_NUMBERED = re.compile(r"\.\d+\.")


def written_format(value: Any, kept: Sequence[str]) -> Document:
    """The quantization_config of an entry's quantisation, with the modules that are `kept` as they are."""
    found = quantization_of(value)
    match found.method:
        case "fp8":
            power = {"scale_fmt": "ue8m0"} if found.option("scale_fmt") == "ue8m0" else {}
            size = found.option("block_size")
            return {
                "quant_method": "fp8",
                "fmt": "e4m3",
                **power,
                "activation_scheme": "dynamic",
                "weight_block_size": None if size == "tensor" else [*size],
                "modules_to_not_convert": [*kept],
            }
        case "mxfp4":
            return {"quant_method": "mxfp4", "modules_to_not_convert": _MXFP4_KEPT}
        case "gptq":
            return {
                "quant_method": "gptq",
                "bits": 4,
                "group_size": found.option("group_size"),
                "desc_act": False,
                "sym": True,
                "lm_head": False,
                "checkpoint_format": found.option("checkpoint_format"),
                **_left_out(kept),
            }
        case "awq":
            return {
                "quant_method": "awq",
                "bits": 4,
                "group_size": found.option("group_size"),
                "zero_point": True,
                "version": "gemm",
                "modules_to_not_convert": [*kept],
            }
    return written_compressed(found, kept)


def _left_out(kept: Sequence[str]) -> Document:
    """The member with which GPTQ leaves modules of its blocks out: GPTQModel's and vLLM's expressions."""
    inside = [name for name in kept if _NUMBERED.search(name)]
    return {"dynamic": {f"-:{re.escape(name)}$": {} for name in inside}} if inside else {}
