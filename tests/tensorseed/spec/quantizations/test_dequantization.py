"""Quantised tensors under the dequantisation of their formats' libraries."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import tensorseed

Tensors = dict[str, torch.Tensor]

NORMAL = {"kind": "normal", "std": 0.02}
SKEWED = {"kind": "uniform", "a": -0.02, "b": 0.05}
POSITIVE = {"kind": "uniform", "a": 0.5, "b": 1.0}
NIBBLES = torch.arange(0, 32, 4)  # the shifts of those of an int32


def stored(quantization: Any, shape: list[int], init: Any = NORMAL) -> tuple[torch.Tensor, Tensors]:
    """A float tensor, and what stands for it, by the end of its name."""
    entry = {"name": "a.weight", "type": "Tensor", "shape": shape, "dtype": "bfloat16", "init": init}
    floats = tensorseed.open({"seed": 3, "layers": [entry]})["a.weight"].torch().float()
    weights = tensorseed.open({"seed": 3, "layers": [entry | {"quantization": quantization}]})
    return floats, {name.removeprefix("a."): weights[name].torch() for name in weights}


def by_rows(words: torch.Tensor) -> torch.Tensor:
    """The nibbles of int32 that eight rows share."""
    return (words[:, None, :] >> NIBBLES[:, None] & 15).flatten(0, 1)


def by_columns(words: torch.Tensor) -> torch.Tensor:
    """The nibbles of int32 that eight columns share."""
    return (words[:, :, None] >> NIBBLES & 15).flatten(1)


@pytest.mark.parametrize("init", [NORMAL, POSITIVE], ids=["normal", "positive"])
def test_gptq_is_what_autogptq_dequantises(init: Any) -> None:
    """AutoGPTQ's qlinear_cuda.QuantLinear.forward, and GPTQModel's convert_gptq_file.

    Their quantiser, with sym, has a scale of 2·max/15, a zero point of 8, and numbers from 0 to 15.
    """
    floats, parts = stored({"method": "gptq", "group_size": 32}, [24, 96], init)
    qweight, qzeros, scales, g_idx = (parts[name] for name in ("qweight", "qzeros", "scales", "g_idx"))
    assert [part.dtype for part in (qweight, qzeros, g_idx)] == [torch.int32] * 3
    assert scales.dtype == torch.float16
    assert [*map(list, (qweight.shape, qzeros.shape, scales.shape, g_idx.shape))] == [
        [96 // 8, 24],
        [96 // 32, 24 // 8],
        [96 // 32, 24],
        [96],
    ]
    group = g_idx.long()
    zeros = by_columns(qzeros) + 1
    assert torch.equal(zeros, torch.full_like(zeros, 8))
    found = scales.float()[group] * (by_rows(qweight) - zeros[group])
    largest = floats.reshape(24, 3, 32).abs().amax(2).T
    assert torch.equal(scales, (2 * largest / 15).half())
    steps = (found.T - floats).abs() / scales.float()[group].T
    assert float(steps.max()) <= 0.51


@pytest.mark.parametrize("init", [NORMAL, POSITIVE], ids=["normal", "positive"])
def test_awq_is_what_autoawq_dequantises(init: Any) -> None:
    """AutoAWQ's packing_utils.dequantize_gemm, and compressed-tensors' converter of its checkpoints."""
    pytest.importorskip("compressed_tensors")
    from compressed_tensors.compressors.pack_quantized.helpers import unpack_from_int32
    from compressed_tensors.entrypoints.convert.converters.autoawq import AutoAWQConverter

    floats, parts = stored({"method": "awq", "group_size": 32}, [24, 96], init)
    scales = parts["scales"]
    assert (parts["qweight"].dtype, parts["qzeros"].dtype) == (torch.int32, torch.int32)
    assert (scales.dtype, scales.shape) == (torch.float16, (96 // 32, 24))
    reverse = torch.arange(24).view(-1, 8)[:, [0, 4, 1, 5, 2, 6, 3, 7]].flatten()
    numbers, zeros = (by_columns(parts[name])[:, reverse] for name in ("qweight", "qzeros"))
    found = (numbers - zeros.repeat_interleave(32, 0)) * scales.repeat_interleave(32, 0).float()
    steps = (found.T - floats).abs() / scales.repeat_interleave(32, 0).float().T
    assert float(steps.max()) <= 1.0  # the zero point is rounded as well

    converter = AutoAWQConverter(group_size=32, ignore=())
    made = converter.process({f"a.{name}": part for name, part in parts.items()})
    packed = unpack_from_int32(made["a.weight_packed"], 4, torch.Size((24, 96)))
    points = unpack_from_int32(made["a.weight_zero_point"], 4, torch.Size((24, 3)), packed_dim=0)
    scale = made["a.weight_scale"].float().repeat_interleave(32, 1)
    assert torch.equal((packed - points.repeat_interleave(32, 1)) * scale, found.T)


@pytest.mark.parametrize("init", [NORMAL, POSITIVE], ids=["normal", "positive"])
def test_int4_is_what_compressed_tensors_quantises_and_packs(init: Any) -> None:
    """Its scales, its numbers, and its packing of them."""
    pytest.importorskip("compressed_tensors")
    from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32
    from compressed_tensors.quantization import QuantizationArgs
    from compressed_tensors.quantization.lifecycle.forward import quantize
    from compressed_tensors.quantization.utils import calculate_qparams

    floats, parts = stored({"method": "int4", "group_size": 32}, [6, 96], init)
    arguments = QuantizationArgs(num_bits=4, type="int", symmetric=True, strategy="group", group_size=32)
    groups = floats.reshape(6, 3, 32)
    scales, zeros = calculate_qparams(groups.amin(2), groups.amax(2), arguments)
    assert torch.equal(parts["weight_scale"], scales.bfloat16())
    own = quantize(floats, parts["weight_scale"].float(), zeros, arguments, dtype=torch.int8)
    assert torch.equal(parts["weight_packed"], pack_to_int32(own, 4))
    assert parts["weight_shape"].tolist() == [6, 96]
    assert parts["weight_shape"].dtype == torch.int64


def test_zero_points_are_those_that_compressed_tensors_reads() -> None:
    """Its scales, its packing of zero points by outputs, and its numbers around them."""
    pytest.importorskip("compressed_tensors")
    from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32, unpack_from_int32
    from compressed_tensors.quantization import QuantizationArgs
    from compressed_tensors.quantization.lifecycle.forward import quantize
    from compressed_tensors.quantization.utils import calculate_qparams

    floats, parts = stored({"method": "int4", "group_size": 32, "symmetric": False}, [20, 96], SKEWED)
    arguments = QuantizationArgs(num_bits=4, type="int", symmetric=False, strategy="group", group_size=32)
    groups = floats.reshape(20, 3, 32)
    scales, zeros = calculate_qparams(groups.amin(2), groups.amax(2), arguments)
    assert torch.equal(parts["weight_scale"], scales.bfloat16())
    own = unpack_from_int32(parts["weight_zero_point"], 4, torch.Size((20, 3)), packed_dim=0)
    assert torch.equal(parts["weight_zero_point"], pack_to_int32(own, 4, packed_dim=0))
    assert (own - zeros).abs().max() <= 1  # theirs is of the scale before it is rounded
    numbers = quantize(floats, parts["weight_scale"].float(), own, arguments, dtype=torch.int8)
    assert torch.equal(parts["weight_packed"], pack_to_int32(numbers, 4))


@pytest.mark.parametrize(
    ("method", "bits", "group"),
    [("int8_packed", 8, 32), ("int8_packed", 8, "channel"), ("int4", 4, "channel")],
)
def test_packed_integers_are_what_compressed_tensors_quantises_and_packs(
    method: str, bits: int, group: Any
) -> None:
    pytest.importorskip("compressed_tensors")
    from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32
    from compressed_tensors.quantization import QuantizationArgs
    from compressed_tensors.quantization.lifecycle.forward import quantize
    from compressed_tensors.quantization.utils import calculate_qparams

    floats, parts = stored({"method": method, "group_size": group}, [6, 96])
    by = {"strategy": "channel"} if group == "channel" else {"strategy": "group", "group_size": 32}
    arguments = QuantizationArgs(num_bits=bits, type="int", symmetric=True, **by)
    groups = floats.reshape(6, -1, 96 if group == "channel" else 32)
    scales, _ = calculate_qparams(groups.amin(2), groups.amax(2), arguments)
    assert torch.equal(parts["weight_scale"], scales.bfloat16())
    own = quantize(floats, parts["weight_scale"].float(), None, arguments, dtype=torch.int8)
    assert torch.equal(parts["weight_packed"], pack_to_int32(own, bits))


def test_nvfp4_is_what_compressed_tensors_quantises_and_packs() -> None:
    """Under the scale of the tensor, which a bound of the distribution gives in the place of its maximum."""
    pytest.importorskip("compressed_tensors")
    from compressed_tensors.compressors.nvfp4.helpers import pack_fp4_to_uint8
    from compressed_tensors.quantization import QuantizationArgs
    from compressed_tensors.quantization.lifecycle.forward import quantize
    from compressed_tensors.quantization.utils import calculate_qparams

    floats, parts = stored("nvfp4", [6, 96])
    arguments = QuantizationArgs(
        num_bits=4,
        type="float",
        symmetric=True,
        strategy="tensor_group",
        group_size=16,
        scale_dtype=torch.float8_e4m3fn,
    )
    whole = parts["weight_global_scale"]
    assert whole.tolist() == [pytest.approx(448 * 6 / (6 * 0.02))]
    groups = floats.reshape(6, 6, 16)
    scales, _ = calculate_qparams(groups.amin(2), groups.amax(2), arguments, global_scale=whole)
    assert torch.equal(parts["weight_scale"].float(), scales.float())
    own = quantize(floats, parts["weight_scale"].float(), None, arguments, global_scale=whole)
    assert torch.equal(parts["weight_packed"], pack_fp4_to_uint8(own))


def test_mxfp8_is_what_compressed_tensors_quantises() -> None:
    pytest.importorskip("compressed_tensors")
    from compressed_tensors.quantization import QuantizationArgs
    from compressed_tensors.quantization.lifecycle.forward import quantize

    floats, parts = stored("mxfp8", [6, 96])
    arguments = QuantizationArgs(
        num_bits=8, type="float", symmetric=True, strategy="group", group_size=32, scale_dtype=torch.uint8
    )
    scales = torch.exp2(parts["weight_scale"].float() - 127)
    largest = floats.reshape(6, 3, 32).abs().amax(2)
    assert torch.equal(scales, torch.exp2(torch.log2(largest.double() / 448).ceil()).float())
    own = quantize(floats, scales, None, arguments, dtype=torch.float8_e4m3fn)
    assert torch.equal(own.float(), parts["weight"].float())


def test_ue8m0_scales_are_those_of_deepseek() -> None:
    """The kernel act_quant of DeepSeek-V3.1's inference: 2 to the ceiling of log2(max/448)."""
    floats, parts = stored({"method": "fp8", "block_size": [32, 32], "scale_fmt": "ue8m0"}, [64, 96])
    largest = floats.reshape(2, 32, 3, 32).abs().amax((1, 3))
    scales = parts["weight_scale_inv"]
    assert scales.dtype == torch.float32
    assert torch.equal(scales, torch.exp2(torch.log2(largest.double() / 448).ceil()).float())
    wide = scales.repeat_interleave(32, 0).repeat_interleave(32, 1)
    assert torch.equal(parts["weight"].float(), (floats / wide).to(torch.float8_e4m3fn).float())


def test_mxfp4_is_what_triton_kernels_quantises() -> None:
    """triton_kernels' downcast_to_mxfp, rounding scales up, with which transformers quantises gpt-oss.

    Its scale is max/6, rounded up to a power of two in the representation of float32.
    """
    floats, parts = stored("mxfp4", [96, 24])
    blocks = floats.T.reshape(24, 3, 32)
    bits = (blocks.abs().amax(2) / 6).view(torch.int32)
    rounded = (bits + 0x007FFFFF) & 0x7F800000
    assert torch.equal(parts["weight_scales"], (rounded >> 23).to(torch.uint8))
    values = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6])
    codes = torch.stack((parts["weight_blocks"] & 15, parts["weight_blocks"] >> 4), 3).flatten(2).long()
    found = values[codes & 7] * torch.where(codes < 8, 1.0, -1.0)
    exact = blocks / rounded.view(torch.float32)[:, :, None]
    nearest = (exact.abs()[..., None] - values).abs().amin(3)
    assert torch.equal((found - exact).abs(), nearest)
    assert torch.equal(codes > 7, blocks < 0)


def test_fp8_is_what_deepseek_dequantises() -> None:
    """DeepSeek-V3's kernel.weight_dequant, and its README_WEIGHTS.md: a block times its weight_scale_inv.

    Blocks that an edge cuts have scales as if zeros filled them up.
    """
    floats, parts = stored("fp8", [160, 200])
    scale = parts["weight_scale_inv"]
    assert (scale.dtype, scale.shape) == (torch.float32, (2, 2))
    padded = torch.zeros(256, 256)
    padded[:160, :200] = floats
    largest = padded.view(2, 128, 2, 128).abs().amax((1, 3))
    assert torch.equal(scale, largest / 448)
    spread = scale.repeat_interleave(128, 0)[:160].repeat_interleave(128, 1)[:, :200]
    assert torch.equal(
        parts["weight"].view(torch.uint8), (floats / spread).to(torch.float8_e4m3fn).view(torch.uint8)
    )
    error = (parts["weight"].float() * spread - floats).abs()
    assert bool((error <= floats.abs() / 15 + spread / 512).all())
