"""Diagnostics of one layer of an untrained network."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from tensorseed.evaluations.graph import INPUT, Node
from tensorseed.evaluations.report import LayerReport
from tensorseed.spec.layers.network_module import Shape

SAMPLES = 128  # of a batch, for rank and similarity
FEATURES = 1_024  # of a sample, evenly spread


def measure(
    node: Node,
    output: torch.Tensor,
    axis: int,
    gradients: Sequence[torch.Tensor],
    hidden: Sequence[tuple[float, ...]] = (),
) -> LayerReport:
    """Report one layer from its `output`, whose own gradient is `output.grad`.

    `axis` is the axis of the features, `gradients` are those of the parameters, and `hidden` are the norms of
    those of the hidden states, by direction.
    """
    x, grad = output.detach(), output.grad
    mean, std = moments(x)
    rank, largest, similarity = measure_collapse(x)
    gradient_mean, gradient_std = (None, None) if grad is None else moments(grad)
    return LayerReport(
        name=node.name,
        type=node.type,
        shape=tuple(x.shape),
        mean=mean,
        std=std,
        gradient_mean=gradient_mean,
        gradient_std=gradient_std,
        gradient_norm=None if grad is None else total_norm([grad]),
        zeros=share(x == 0),
        dead=dead_share(x, axis),
        saturated=saturated_share(node, x),
        effective_rank=rank,
        largest_rank=largest,
        similarity=similarity,
        parameter_gradient_norm=total_norm(gradients) if gradients else None,
        hidden_gradient_norms=hidden[0] if hidden else None,
        hidden_gradient_norms_reverse=hidden[1] if len(hidden) > 1 else None,
    )


def feature_axes(nodes: Sequence[Node], shapes: Sequence[Shape]) -> list[int]:
    """The axis of the features in every output, from the end; `shapes` are those of the inputs."""
    found = {INPUT: -1}
    for index, node in enumerate(nodes):
        found[index] = node.layer.moved_axis(found[node.sources[0]], shapes[index])
    return [found[index] for index in range(len(nodes))]


def widen(x: torch.Tensor) -> torch.Tensor:
    """The tensor in a dtype whose sums are accurate: float32 for narrow dtypes and integers."""
    return x if x.dtype in (torch.float32, torch.float64) else x.float()


def moments(x: torch.Tensor) -> tuple[float, float]:
    """Mean and standard deviation, √(mean of (x − mean)²)."""
    std, mean = torch.std_mean(widen(x), correction=0)
    return mean.item(), std.item()


def total_norm(tensors: Sequence[torch.Tensor]) -> float:
    """√Σ x² over all elements of all tensors, summed in float64."""
    dense = [x.coalesce().values() if x.is_sparse else x for x in tensors]
    norms = [float(torch.linalg.vector_norm(x, dtype=torch.float64)) for x in dense]
    return math.sqrt(sum(one * one for one in norms)) if all(map(math.isfinite, norms)) else sum(norms)


def share(mask: torch.Tensor) -> float:
    """The share of true elements."""
    return int(torch.count_nonzero(mask)) / mask.numel()


def dead_share(x: torch.Tensor, axis: int) -> float:
    """The share of the units, the indices along `axis`, whose slice is all 0."""
    axis = axis if -x.dim() <= axis else -1
    if x.dim() == 0:
        return share(x == 0)
    alive = (x != 0).movedim(axis, 0).flatten(1).any(1) if x.dim() > 1 else x != 0
    return share(~alive)


def saturated_share(node: Node, x: torch.Tensor) -> float | None:
    """The share of elements near a bound of the layer's function; None where it has none."""
    found = node.layer.bounds()
    if found is None:
        return None
    near = torch.zeros(x.shape, dtype=torch.bool, device=x.device)
    if found.low is not None:
        near |= x <= found.low + found.margin
    if found.high is not None:
        near |= x >= found.high - found.margin
    return share(near)


def sample_rows(x: torch.Tensor) -> torch.Tensor:
    """A matrix (samples, features) in float64: a part of the batch, and a part of each sample."""
    rows = x[:SAMPLES].reshape(min(len(x), SAMPLES), -1)
    if rows.shape[1] > FEATURES:
        chosen = torch.arange(FEATURES, device=x.device) * rows.shape[1] // FEATURES
        rows = rows[:, chosen]
    return rows.to("cpu", torch.float64)


def measure_collapse(x: torch.Tensor) -> tuple[float | None, int | None, float | None]:
    """Effective rank, the largest it could be, and mean cosine between samples; None below two samples.

    The effective rank is e^H, H the entropy of the singular values divided by their sum; 0 for a matrix of
    zeros, NaN where it is not finite. The singular values are the roots of the eigenvalues of the smaller
    Gram matrix.

    Source: Roy and Vetterli: The effective rank, EUSIPCO 2007
    """
    if x.dim() < 2 or len(x) < 2:
        return None, None, None
    rows = sample_rows(x)
    largest = min(rows.shape)
    if not bool(rows.isfinite().all()):
        return math.nan, largest, math.nan
    scale = float(rows.abs().max())
    if scale == 0:
        return 0.0, largest, None
    rows = rows / scale
    gram = rows @ rows.T if len(rows) <= rows.shape[1] else rows.T @ rows
    values = torch.linalg.eigvalsh(gram).clamp_(min=0).sqrt_()
    p = values / values.sum()
    entropy = float(torch.special.entr(p).sum())
    return math.exp(entropy), largest, _similarity(rows)


def _similarity(rows: torch.Tensor) -> float | None:
    """The mean cosine of all pairs of rows that are not 0: (‖Σ uᵢ‖² − n) / (n (n − 1))."""
    lengths = torch.linalg.vector_norm(rows, dim=1)
    rows = rows[lengths > 0] / lengths[lengths > 0, None]
    count = len(rows)
    if count < 2:
        return None
    total = float(rows.sum(0).square().sum())
    return (total - count) / (count * (count - 1))
