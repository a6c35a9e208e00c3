"""Quantisation of checkpoints: which weights, and what config.json says."""

from __future__ import annotations

from tensorseed.checkpoints.quantization.config_formats import read_format, spelled_format
from tensorseed.checkpoints.quantization.described import ConfigFormatError
from tensorseed.checkpoints.quantization.group_sizes import multiple_of_sizes, smaller_groups
from tensorseed.checkpoints.quantization.linear_weights import NothingQuantisedError, quantised_entries
from tensorseed.checkpoints.quantization.published import quantised_tensors
from tensorseed.checkpoints.quantization.written_formats import written_format

__all__ = [
    "ConfigFormatError",
    "NothingQuantisedError",
    "multiple_of_sizes",
    "quantised_entries",
    "quantised_tensors",
    "read_format",
    "smaller_groups",
    "spelled_format",
    "written_format",
]
