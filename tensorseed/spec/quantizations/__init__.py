"""Quantisations of bare tensors: methods, options, stored tensors."""

from __future__ import annotations

from tensorseed.spec.quantizations.quantization import (
    MAX_BLOCK,
    METHODS,
    AnyQuantization,
    MethodName,
    Quantization,
    check_quantization,
    method_name,
    quantization_of,
)
from tensorseed.spec.quantizations.stored_parts import StoredPart

__all__ = [
    "MAX_BLOCK",
    "METHODS",
    "AnyQuantization",
    "MethodName",
    "Quantization",
    "StoredPart",
    "check_quantization",
    "method_name",
    "quantization_of",
]
