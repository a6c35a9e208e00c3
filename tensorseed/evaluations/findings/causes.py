"""Causes of a signal's scale: weights, biases, norms, functions and depth."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch

from tensorseed.evaluations.diagnostics import total_norm, widen
from tensorseed.evaluations.findings.figures import figure
from tensorseed.evaluations.findings.measurements import Measurements
from tensorseed.spec.layers.base import expand_size
from tensorseed.spec.layers.conv import Convolution
from tensorseed.spec.layers.network_module import (
    LEAKY_RELU_INIT,
    LINEAR_INIT,
    RELU_INIT,
    SELU_INIT,
    SINE_INIT,
    TANH_INIT,
    Computation,
)
from tensorseed.spec.resolved import ResolvedTensor
from tensorseed.spec.schemes import Scheme
from tensorseed.spec.schemes.fans import Fans, gain
from tensorseed.spec.schemes.parts import Parts, fans_of

Direction = Literal["larger", "smaller"]

GAINS = {LINEAR_INIT: 1.0, RELU_INIT: math.sqrt(2.0), TANH_INIT: 5 / 3, SELU_INIT: 1.0}
LEAST = {TANH_INIT: 1.0}
"""The least gain that counts as recommended, where that is not the recommended one."""
TOLERANCE = 0.15
"""The relative difference from the recommended gain that is no cause."""
EXPLAINED = 1 / 3
"""The share of a signal's change, in logarithms, from which on weights are its cause."""
DOMINANT = 0.8
"""The share of an output's size from which on a bias makes it."""
ONE_SIGN = 0.25
"""The share of a weight's size from which on its mean matters."""


@dataclass(frozen=True, slots=True)
class WeightGain:
    """The factor by which a weight changes the size of a signal, beside the recommended one."""

    index: int
    gain: float
    least: float
    target: float
    rms: float
    mean: float
    inputs: float  # that one output is computed from
    tolerance: float

    def is_off(self, direction: Direction) -> bool:
        """Whether the gain should be larger, or smaller."""
        if direction == "larger":
            return self.gain < self.least * (1 - self.tolerance)
        return self.gain > self.target * (1 + self.tolerance)

    @property
    def distance(self) -> float:
        """∣ln(gain / target)∣."""
        return abs(math.log(self.gain / self.target)) if self.gain > 0 else math.inf

    @property
    def is_one_signed(self) -> bool:
        """Whether the mean of the weight adds the same to all outputs."""
        return abs(self.mean) > ONE_SIGN * self.rms and self.inputs * abs(self.mean) > self.rms


def size(x: torch.Tensor) -> float:
    """√(mean of x²)."""
    return total_norm([x]) / math.sqrt(x.numel())


def weight_gain(m: Measurements, index: int) -> WeightGain | None:
    """The gain of a Linear's or a convolution's weight; None for other layers."""
    if ("gain", index) not in m.memo:
        m.memo["gain", index] = _weight_gain(m, index)
    found: WeightGain | None = m.memo["gain", index]
    return found


def _weight_gain(m: Measurements, index: int) -> WeightGain | None:
    weight, layer = m.parameter(index, "weight"), m.nodes[index].layer
    inputs = inputs_of(m, index)
    if weight is None or inputs is None:
        return None
    rms, mean = size(weight), float(weight.mean(dtype=torch.float64))
    if not math.isfinite(rms):
        return None
    function = m.function_after(index)
    init = LINEAR_INIT if function is None else str(function.layer.recommended_init)
    if init == LEAKY_RELU_INIT:
        slope = getattr(function.layer if function else layer, "negative_slope", 0.01)
        target = math.sqrt(2 / (1 + slope * slope))
    elif init == SINE_INIT:
        target = math.sqrt(2) / getattr(function.layer if function else layer, "omega", 1.0)
    else:
        target = GAINS[init]
    tolerance = max(TOLERANCE, 3 / math.sqrt(weight.numel()))
    signed = abs(mean) * inputs if abs(mean) > ONE_SIGN * rms else 0.0  # where all inputs have one sign
    whole = max(rms * math.sqrt(inputs), signed)
    return WeightGain(index, whole, LEAST.get(init, target), target, rms, mean, inputs, tolerance)


def inputs_of(m: Measurements, index: int) -> float | None:
    """The number of inputs that one output is computed from, on the average; None for other layers."""
    weight, layer = m.parameter(index, "weight"), m.nodes[index].layer
    if weight is None or weight.dim() < 2:
        return None
    if isinstance(layer, Convolution):
        kernel = math.prod(weight.shape[2:])
        if layer.computation is Computation.CONVOLUTION:
            return float(weight.shape[1] * kernel)
        sizes: tuple[int, ...] = expand_size(layer.stride, layer.rank)  # type: ignore[attr-defined]
        stride = math.prod(sizes)
        return max(weight.shape[0] / layer.groups * kernel / stride, 1.0)
    return float(weight.shape[1]) if m.nodes[index].type == "Linear" else None


def weight_remedy(m: Measurements, one: WeightGain) -> str:
    """How to draw a weight whose gain is off. It names no init that the weight has already."""
    node = m.nodes[one.index]
    function = m.function_after(one.index)
    init = LINEAR_INIT if function is None else str(function.layer.recommended_init)
    before = f", which {function.type} follows," if function else ""
    what = f"draw the weight of {node.name}{before}"
    tensor = m.tensor(one.index, "weight")
    scheme, fans = _init_of(tensor) if tensor else (None, None)
    kind = scheme.spellings()[0] if scheme else ""
    recommended = init.split()[0].rstrip(",")
    has_kind = kind != "" and kind.rpartition("_")[0] == recommended.rpartition("_")[0]
    own = _own_gain(scheme)
    same = has_kind and own is not None and _is_near(own, one.target)
    mode, inputs = getattr(scheme, "mode", None), f"{one.inputs:,.6g}"
    if fans is not None and mode is not None and (same or kind == "variance_scaling"):
        counted = _fan(mode, fans.fan_in, fans.fan_out)
        for other, fan in (("fan_in", fans.fan_in), ("fan_out", fans.fan_out)):
            if _is_near(fan, one.inputs) and not _is_near(counted, one.inputs):
                has = f"{mode}, which counts {counted:,.6g}"
                return f"{what} with mode {other}: an output has {inputs} inputs, and its init has mode {has}"
    if same and fans is not None and mode is None and not _is_near(fans.fan_in, fans.fan_out):
        counts = f"xavier averages {fans.fan_in:,} inputs with {fans.fan_out:,} outputs"
        return f"{what} by lecun_normal, which counts inputs alone: {counts}"
    strided = m.nodes[one.index].layer.computation is Computation.TRANSPOSED_CONVOLUTION
    if same or strided:
        std = figure(one.target / math.sqrt(one.inputs), 3)
        return f"{what} with a standard deviation of {std}: it has {figure(one.rms, 3)}, for {inputs} inputs"
    if kind == recommended and own is not None and mode is None:
        return f"{what} with a gain of {figure(one.target, 3)}: it has {own:g}"
    return f"{what} by {init}"


def _init_of(tensor: ResolvedTensor) -> tuple[Scheme, Fans | None]:
    """The init and the fans of a tensor; of a part where all its parts are alike."""
    scheme, fans = tensor.scheme, tensor.fans
    if isinstance(scheme, Parts) and len(scheme.parts) == 1:
        (shape,) = scheme.drawn_shapes(tensor.shape)
        return scheme.parts[0].init, fans_of(shape, tensor.shape, fans)
    return scheme, fans


def _own_gain(scheme: Scheme | None) -> float | None:
    """The gain that a scheme has by its arguments; None of those without one."""
    nonlinearity = getattr(scheme, "nonlinearity", None)
    if nonlinearity is not None:
        return gain(nonlinearity, getattr(scheme, "a", 0.0))
    found: float | None = getattr(scheme, "gain", None)
    return found


def _log(m: Measurements, ratio: float) -> float:
    """ln(ratio); of 0 that of the dtype's smallest normal number."""
    return math.log(ratio or torch.finfo(getattr(torch, m.dtype)).tiny) if ratio < math.inf else 0.0


def _is_near(a: float, b: float) -> bool:
    return abs(a - b) <= TOLERANCE * max(a, b)


def _fan(mode: str, fan_in: int, fan_out: int) -> float:
    means = {"fan_in": float(fan_in), "fan_out": float(fan_out), "fan_avg": (fan_in + fan_out) / 2}
    return means.get(mode, math.sqrt(fan_in * fan_out))


def worst_weight(
    m: Measurements, indices: Iterable[int], direction: Direction, ratio: float | None = None
) -> WeightGain | None:
    """The weight whose gain is farthest off in this direction; of equal ones the last.

    With a `ratio` of signals all gains that are off have to explain a third of its logarithm at least.
    """
    gains = [weight_gain(m, i) for i in indices]
    found = [one for one in gains if one and one.is_off(direction) and not _begins_at_0(m, one)]
    if not found:
        return None
    if ratio is not None and sum(one.distance for one in found) < EXPLAINED * abs(_log(m, ratio)):
        return None
    farthest = max(one.distance for one in found)
    near = [one for one in found if one.distance >= farthest - TOLERANCE or one.distance == farthest]
    return near[-1]


def _begins_at_0(m: Measurements, one: WeightGain) -> bool:
    """Whether a weight makes the branch of a Residual 0, which is no fault."""
    return one.gain == 0 and m.sums[one.index] is not None


def one_signed_weight(m: Measurements, indices: Iterable[int]) -> WeightGain | None:
    """The last weight whose mean adds the same to all outputs."""
    found = [one for i in indices if (one := weight_gain(m, i)) is not None and one.is_one_signed]
    return found[-1] if found else None


def dominant_bias(m: Measurements, indices: Iterable[int]) -> int | None:
    """The last layer whose output is mostly its bias."""
    found = None
    for index in indices:
        whole = m.rms(index)
        if whole > 0 and math.isfinite(whole) and bias_size(m, index) > DOMINANT * whole:
            found = index
    return found


def bias_size(m: Measurements, index: int) -> float:
    """√(mean of bias²); 0 without a bias."""
    if ("bias", index) not in m.memo:
        bias = m.parameter(index, "bias")
        m.memo["bias", index] = 0.0 if bias is None else size(bias)
    return float(m.memo["bias", index])


def bias_mean(m: Measurements, index: int) -> float:
    """The mean of a bias; 0 without one."""
    bias = m.parameter(index, "bias")
    return 0.0 if bias is None else float(widen(bias).mean())


def recurrent_weight(m: Measurements, index: int) -> str | None:
    """The name of the matrix of a layer of several whose gain is over 3; None without one."""
    if inputs_of(m, index) is not None:
        return None
    for name, parameter in m.modules[index].named_parameters():
        if parameter.dim() == 2 and size(parameter.detach()) * math.sqrt(parameter.shape[1]) > 3:
            return name
    return None


def draw_remedy(m: Measurements, index: int) -> str:
    """The recommended init of a layer whose weights do not differ at all, whatever their scale."""
    function = m.function_after(index)
    init = LINEAR_INIT if function is None else str(function.layer.recommended_init)
    before = f", which {function.type} follows," if function else ""
    return f"draw the weight of {m.nodes[index].name}{before} by {init}"


def small_recurrence(m: Measurements, indices: Iterable[int]) -> str | None:
    """How to draw the last recurrent layer whose matrices have a gain below 1; None without one."""
    for index in reversed(list(indices)):
        if m.nodes[index].layer.computation is not Computation.RECURRENCE:
            continue
        for name, parameter in m.modules[index].named_parameters():
            if (
                parameter.dim() == 2
                and size(parameter.detach()) * math.sqrt(parameter.shape[1]) < 1 - TOLERANCE
            ):
                own = "orthogonal" if name.startswith("weight_hh") else "xavier_uniform"
                return f"draw {name} of {m.nodes[index].name} by {own}, and so its other matrices"
    return None


NORMALISE = "put a BatchNorm or a LayerNorm between the layers"


def depth_remedy(m: Measurements, indices: Iterable[int]) -> str:
    """What to change where every weight is as recommended."""
    layers = list(indices)
    recurrence = small_recurrence(m, layers)
    if recurrence is not None:
        return recurrence
    kinds = {node.type for i in layers if (node := m.function_after(i)) is not None}
    for kind in ("Sigmoid", "Hardsigmoid"):
        if kind in kinds:
            slope = "1/4" if kind == "Sigmoid" else "1/6"
            reason = f"{kind}'s slope is at most {slope}, and its outputs are positive"
            return f"{reason}: use Tanh or ReLU in its place, or {NORMALISE}"
    blocks = len({m.sums[i] for i in layers} - {None})
    if blocks > 1:
        scale = "scale them by less than 1"
        return f"each of {blocks:,} Residuals adds to it: begin their branches at 0, {scale}, or {NORMALISE}"
    count = f"over {len(layers):,} layers" if len(layers) > 1 else "here"
    return f"no weight of the layers before is at fault, and it builds up {count}: {NORMALISE}"
