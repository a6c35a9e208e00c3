"""Base class of losses with parameters, drawn like those of a layer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tensorseed.errors import Fault, LossError, SpecError, TooLargeError
from tensorseed.files.elements import element_source
from tensorseed.files.virtual_file import open_file
from tensorseed.losses.base import Expectation, Loss, Shape
from tensorseed.spec.json.text import dump
from tensorseed.spec.limits import Limits
from tensorseed.spec.numbers import Seed
from tensorseed.spec.resolved import ResolvedSpec
from tensorseed.spec.spec import parse_spec

if TYPE_CHECKING:
    import torch


class ParametricLoss(Loss):
    """Base of the losses with parameters of their own, and of what draws them."""

    seed: Seed = Field(
        default=0,
        description="What the parameters are drawn from where they are not given: 0 to 2^64 - 1, a number or "
        "a decimal string.",
        examples=[42],
    )
    generator: Literal["philox", "torch"] = Field(
        default="philox", description="What draws the parameters, as in a spec.", examples=["philox"]
    )
    init: dict[str, Any] = Field(
        default_factory=dict,
        description="Inits by name of the layer's parameter, as in a spec; torch's defaults if left out.",
        examples=[{"weight": "xavier_uniform"}],
    )

    def check_parameter_count(self, shapes: Iterable[tuple[int, ...]], limits: Limits) -> None:
        """Raise TooLargeError where parameters of these shapes are more than the limit."""
        count = sum(math.prod(sizes) for sizes in shapes)
        if count > limits.parameters:
            detail = f"{self.kind} would draw {count:,} parameters, the limit is {limits.parameters:,}"
            raise TooLargeError(f"{detail}: choose fewer classes")

    def draw_parameters(
        self, layer: Mapping[str, Any], like: torch.Tensor, limits: Limits
    ) -> dict[str, torch.Tensor]:
        """The tensors that `/v1/weights` gives for a spec of this layer and seed, in the dtype of `like`.

        Raises:
            LossError: an init that does not fit.
        """
        document = {
            "seed": self.seed,
            "generator": self.generator,
            "dtype": str(like.dtype).removeprefix("torch."),
            "layers": [{**layer, "init": self.init}],
        }
        try:
            return _tensors(parse_spec(dump(document), limits))
        except SpecError as error:
            raise LossError([Fault(_above(fault.pointer), fault.detail) for fault in error.faults]) from None

    def expectation(self, output: Shape) -> Expectation | None:
        """None: no output is uninformed."""
        return None


def _tensors(resolved: ResolvedSpec) -> dict[str, torch.Tensor]:
    """Every tensor of a file, by name."""
    import torch

    file, source = open_file(resolved), element_source(resolved)
    tensors = {}
    for name, _, dtype, shape, *_ in resolved.tensors:
        tensors[name] = torch.empty(shape, dtype=getattr(torch, dtype.name))
        entry = file.entry(name)
        if entry.start < entry.stop:
            data = torch.from_numpy(file.read(entry.start, entry.stop, source))
            tensors[name].view(-1).view(torch.uint8).copy_(data)
    return tensors


def _above(pointer: str) -> str:
    """Where a fault of the spec's only layer stands in the request of the loss."""
    return pointer.removeprefix("/layers/0")
