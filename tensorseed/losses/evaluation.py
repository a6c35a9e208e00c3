"""Computation of a loss, its gradients and its denominator by torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tensorseed.devices.torch_errors import is_device_error
from tensorseed.errors import DeviceError, LossError
from tensorseed.losses.base import Call, Loss, Result, Tensors
from tensorseed.losses.checks import shape

if TYPE_CHECKING:
    import torch


def evaluate(call: Call) -> Result:
    """Compute a loss, blocking. Gradients are those of the loss, with reduction none those of its sum.

    Raises:
        LossError: torch has no kernel for the dtype, or computes no loss of these shapes.
        DeviceError: this host lacks the device.

    Out of memory and device errors of torch pass unchanged (`devices.torch_errors`).
    """
    import torch

    loss = call.loss
    _check_device(call.device)
    device = torch.device("cpu" if call.device == "auto" else call.device)
    try:
        tensors = {name: tensor.to(device) for name, tensor in call.tensors.items()}
        leaves = {name: tensors[name].detach().requires_grad_() for name in call.gradients}
        with torch.set_grad_enabled(bool(leaves)):
            value, outputs = loss.run({**tensors, **leaves})
            gradients = _gradients(value, leaves)
    except (RuntimeError, ValueError, IndexError) as error:
        if is_device_error(error):  # which says nothing about the request: the worker explains it
            raise
        raise _refused(call, error, device) from None
    denominator = loss.denominator(call.tensors)
    return Result(
        loss=value.detach().cpu(),
        denominator=denominator,
        reduction=loss.reduced_by,
        dtype=call.dtype,
        device=str(device),
        gradients=gradients,
        notes=tuple(_notes(loss, call.tensors, denominator)),
        outputs={name: tensor.detach().cpu() for name, tensor in outputs.items()},
    )


def _check_device(name: str) -> None:
    import torch

    if name.startswith("cuda") and int(name.partition(":")[2] or 0) >= torch.cuda.device_count():
        raise DeviceError(f"this host has no device {name!r}")


def _gradients(value: torch.Tensor, leaves: Tensors) -> dict[str, torch.Tensor]:
    """The gradient by each leaf, of its shape; zeros where the value does not depend on it."""
    import torch

    if not leaves:
        return {}
    total = value.sum() if value.ndim else value
    found = torch.autograd.grad(total, list(leaves.values()), allow_unused=True, materialize_grads=True)
    return {name: gradient.cpu() for name, gradient in zip(leaves, found, strict=True)}


def _notes(loss: Loss, tensors: Tensors, denominator: float | None) -> Iterator[str]:
    if denominator == 0:
        yield f"the denominator is 0: {loss.labels()['empty']}"
    yield from loss.notes(tensors)


def _refused(call: Call, error: Exception, device: torch.device) -> LossError:
    """The client's error for a refusal of torch."""
    if "not implemented for" in str(error) or isinstance(error, NotImplementedError):
        detail = f"torch has no {call.kind} for {call.dtype} on {device.type}: use float32 or float64"
        return LossError.at(f"/{call.typed_by}", detail)
    shapes = ", ".join(f"{name} {shape(tensor)}" for name, tensor in call.tensors.items())
    return LossError.at("", f"torch computes no {call.kind} of these shapes: {shapes}")
