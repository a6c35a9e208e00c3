"""Quantisations of bare tensors: methods, options, stored tensors."""

from __future__ import annotations

from tensorseed.spec.quantizations.quantization import METHODS, AnyQuantization, MethodName, Quantization
from tensorseed.spec.quantizations.stored_parts import StoredPart

__all__ = ["METHODS", "AnyQuantization", "MethodName", "Quantization", "StoredPart"]
