"""Smaller groups for a quantization_config, as small models need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tensorseed.checkpoints.quantization.config_formats import read_format
from tensorseed.checkpoints.quantization.described import ConfigFormatError
from tensorseed.spec.quantizations import quantization_of

Document = dict[str, Any]

MIN_GROUP, MAX_GROUP = 8, 512


def smaller_groups(document: Any) -> Iterator[Document]:
    """A quantization_config with each power of two below its group size in its place, from large to small.

    There is none of a method without groups, or of a config that is refused.
    """
    try:
        quantization = quantization_of(read_format(document).quantization)
    except ConfigFormatError:
        return
    size = quantization.option("group_size")
    if quantization.method not in ("gptq", "awq", "int4", "int8_packed") or size == "channel":
        return
    smaller = MAX_GROUP
    while smaller >= MIN_GROUP:
        if smaller < size:
            yield _with_group_size(document, smaller)
        smaller //= 2


def _with_group_size(document: Mapping[str, Any], size: int) -> Document:
    groups = document.get("config_groups")
    if not isinstance(groups, dict):
        return {**document, "group_size": size}
    changed = {
        name: {**group, "weights": {**group["weights"], "group_size": size}} for name, group in groups.items()
    }
    return {**document, "config_groups": changed}
