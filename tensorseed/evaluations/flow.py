"""How a tensor goes through the layers, and what shapes it has on its way."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch

from tensorseed.devices.torch_errors import is_device_error
from tensorseed.errors import EvaluationError, TooLargeError
from tensorseed.evaluations.chain import Node
from tensorseed.evaluations.cost import rate, work, workspace
from tensorseed.evaluations.kinds import ANY, INTEGER, check_input
from tensorseed.evaluations.sources import Source
from tensorseed.spec.layers.base import Shape
from tensorseed.spec.limits import Limits
from tensorseed.spec.modules import StatelessModule

REFUSALS = (RuntimeError, ValueError, IndexError, TypeError, AssertionError, OverflowError)
"""What torch raises where a tensor does not fit; NotImplementedError is one of the first."""

_FIRST_OF_MANY = frozenset({"RNN", "LSTM", "GRU", "LSTMCell"})


def build(node: Node, dtype: str, *, training: bool) -> torch.nn.Module:
    """The layer's module without values, on the meta device, in training or evaluation mode."""
    if isinstance(node.part, StatelessModule):
        module = node.part.build()
    else:
        module = node.part.build(dtype=getattr(torch, dtype), device="meta")
    return module.train(training)


def has_parameters(node: Node) -> bool:
    """Whether the layer has anything to train."""
    return any(True for _ in build(node, "float32", training=True).parameters())


def through(node: Node, module: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """What the layer makes of `x`: of a recurrent layer its output, of attention that of x with itself."""
    if node.kind in _FIRST_OF_MANY:
        return module(x)[0]  # type: ignore[no-any-return]
    if node.kind == "MultiheadAttention":
        return module(x, x, x, need_weights=False)[0]  # type: ignore[no-any-return]
    return module(x)  # type: ignore[no-any-return]


def misfit(node: Node, shape: Sequence[int], why: str | None = None) -> EvaluationError:
    """The error of a layer that cannot take an input of `shape`."""
    reason = why or f"cannot take an input of shape {list(shape)}: change its arguments, or the layer before"
    return EvaluationError.at(f"/layers/{node.place}", f"{node.called} {reason}")


def unsupported(node: Node, dtype: str) -> EvaluationError:
    """The error of a layer for which torch has no kernel."""
    return EvaluationError.at(
        f"/layers/{node.place}", f"torch has no kernel for {node.called} in {dtype} here: use float32"
    )


def shapes(
    nodes: Sequence[Node], source: Source, limits: Limits, dtypes: Collection[str], *, training: bool
) -> list[Shape]:
    """The shape of every layer's output for an input like `source`, computing nothing.

    Raises EvaluationError at a layer that cannot take what it is fed, TooLargeError for outputs of more than
    `limits.activations` elements together, and for a pass that in one of the `dtypes` would take too long.
    """
    kind = torch.int64 if source.integer else torch.float32
    x = torch.empty(source.shape, dtype=kind, device="meta")
    found: list[Shape] = []
    total, seconds = 0, 0.0
    for node in nodes:
        module = build(node, "float32", training=training)
        y = _checked(node, module, x, training=training)
        total += y.numel() + workspace(node, module, x)
        if total > limits.activations:
            detail = f"the outputs hold {total:,} elements or more up to {node.called}"
            raise TooLargeError(
                f"{detail}, the limit is {limits.activations:,} (activations): take fewer samples"
            )
        seconds += max(work(node, module, x, y) / rate(node, dtype) for dtype in dtypes)
        if seconds > limits.evaluation_seconds:
            detail = f"a pass up to {node.called} may take {seconds:,.3g} seconds"
            raise TooLargeError(
                f"{detail}, the limit is {limits.evaluation_seconds:g} (evaluation_seconds): take fewer "
                "samples, or smaller layers"
            )
        found.append(tuple(y.shape))
        x = y
    return found


def _checked(node: Node, module: torch.nn.Module, x: torch.Tensor, *, training: bool) -> torch.Tensor:
    """The output, as far as its shape goes."""
    _check_kind(node, x)
    try:
        check_input(node.part, tuple(x.shape), training=training)
    except ValueError as error:
        raise misfit(node, x.shape, str(error)) from None
    try:
        with torch.no_grad():
            y = through(node, module, x)
    except REFUSALS as error:
        if is_device_error(error):
            raise
        raise misfit(node, x.shape) from None
    if y.numel() == 0:
        detail = f"gives an output without elements, {list(y.shape)}: change its arguments"
        raise misfit(node, x.shape, detail)
    return y


def _check_kind(node: Node, x: torch.Tensor) -> None:
    integer = x.dtype == torch.int64
    if node.kind in ANY or integer == (node.kind in INTEGER):
        return
    if integer:
        detail = "takes numbers with a fraction and gets integers: put an Embedding before it"
    else:
        detail = "takes integers: give an input with classes, or data of integers, and put it first"
    raise misfit(node, x.shape, detail)
