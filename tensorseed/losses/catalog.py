"""What the losses are, derived from their classes: tensors, options, formula, denominator."""

from __future__ import annotations

from typing import Any

from tensorseed.losses.base import Argument, Loss
from tensorseed.losses.registry import LOSS_CLASSES
from tensorseed.spec.descriptions import parameters


def losses_catalog() -> list[dict[str, Any]]:
    """Every loss: name, summary, formula, source, torch's name for it, arguments, parameters, denominator."""
    return [describe(cls) for cls in LOSS_CLASSES]


def describe(cls: type[Loss]) -> dict[str, Any]:
    """One loss of the catalog."""
    labels = cls.labels()
    return {
        "name": cls.name,
        "summary": labels["summary"],
        "formula": labels["formula"],
        "source": labels["source"],
        "torch": cls.function(),
        "module": f"torch.nn.{cls.module}" if cls.module else None,
        "arguments": [_argument(argument) for argument in cls.arguments],
        "parameters": parameters(cls, set()),
        "denominator": labels["denominator"],
        "empty": labels["empty"],
    }


def _argument(argument: Argument) -> dict[str, Any]:
    return {
        "name": argument.name,
        "kind": argument.kind,
        "optional": argument.optional,
        "differentiable": argument.differentiable and argument.kind != "integer",
        "shape": argument.shape,
    }
