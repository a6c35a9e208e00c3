"""Connectionist temporal classification of sequences without alignment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from tensorseed.losses.base import (
    Argument,
    Arguments,
    Expectation,
    Loss,
    Reduction,
    Shape,
    Tensors,
    reduction_field,
)
from tensorseed.losses.checks import fail, first, not_empty, rank, refuse, shape
from tensorseed.losses.likelihood import above_zero

if TYPE_CHECKING:
    import torch


class CTCLoss(Loss):
    """The connectionist temporal classification loss: the likelihood of a target under all its alignments.

    Formula: ℓ = −log Σ_{alignments π of the target} Π_t exp(log_probs[t, π_t]); mean takes the mean over the
        batch of ℓ / max(1, target length)
    Source: Graves et al.: Connectionist temporal classification, ICML 2006
    Denominator: the size of the batch; before that each loss has been divided by its target's length, or by 1
        where that is 0
    Empty: torch takes no log_probs without elements; an empty target is the likelihood of blanks alone
    """

    kind: ClassVar[str] = "ctc_loss"
    module: ClassVar[str] = "CTCLoss"
    arguments: ClassVar[Arguments] = (
        Argument("log_probs", "(T, N, C) or (T, C): log-probabilities of C classes, blank included"),
        Argument(
            "targets",
            "(N, S), with 1 for N where there is none, or (Σ target_lengths): classes, no blank",
            "integer",
        ),
        Argument("input_lengths", "(N), or () without N: each from 0 to T", "integer"),
        Argument("target_lengths", "(N), or () without N: each from 0 to S", "integer"),
    )

    blank: Annotated[int, Field(ge=0)] = Field(
        default=0, description="The class that stands for no symbol.", examples=[0]
    )
    reduction: Reduction = reduction_field()
    zero_infinity: bool = Field(
        default=False,
        description="Whether an infinite loss, of a target that does not fit its input, counts as 0.",
        examples=[False],
    )

    def check(self, tensors: Tensors) -> None:
        """Shapes that fit, lengths within them, and targets that are classes and not the blank."""
        rank(tensors, "log_probs", 2, 3)
        not_empty(tensors, "log_probs", "torch computes no alignment without time, batch and classes")
        time, *batch, count = shape(tensors["log_probs"])
        if self.blank >= count:
            raise fail("blank", f"blank is {self.blank}, and log_probs has classes from 0 to {count - 1}")
        for name in ("input_lengths", "target_lengths"):
            self._check_batch(tensors, name, tuple(batch))
        _check_lengths(tensors, "input_lengths", time, f"the input has {time} steps")
        _check_lengths(tensors, "target_lengths", tensors["targets"].numel(), "targets has no more elements")
        longest = _check_targets(tensors, batch)
        _check_lengths(tensors, "target_lengths", longest, f"a target has at most {longest} elements here")
        self._check_classes(tensors, count)

    def _check_batch(self, tensors: Tensors, name: str, batch: Shape) -> None:
        given = shape(tensors[name])
        if given != batch and not (not batch and given == (1,)):
            sizes = shape(tensors["log_probs"])
            detail = f"{name} has the shape {given}, and for log_probs of the shape {sizes}"
            raise fail(name, f"{detail} it must have {batch}")

    def _check_classes(self, tensors: Tensors, count: int) -> None:
        targets = tensors["targets"]
        good = (targets >= 0) & (targets < count) & (targets != self.blank)
        if targets.ndim == 2:
            good |= ~_used(tensors)
        if not good.all():
            valid = f"targets must be a class from 0 to {count - 1} and not blank, which is {self.blank}"
            refuse(targets, "targets", good, valid)

    def value(self, tensors: Tensors) -> torch.Tensor:
        """As torch computes it, with lengths in a list: without a batch it takes one form for both only."""
        lengths = {name: tensors[name].reshape(-1) for name in ("input_lengths", "target_lengths")}
        return super().value({**tensors, **lengths})

    def count(self, tensors: Tensors) -> float:
        """The size of the batch."""
        log_probs = tensors["log_probs"]
        return float(log_probs.shape[1]) if log_probs.ndim == 3 else 1.0

    def workspace_size(self, tensors: Tensors) -> int:
        """The table of alignments: T × N × (2 · longest target + 1)."""
        longest = int(tensors["target_lengths"].max())
        rows = tensors["log_probs"].shape[0] * int(self.count(tensors))
        return rows * (2 * longest + 1)

    def notes(self, tensors: Tensors) -> Iterator[str]:
        """On numbers that are no log-probabilities, and on targets that do not fit."""
        yield from above_zero(tensors, "log_probs")
        short = tensors["input_lengths"].reshape(-1) < _needed(tensors)
        if short.any() and not self.zero_infinity:
            detail = "does not fit into its input, with a blank between equal neighbours"
            yield f"target {first(short)[0]} {detail}: its loss is Infinity unless zero_infinity is true"

    def expectation(self, output: Shape) -> Expectation | None:
        """None: no output is uninformed."""
        return None


def _check_lengths(tensors: Tensors, name: str, most: int, because: str) -> None:
    lengths = tensors[name]
    good = (lengths >= 0) & (lengths <= most)
    if not good.all():
        refuse(lengths, name, good, f"{name} must be from 0 to {most}, {because}")


def _check_targets(tensors: Tensors, batch: list[int]) -> int:
    """Check the shape of the targets, and return how long one can be."""
    given, lengths = shape(tensors["targets"]), tensors["target_lengths"]
    if len(given) == 2 and given[0] == (batch[0] if batch else 1):
        return given[1]
    total = sum(lengths.reshape(-1).tolist())
    if len(given) == 1 and given[0] == total:
        return given[0]
    sizes = shape(tensors["log_probs"])
    detail = f"targets has the shape {given}, and for log_probs of the shape {sizes} it must have "
    rows = f"({batch[0] if batch else 1}, S), or all targets in a row, ({total},)"
    raise fail("targets", f"{detail}{rows}")


def _used(tensors: Tensors) -> torch.Tensor:
    """Which elements of padded targets are within their lengths."""
    import torch

    targets, lengths = tensors["targets"], tensors["target_lengths"].reshape(-1, 1)
    return torch.arange(targets.shape[1], device=targets.device) < lengths  # (N, S)


def _needed(tensors: Tensors) -> torch.Tensor:
    """How many steps each target takes at least: its length, and a blank between equal neighbours."""
    targets, lengths = tensors["targets"], tensors["target_lengths"].reshape(-1)
    symbols = targets[_used(tensors)] if targets.ndim == 2 else targets[: int(lengths.sum())]
    owner = lengths.new_tensor(range(len(lengths))).repeat_interleave(lengths)
    doubled = (symbols[1:] == symbols[:-1]) & (owner[1:] == owner[:-1])
    return lengths + owner[1:][doubled].bincount(minlength=len(lengths))
