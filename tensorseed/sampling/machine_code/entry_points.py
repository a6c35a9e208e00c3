"""Kernels that Python calls, by name; importing them imports no numba."""

from __future__ import annotations

from typing import Literal

from tensorseed.sampling.machine_code.kernel import Kernel

Transform = Literal[
    "uniform32",
    "normal32",
    "trunc_normal32",
    "near_trunc_normal32",
    "uniform64",
    "normal64",
    "trunc_normal64",
]
"""The functions of `transforms32` and `transforms64` that draw, by name."""

KERNELS: list[Kernel] = []


def _kernel(module: str, name: str) -> Kernel:
    KERNELS.append(Kernel(f"tensorseed.sampling.{module}", name))
    return KERNELS[-1]


normal_f64 = _kernel("kernels", "normal_f64")
DRAWS: dict[Transform, Kernel] = {
    "uniform64": _kernel("kernels", "uniform_f64"),
    "normal64": normal_f64,
    "trunc_normal64": _kernel("kernels", "trunc_normal_f64"),
}
round_bfloat16 = _kernel("kernels", "round_bfloat16")
round_narrow = _kernel("kernels", "round_narrow")

RANGES: dict[Transform, Kernel] = {
    "uniform32": _kernel("range_kernels", "uniform_ranges"),
    "normal32": _kernel("range_kernels", "normal_ranges"),
    "trunc_normal32": _kernel("range_kernels", "trunc_normal_ranges"),
    "near_trunc_normal32": _kernel("range_kernels", "near_trunc_normal_ranges"),
}
hash_names = _kernel("key_kernels", "hash_names")
LISTED = -1  # the distance of starts that are in a list

draw_gaussians = _kernel("loops.orthogonal", "draw_gaussians")
make_reflectors = _kernel("loops.orthogonal", "make_reflectors")
reflect = _kernel("loops.orthogonal", "reflect")
add_gram = _kernel("loops.orthogonal", "add_gram")
complete_column = _kernel("loops.orthogonal", "complete_column")
solve_columns = _kernel("loops.orthogonal", "solve_columns")
draw_reflectors = _kernel("loops.orthogonal", "draw_reflectors")
add_products = _kernel("loops.orthogonal", "add_products")
finish = _kernel("loops.orthogonal", "finish")

kept_rectangle = _kernel("loops.sparse", "kept_rectangle")
kept_elements = _kernel("loops.sparse", "kept_elements")

widen_bfloat16 = _kernel("quantization_kernels", "widen_bfloat16")
row_maxima = _kernel("quantization_kernels", "row_maxima")
column_maxima = _kernel("quantization_kernels", "column_maxima")
row_extremes = _kernel("quantization_kernels", "row_extremes")
divide_blocks = _kernel("quantization_kernels", "divide_blocks")
round_int8 = _kernel("quantization_kernels", "round_int8")
pack_float4 = _kernel("quantization_kernels", "pack_float4")
pack_row_nibbles = _kernel("quantization_kernels", "pack_row_nibbles")
pack_column_nibbles = _kernel("quantization_kernels", "pack_column_nibbles")
