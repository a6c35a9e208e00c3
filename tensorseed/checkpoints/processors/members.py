"""Members of configs, read with their types: a config may hold anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

MAX_NUMBER = 1 << 24  # of pixels, positions, bands


def part(config: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """The first of some configs within a config, or the config itself where it has none of them."""
    return next((found for name in names if isinstance(found := config.get(name), Mapping)), config)


def whole(value: object) -> int | None:
    """A positive whole number of moderate size; None for anything else."""
    return value if type(value) is int and 0 < value <= MAX_NUMBER else None


def pair(value: object) -> tuple[int, int] | None:
    """Height and width from one number or two; None for anything else."""
    if (side := whole(value)) is not None:
        return side, side
    if isinstance(value, list) and len(value) == 2:
        height, width = whole(value[0]), whole(value[1])
        if height is not None and width is not None:
            return height, width
    return None


def first_whole(configs: Iterable[Mapping[str, Any]], name: str) -> int | None:
    """A member that is a positive whole number, of the first config that has one."""
    return next((found for config in configs if (found := whole(config.get(name))) is not None), None)
