"""Small blocks for configs that list each block of each stage."""

from __future__ import annotations

import math
from typing import Any

from tensorseed.checkpoints.derivation.tiny.fields import mapped, numbers

STEM = 16  # the width before the first stage, which stays


def small_blocks(stages: list[Any], width: int, count: int) -> list[Any]:
    """The first `count` blocks of each stage, with the widest of all stages `width` wide.

    A block is, as in PP-LCNet, a list of its kernel, widths, stride and more. What is at most STEM stays.
    """
    blocks = [block for stage in stages if isinstance(stage, list) for block in stage]
    widest = max((n for block in blocks if isinstance(block, list) for n in numbers(block)), default=1)

    def small(number: int) -> int:
        scaled = 8 * math.ceil(number * width / widest / 8)
        return number if number <= STEM else min(number, max(STEM, scaled))

    return [mapped(stage[:count] if isinstance(stage, list) else stage, small) for stage in stages]
