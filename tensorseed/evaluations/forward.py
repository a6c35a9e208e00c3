"""Shapes and cost of a forward pass, found before anything is computed.

A layer is not interrupted. The estimates therefore admit what ends within the time limit on a slow machine,
and refuse what would hardly end.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any, assert_never

import torch

from tensorseed.concurrency.memory import reserve
from tensorseed.devices.torch_errors import is_device_error
from tensorseed.errors import EvaluationError, TooLargeError
from tensorseed.evaluations.graph import INPUT, Node
from tensorseed.evaluations.sources import Source
from tensorseed.spec.layers.conv import Convolution
from tensorseed.spec.layers.network_module import Computation, InputDtype, Shape
from tensorseed.spec.limits import Limits

MATRIX_RATE = 4e9
"""Multiply-adds a second of matrix products, as in Linear and attention."""
CONVOLUTION_RATE = 2e9
RECURRENCE_RATE = 1e9
WINDOW_RATE = 3e8
"""Elements a second that pools look at."""
SLOW_RATE = 5e7
"""Multiply-adds a second of convolutions without a fast kernel: in float16, or with few channels."""
MIN_FAST_CHANNELS = 8
REPORTED_SECONDS = 1e-8  # estimated, of the mean and deviation of an output's element

ACTIVATION_BYTES = 8
"""Memory of an element, with its gradient."""

REFUSALS = (RuntimeError, ValueError, IndexError, TypeError, AssertionError, OverflowError)
"""The exceptions of torch for a tensor that does not fit; NotImplementedError is a RuntimeError."""


def build(node: Node, dtype: str, *, training: bool) -> torch.nn.Module:
    """The layer's module without values, on the meta device, in training or evaluation mode."""
    return node.layer.build(dtype=getattr(torch, dtype), device="meta").train(training)


def has_parameters(node: Node) -> bool:
    """Whether the layer has anything to train."""
    return any(True for _ in build(node, "float32", training=True).parameters())


def input_error(node: Node, shape: Sequence[int], why: str | None = None) -> EvaluationError:
    """The error of a layer that cannot take an input of `shape`."""
    reason = why or f"cannot take an input of shape {list(shape)}: change its arguments, or the layer before"
    return EvaluationError.at(node.pointer, f"{node.title} {reason}")


def kernel_error(node: Node, dtype: str) -> EvaluationError:
    """The error of a layer for which torch has no kernel."""
    return EvaluationError.at(
        node.pointer, f"torch has no kernel for {node.title} in {dtype} here: use float32"
    )


def shapes(
    nodes: Sequence[Node], source: Source, limits: Limits, dtypes: Collection[str], *, training: bool
) -> tuple[list[Shape], float]:
    """The shape of every layer's output for an input like `source`, and the seconds of a pass at most.

    Nothing is computed.

    Raises:
        EvaluationError: a layer cannot take its input.
        TooLargeError: the outputs have more than `limits.activations` elements together, or a pass in one of
            the `dtypes` takes longer than `limits.evaluation_seconds`.
    """
    kind = torch.int64 if source.integer else torch.float32
    outputs = {INPUT: torch.empty(source.shape, dtype=kind, device="meta")}
    known: dict[Any, tuple[torch.Tensor, float]] = {}  # by layer and inputs: a brace range repeats them
    total, seconds = 0, 0.0
    for index, node in enumerate(nodes):
        inputs = [outputs[one] for one in node.sources]
        key = (id(node.layer), *((one.shape, one.dtype) for one in inputs))
        if key not in known:
            module = build(node, "float32", training=training)
            y = _checked(node, module, inputs, training=training)
            work = estimate_work(node, module, inputs[0], y)
            known[key] = y, max(work / min_rate(node, dtype) for dtype in dtypes)
        x, (y, longest) = inputs[0], known[key]
        total += y.numel() + workspace_size(node, x)
        if total > limits.activations:
            detail = f"the outputs hold {total:,} elements or more up to {node.title}"
            raise TooLargeError(
                f"{detail}, the limit is {limits.activations:,} (activations): take fewer samples"
            )
        seconds += longest
        if seconds > limits.evaluation_seconds:
            detail = f"a pass up to {node.title} may take {seconds:,.3g} seconds"
            raise TooLargeError(
                f"{detail}, the limit is {limits.evaluation_seconds:g} (evaluation_seconds): take fewer "
                "samples, or smaller layers"
            )
        outputs[index] = y
    reserve(ACTIVATION_BYTES * (math.prod(source.shape) + total))
    found = [tuple(outputs[index].shape) for index in range(len(nodes))]
    return found, seconds + total * REPORTED_SECONDS


def _checked(
    node: Node, module: torch.nn.Module, inputs: Sequence[torch.Tensor], *, training: bool
) -> torch.Tensor:
    """The output, as far as its shape goes."""
    x = inputs[0]
    _check_dtype(node, x)
    try:
        node.check_inputs([tuple(one.shape) for one in inputs], training=training)
    except ValueError as error:
        raise input_error(node, x.shape, str(error)) from None
    try:
        with torch.no_grad():
            y = node.forward(module, inputs)
    except REFUSALS as error:
        if is_device_error(error):
            raise
        raise input_error(node, x.shape) from None
    if y.numel() == 0:
        detail = f"gives an output without elements, {list(y.shape)}: change its arguments"
        raise input_error(node, x.shape, detail)
    return y


def _check_dtype(node: Node, x: torch.Tensor) -> None:
    integer = x.dtype == torch.int64
    match node.layer.input_dtype:
        case InputDtype.ANY:
            return
        case InputDtype.FLOAT:
            fits = not integer
            detail = "takes numbers with a fraction and gets integers: put an Embedding before it"
        case InputDtype.INTEGER:
            fits = integer
            detail = "takes integers: give an input with classes, or data of integers, and put it first"
        case _:
            assert_never(node.layer.input_dtype)
    if not fits:
        raise input_error(node, x.shape, detail)


def estimate_work(node: Node, module: torch.nn.Module, x: torch.Tensor, y: torch.Tensor) -> int:
    """Estimate the multiply-adds of a forward pass from `x` to `y`."""
    matrices = [parameter for parameter in module.parameters() if parameter.dim() > 1]
    elements = sum(matrix.numel() for matrix in matrices)
    match node.layer.computation:
        case Computation.WINDOWS:
            return max(y.numel() * node.layer.window(), x.numel())
        case Computation.LOOKUP:
            return y.numel()
        case Computation.CONVOLUTION:
            return y.numel() // matrices[0].shape[0] * elements
        case Computation.TRANSPOSED_CONVOLUTION:
            return x.numel() // matrices[0].shape[0] * elements
        case Computation.MATRIX_PRODUCT | Computation.RECURRENCE:
            attention = 2 * workspace_size(node, x) * x.shape[-1] if x.dim() else 0
            return math.prod(x.shape[:-1]) * elements + attention + y.numel()
        case _:
            assert_never(node.layer.computation)


def min_rate(node: Node, dtype: str) -> float:
    """The least number of multiply-adds a second, or of elements for windows."""
    match node.layer.computation:
        case Computation.WINDOWS:
            return WINDOW_RATE
        case Computation.CONVOLUTION | Computation.TRANSPOSED_CONVOLUTION:
            assert isinstance(node.layer, Convolution)
            few = max(node.layer.in_channels, node.layer.out_channels) // node.layer.groups
            slow = few < MIN_FAST_CHANNELS or dtype == "float16"
            return SLOW_RATE if slow else CONVOLUTION_RATE
        case Computation.RECURRENCE:
            return RECURRENCE_RATE
        case Computation.MATRIX_PRODUCT | Computation.LOOKUP:
            return MATRIX_RATE
        case _:
            assert_never(node.layer.computation)


def workspace_size(node: Node, x: torch.Tensor) -> int:
    """The elements that a layer needs beside its output: attention of all pairs of positions, by head."""
    attention = node.layer.attention()
    if attention is None or not x.numel():
        return 0
    alone = x.dim() == 2  # (L, E), without a batch
    positions = int(x.shape[-2] if alone or attention.batch_first else x.shape[0])
    return positions * positions * (x.numel() // (positions * x.shape[-1])) * attention.heads
