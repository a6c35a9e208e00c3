"""How much a layer computes, and how fast that goes at least: what bounds an evaluation before it begins.

A layer is not interrupted. These are estimates, made so that what is let through ends in about the time that
an evaluation may take, on a slow machine, and what is refused would hardly have ended.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from tensorseed.evaluations.chain import Node
from tensorseed.evaluations.kinds import INTEGER
from tensorseed.spec.modules import StatelessModule

MATRICES = 4e9
"""Multiply-adds a second of matrix products, as in Linear and attention."""
CONVOLUTIONS = 2e9
RECURRENT = 1e9
WINDOWS = 3e8
"""Elements a second that pools look at."""
SLOW = 5e7
"""Multiply-adds a second of convolutions without a fast kernel: in float16, or with few channels only:"""
FEW_CHANNELS = 8


def work(node: Node, module: torch.nn.Module, x: torch.Tensor, y: torch.Tensor) -> int:
    """Multiply-adds of a forward pass from `x` to `y`, about."""
    if isinstance(node.part, StatelessModule):
        return y.numel() * node.part.window()
    if node.kind in INTEGER:
        return y.numel()
    matrices = [parameter for parameter in module.parameters() if parameter.dim() > 1]
    elements = sum(matrix.numel() for matrix in matrices)
    if node.kind.startswith("ConvTranspose"):
        return x.numel() // matrices[0].shape[0] * elements
    if node.kind.startswith("Conv"):
        return y.numel() // matrices[0].shape[0] * elements
    attention = 2 * workspace(node, module, x) * x.shape[-1] if x.dim() else 0
    return math.prod(x.shape[:-1]) * elements + attention + y.numel()


def rate(node: Node, dtype: str) -> float:
    """How many of those a second there are at least."""
    if isinstance(node.part, StatelessModule):
        return WINDOWS
    if node.kind.startswith("Conv"):
        part: Any = node.part
        few = max(part.in_channels, part.out_channels) // part.groups < FEW_CHANNELS
        return SLOW if few or dtype == "float16" else CONVOLUTIONS
    return RECURRENT if node.kind.startswith(("RNN", "LSTM", "GRU")) else MATRICES


def workspace(node: Node, module: torch.nn.Module, x: torch.Tensor) -> int:
    """Elements that a layer needs beside its output: the attention of all pairs of places, by head."""
    heads = [part.num_heads for part in module.modules() if isinstance(part, torch.nn.MultiheadAttention)]
    if not heads or not x.numel():
        return 0
    places = _places(node, x)
    return places * places * (x.numel() // (places * x.shape[-1])) * int(max(heads))


def _places(node: Node, x: torch.Tensor) -> int:
    """The length of the sequences that attention sees."""
    holder: Any = getattr(node.part, "encoder_layer", node.part)
    alone = x.dim() == 2  # (L, E), without a batch
    return int(x.shape[-2] if alone or holder.batch_first else x.shape[0])
