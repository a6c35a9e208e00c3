"""Groups of a quantization_config, and sizes that fit them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tensorseed.checkpoints.quantization.config_formats import read_format
from tensorseed.checkpoints.quantization.described import ConfigFormatError
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.spec.quantizations import check_quantization, quantization_of
from tensorseed.spec.schemes import ArgumentError

Document = dict[str, Any]

MIN_GROUP, MAX_GROUP = 8, 512
MAX_MULTIPLE = 64


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


def multiple_of_sizes(document: Any) -> int | None:
    """The least power of two, up to MAX_MULTIPLE, of sizes that a quantization_config takes.

    None where there is none, or the config is refused.
    """
    try:
        value = read_format(document).quantization
    except ConfigFormatError:
        return None
    powers = (1 << exponent for exponent in range(MAX_MULTIPLE.bit_length()))
    return next((size for size in powers if _takes(value, size)), None)


def _takes(quantization: Any, size: int) -> bool:
    """Whether it takes a weight of as many inputs and outputs."""
    try:
        check_quantization(quantization, (size, size), DTYPES["float32"])
    except ArgumentError:
        return False
    return True


def _with_group_size(document: Mapping[str, Any], size: int) -> Document:
    groups = document.get("config_groups")
    if not isinstance(groups, dict):
        return {**document, "group_size": size}
    changed = {
        name: {**group, "weights": {**group["weights"], "group_size": size}} for name, group in groups.items()
    }
    return {**document, "config_groups": changed}
