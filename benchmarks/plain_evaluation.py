"""Baseline: an evaluation of four inits, written in plain torch."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable

import torch
from torch import nn

SAMPLES, FEATURES, CLASSES, LAYERS, STEPS = 128, 64, 10, 8, 20
RATE = 0.003

INITS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "zeros": nn.init.zeros_,
    "normal": lambda weight: nn.init.normal_(weight, std=0.02),
    "xavier": nn.init.xavier_normal_,
    "kaiming": nn.init.kaiming_normal_,
}


def evaluate() -> str:
    """The reports of all inits on one input and target, as JSON."""
    torch.manual_seed(0)
    x, target = torch.randn(SAMPLES, FEATURES), torch.randint(CLASSES, (SAMPLES,))
    return json.dumps([report(label, x, target) for label in INITS])


def report(label: str, x: torch.Tensor, target: torch.Tensor) -> dict[str, object]:
    """Signals and gradients of the untrained network, and the losses of its training."""
    modules = draw(label)
    network = nn.Sequential(*modules)
    outputs = []
    y = x
    for module in modules:
        y = module(y)
        y.retain_grad()
        outputs.append(y)
    loss = nn.functional.cross_entropy(y, target)
    loss.backward()  # type: ignore[no-untyped-call]
    layers = [measure(module, y) for module, y in zip(modules, outputs, strict=True)]
    norm = total_norm(parameter.grad for parameter in network.parameters())
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    losses = [loss.item()]
    for step in range(STEPS):
        if step:
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        loss = nn.functional.cross_entropy(network(x), target)
        losses.append(loss.item())
    output = outputs[-1].tolist()
    return {"label": label, "output": output, "layers": layers, "gradient_norm": norm, "losses": losses}


def draw(label: str) -> list[nn.Module]:
    """The layers. Where the init is `zeros` the biases are as torch draws them."""
    modules: list[nn.Module] = []
    for _ in range(LAYERS):
        modules += [nn.Linear(FEATURES, FEATURES), nn.ReLU()]
    modules.append(nn.Linear(FEATURES, CLASSES))
    for module in modules:
        if isinstance(module, nn.Linear):
            INITS[label](module.weight)
            if label != "zeros":
                nn.init.zeros_(module.bias)
    return modules


@torch.no_grad()
def measure(module: nn.Module, x: torch.Tensor) -> dict[str, float]:
    """The numbers that a report has of a layer."""
    assert x.grad is not None
    rank, similarity = measure_collapse(x)
    return {
        "mean": x.mean().item(),
        "std": x.std(correction=0).item(),
        "gradient_mean": x.grad.mean().item(),
        "gradient_std": x.grad.std(correction=0).item(),
        "gradient_norm": total_norm([x.grad]),
        "zeros": (x == 0).double().mean().item(),
        "dead": (x == 0).all(0).double().mean().item(),
        "effective_rank": rank,
        "similarity": similarity,
        "parameter_gradient_norm": total_norm(parameter.grad for parameter in module.parameters()),
    }


def total_norm(gradients: Iterable[torch.Tensor | None]) -> float:
    """√Σ of the squared elements of all."""
    return math.sqrt(sum(one.double().square().sum().item() for one in gradients if one is not None))


def measure_collapse(x: torch.Tensor) -> tuple[float, float]:
    """e^H of the normalised singular values, and the mean cosine of two samples."""
    rows = x.double()
    values = torch.linalg.eigvalsh(rows.T @ rows).clamp(min=0).sqrt()
    entropy = torch.special.entr(values / values.sum()).sum().item()
    total = nn.functional.normalize(rows).sum(0).square().sum().item()
    return math.exp(entropy), (total - SAMPLES) / (SAMPLES * (SAMPLES - 1))
