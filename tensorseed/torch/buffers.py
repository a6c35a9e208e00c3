"""Buffers that modules compute: their numbers as an init, and resets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from tensorseed.errors import Fault, ModuleError
from tensorseed.sampling.distributions.literals import MAX_EXACT_INTEGER
from tensorseed.torch.defaults import DTYPE_NAMES
from tensorseed.torch.walk import Member

_RESETS = ("reset_buffers", "reset_parameters")


def known_numbers(tensor: torch.Tensor, count: int) -> str | dict[str, Any] | None:
    """The init of a buffer's numbers, `count` at most unless all are equal; None where no spec has them."""
    dtype = tensor.dtype
    if tensor.is_meta or type(tensor) is not torch.Tensor or dtype not in DTYPE_NAMES:
        return None
    if not tensor.numel():
        return "zeros"
    flat = tensor.detach().cpu().reshape(-1)
    bits = flat.view(torch.uint8).reshape(flat.numel(), -1)
    is_constant = bool((bits == bits[0]).all())
    if not is_constant and flat.numel() > count:
        return None
    numbers = (flat[:1] if is_constant else flat).to(torch.int64 if dtype is torch.int64 else torch.float64)
    if dtype is torch.int64:
        if int(numbers.max()) > MAX_EXACT_INTEGER or int(numbers.min()) < -MAX_EXACT_INTEGER:
            return None
    elif not bool(numbers.isfinite().all()):
        return None
    if not is_constant:
        return {"kind": "values", "data": numbers.reshape(tensor.shape).tolist()}
    if not bits[0].any():
        return "zeros"
    value = numbers.item()
    return "ones" if value == 1 else {"kind": "constant", "value": value}


def computable(members: Sequence[Member]) -> list[nn.Module]:
    """The modules that compute those of their buffers that are on meta.

    Raises:
        ModuleError: one has parameters of its own, or no method that computes its buffers.
    """
    owners: dict[int, nn.Module] = {}
    faults = []
    for member in members:
        owner = member.owner
        if not member.tensor.is_meta:
            continue
        owners[id(owner)] = owner
        if _reset_of(owner) is None:
            kind = type(owner).__name__
            detail = f"the buffer {member.name} is on meta, and {kind} has no reset_buffers to compute it"
            faults.append(Fault("", f"{detail}: call module.to_empty(device=…), then compute it"))
    if faults:
        raise ModuleError(faults)
    return [*owners.values()]


def _reset_of(owner: nn.Module) -> str | None:
    """The method that computes a module's buffers; one that draws parameters is none."""
    for name in _RESETS[: 1 if owner._parameters else 2]:
        if callable(getattr(owner, name, None)):
            return name
    return None


def compute(owner: nn.Module, device: torch.device) -> None:
    """Let a module compute its buffers on a device; the random state is restored behind it.

    Raises:
        ModuleError: its method left one on meta.
    """
    name = _reset_of(owner)
    assert name is not None
    for key, buffer in owner._buffers.items():
        if buffer is not None and buffer.is_meta:
            owner._buffers[key] = torch.empty_like(buffer, device=device)
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(cuda), torch.no_grad(), device:
        getattr(owner, name)()
    for key, buffer in owner._buffers.items():
        if buffer is not None and buffer.is_meta:
            detail = f"{type(owner).__name__}.{name} left the buffer {key} on meta"
            raise ModuleError.at("", f"{detail}: let it compute on the device of its buffers")
