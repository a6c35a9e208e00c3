"""Section 15: quantised tensors by numpy, block by block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.reference.rounding import rounded

Floats = npt.NDArray[np.float32]
Stored = npt.NDArray[Any]

_FLOAT4 = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)


def stored(x: Floats, dtype: str, method: str, options: Mapping[str, Any]) -> list[Stored]:
    """The tensors of a method, in the order of the page, as their bits; `x` are the elements in `dtype`."""
    single: dict[str, Callable[[Floats], list[Stored]]] = {
        "fp8": lambda m: _scaled(
            m,
            options.get("block_size", (128, 128)),
            options.get("scale_dtype", "float32"),
            is_power=options.get("scale_fmt") == "ue8m0",
        ),
        "fp8_channel": lambda m: _scaled(m, (1, m.shape[1]), dtype),
        "int8": lambda m: _scaled(m, (1, m.shape[1]), dtype, top=127),
        "mxfp4": _mxfp4,
        "gptq": lambda m: _gptq(
            m,
            options.get("group_size", 128),
            0x88888888 - (1 << 32) if options.get("checkpoint_format") == "gptq_v2" else 0x77777777,
        ),
        "awq": lambda m: _awq(m, options.get("group_size", 128)),
        "int4": lambda m: (_int4 if options.get("symmetric", True) else _asymmetric_int4)(
            m, options.get("group_size", 128), dtype
        ),
        "fp8_block": lambda m: _scaled(m, options.get("block_size", (128, 128)), dtype),
        "int8_packed": lambda m: _int8_packed(m, options.get("group_size", 128), dtype),
        "mxfp8": _mxfp8,
    }
    if x.ndim == 2:
        return single[method](x)
    parts = [stored(one, dtype, method, options) for one in x]
    return [np.stack(part) for part in zip(*parts, strict=True)]


def by_one_scale(x: Floats, dtype: str, bound: float) -> list[Stored]:
    """The tensors of `fp8_tensor`, with the scale of a bound."""
    scale, bits = _scale(np.float32(bound / 448), dtype)
    return [_float8(x / scale), np.array([bits])]


def _scale(value: Any, dtype: str) -> tuple[np.float32, int]:
    """A scale in float32, and its bits in its dtype."""
    assert isinstance(value, np.float32)
    if dtype == "float32":
        value = value if value else np.float32(1)
        return value, int(value.view(np.uint32))
    code = rounded(value, dtype) or rounded(np.float32(1), dtype)
    if dtype == "float16":
        return np.float32(np.uint16(code).view(np.float16)), code
    return np.uint32(code << 16).view(np.float32), code


def _scaled(m: Floats, block: Any, dtype: str, top: int = 448, *, is_power: bool = False) -> list[Stored]:
    height, width = block
    numbers = np.empty(m.shape, np.int64)
    rows, columns = range(0, m.shape[0], height), range(0, m.shape[1], width)
    scales = np.empty((len(rows), len(columns)), np.int64)
    for (i, top_row), (j, left) in product(enumerate(rows), enumerate(columns)):
        where = np.s_[top_row : top_row + height, left : left + width]
        exact = np.abs(m[where]).max() / np.float32(top)
        if is_power and exact:
            exact = np.float32(2.0 ** max(np.ceil(np.log2(np.float64(exact))), -126))
        scale, scales[i, j] = _scale(exact, dtype)
        quotients = m[where] / scale
        numbers[where] = _float8(quotients) if top == 448 else np.clip(np.round(quotients), -127, 127)
    return [numbers, scales]


def _float8(x: Floats) -> Stored:
    """The codes of float8_e4m3fn, by a table of its numbers."""
    codes = np.arange(127)
    exponent, fraction = codes >> 3, codes & 7
    table = np.where(exponent, (8 + fraction) * 2.0 ** (exponent - 10), fraction * 2.0**-9)
    size = np.minimum(np.abs(x).astype(np.float64), 448)
    upper = np.clip(np.searchsorted(table, size), 1, 126)
    below, above = size - table[upper - 1], table[upper] - size
    nearest = np.where(below < above, upper - 1, upper)
    nearest = np.where(below == above, upper - upper % 2, nearest)
    found: Stored = nearest + 128 * np.signbit(x)
    return found


def _mxfp4(m: Floats) -> list[Stored]:
    inputs, outputs = m.shape
    blocks, scales = np.empty((outputs, inputs // 32, 16), np.int64), np.empty((outputs, inputs // 32), int)
    for o, k in product(range(outputs), range(inputs // 32)):
        x = m[32 * k : 32 * k + 32, o].astype(np.float64)
        e = 0
        if x.any():
            e = next(e for e in range(-127, 128) if np.abs(x).max() <= 6 * 2.0**e)
        scales[o, k] = e + 127
        codes = []
        for one in x:
            distances = [abs(abs(one) / 2.0**e - number) for number in _FLOAT4]
            near = [code for code, distance in enumerate(distances) if distance == min(distances)]
            code = near[0] if len(near) == 1 else next(code for code in near if code % 2 == 0)
            codes.append(code + 8 * (one < 0))
        blocks[o, k] = [codes[2 * j] + 16 * codes[2 * j + 1] for j in range(16)]
    return [blocks, scales]


def _gptq(m: Floats, group: int, zero: int) -> list[Stored]:
    outputs, inputs = m.shape
    q, scales = np.empty(m.shape, np.int64), np.empty((inputs // group, outputs), np.int64)
    for r, g in product(range(outputs), range(inputs // group)):
        x = m[r, g * group : (g + 1) * group]
        scale, scales[g, r] = _scale(np.abs(x).max() / np.float32(7.5), "float16")
        q[r, g * group : (g + 1) * group] = np.clip(np.round(x / scale) + 8, 0, 15)
    packed = sum(q[:, k::8].T << 4 * k for k in range(8))
    zeros = np.full((inputs // group, outputs // 8), zero)
    return [np.asarray(packed), zeros, scales, np.arange(inputs) // group]


def _int4(m: Floats, group: int, dtype: str) -> list[Stored]:
    rows, columns = m.shape
    scales = np.empty((rows, columns // group), np.int64)
    packed = np.zeros((rows, columns // 8), np.int64)
    for r, c in product(range(rows), range(columns)):
        x = m[r, c // group * group : (c // group + 1) * group]
        scale, scales[r, c // group] = _scale(np.abs(x).max() / np.float32(7.5), dtype)
        packed[r, c // 8] += int(np.clip(np.round(m[r, c] / scale) + 8, 0, 15)) << 4 * (c % 8)
    return [packed, scales, np.array(m.shape)]


def _asymmetric_int4(m: Floats, group: int, dtype: str) -> list[Stored]:
    rows, columns = m.shape
    scales = np.empty((rows, columns // group), np.int64)
    packed = np.zeros((rows, columns // 8), np.int64)
    zeros = np.zeros((-(-rows // 8), columns // group), np.int64)
    for r, g in product(range(rows), range(columns // group)):
        x = m[r, g * group : (g + 1) * group]
        low, high = min(x.min(), np.float32(0)), max(x.max(), np.float32(0))
        scale, scales[r, g] = _scale((high - low) / np.float32(15), dtype)
        zero = np.clip(-np.round(low / scale), 0, 15)
        zeros[r // 8, g] += int(zero) << 4 * (r % 8)
        for c, quotient in enumerate(x / scale, g * group):
            number = np.clip(np.round(quotient + (zero - np.float32(8))) + 8, 0, 15)
            packed[r, c // 8] += int(number) << 4 * (c % 8)
    return [packed, scales, np.array(m.shape), zeros]


def _int8_packed(m: Floats, group: int | str, dtype: str) -> list[Stored]:
    rows, columns = m.shape
    size = columns if isinstance(group, str) else group
    scales = np.empty((rows, columns // size), np.int64)
    packed = np.zeros((rows, columns // 4), np.int64)
    for r, g in product(range(rows), range(columns // size)):
        x = m[r, g * size : (g + 1) * size]
        scale, scales[r, g] = _scale(np.abs(x).max() / np.float32(127.5), dtype)
        for c, quotient in enumerate(x / scale, g * size):
            packed[r, c // 4] += int(np.clip(np.round(quotient), -128, 127) + 128) << 8 * (c % 4)
    return [packed, scales, np.array(m.shape)]


def _mxfp8(m: Floats) -> list[Stored]:
    numbers, scales = _scaled(m, (1, 32), "float32", is_power=True)
    return [numbers, scales >> 23]


def nvfp4(m: Floats, bound: float) -> list[Stored]:
    """The tensors of `nvfp4`, with the bound of a distribution."""
    factor = np.float32(2688 / (bound or 2688))
    rows, columns = m.shape
    scales, packed = np.empty((rows, columns // 16), np.int64), np.zeros((rows, columns // 2), np.int64)
    for r, g in product(range(rows), range(columns // 16)):
        x = m[r, 16 * g : 16 * g + 16]
        code = int(_float8(factor * (np.abs(x).max() / np.float32(6)))) or 0x38
        scales[r, g] = code
        exponent, fraction = code >> 3, code & 7
        value = (8 + fraction) * 2.0 ** (exponent - 10) if exponent else fraction * 2.0**-9
        for c, quotient in enumerate(x / (np.float32(value) / factor), 16 * g):
            distances = [abs(abs(float(quotient)) - number) for number in _FLOAT4]
            near = [place for place, distance in enumerate(distances) if distance == min(distances)]
            number = near[0] if len(near) == 1 else next(place for place in near if place % 2 == 0)
            packed[r, c // 2] += number + 8 * int(m[r, c] < 0) << 4 * (c % 2)
    return [packed, scales, np.array([factor.view(np.uint32)])]


def _awq(m: Floats, group: int) -> list[Stored]:
    outputs, inputs = m.shape
    groups = inputs // group
    q, zeros, scales = (
        np.empty(shape, np.int64) for shape in (m.shape, (outputs, groups), (groups, outputs))
    )
    for r, g in product(range(outputs), range(groups)):
        x = m[r, g * group : (g + 1) * group]
        low, high = min(x.min(), np.float32(0)), max(x.max(), np.float32(0))
        scale, scales[g, r] = _scale((high - low) / np.float32(15), "float16")
        zeros[r, g] = np.clip(-np.round(low / scale), 0, 15)
        q[r, g * group : (g + 1) * group] = np.clip(np.round(x / scale) + zeros[r, g], 0, 15)

    def packed(nibbles: Stored) -> Stored:
        return np.asarray(sum(nibbles[row::8].T << 4 * k for k, row in enumerate(_ORDER)))

    return [packed(q), packed(zeros), scales]
