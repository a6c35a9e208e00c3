"""Valid calls of every loss, which the tests compare with torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Case:
    """Options and tensors in float64 and int64; `name` is the loss's."""

    name: str
    tensors: Tensors
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        shapes = "-".join("x".join(map(str, tensor.shape)) or "scalar" for tensor in self.tensors.values())
        return "-".join([self.name, shapes, *(f"{key}={value}" for key, value in self.options.items())])

    def cast(self, dtype: torch.dtype) -> Tensors:
        """The tensors with the floating ones in `dtype`."""
        return {
            name: tensor.to(dtype) if tensor.is_floating_point() else tensor
            for name, tensor in self.tensors.items()
        }


_generator = torch.Generator().manual_seed(20)


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=_generator, dtype=torch.float64)


def uniform(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=_generator, dtype=torch.float64)


def positive(*shape: int) -> torch.Tensor:
    return uniform(*shape) + 0.25


def integers(count: int, *shape: int) -> torch.Tensor:
    return torch.randint(count, shape, generator=_generator)


def signs(*shape: int) -> torch.Tensor:
    return (integers(2, *shape) * 2 - 1).double()


def softmax(*shape: int, dim: int = -1) -> torch.Tensor:
    return normal(*shape).softmax(dim)


def log_softmax(*shape: int, dim: int = -1) -> torch.Tensor:
    return normal(*shape).log_softmax(dim)


def ignoring(target: torch.Tensor, ignored: int = -100) -> torch.Tensor:
    target = target.clone()
    target.view(-1)[::3] = ignored
    return target


SHAPES: list[tuple[int, ...]] = [(5, 3), (), (7,), (0, 3), (2, 3, 4)]


def elementwise() -> Iterator[Case]:
    for shape in SHAPES:
        pair = {"input": normal(*shape), "target": normal(*shape)}
        for name in ("l1_loss", "mse_loss", "smooth_l1_loss", "huber_loss"):
            yield Case(name, pair)
        for name in ("l1_loss", "mse_loss", "huber_loss"):
            yield Case(name, {**pair, "weight": positive(*shape)})
        for beta in (0.0, 0.3, 2.0):
            yield Case("smooth_l1_loss", pair, {"beta": beta})
        yield Case("huber_loss", pair, {"delta": 0.3})


def likelihoods() -> Iterator[Case]:
    for shape in SHAPES:
        yield Case("kl_div", {"input": -positive(*shape), "target": uniform(*shape)})
        logs = {"input": -positive(*shape), "target": -positive(*shape)}
        yield Case("kl_div", logs, {"log_target": True})
        counts = {"input": normal(*shape), "target": (3 * uniform(*shape)).round()}
        yield Case("poisson_nll_loss", counts)
        yield Case("poisson_nll_loss", counts, {"full": True})
        means = {"input": positive(*shape), "target": (3 * uniform(*shape)).round()}
        yield Case("poisson_nll_loss", means, {"log_input": False, "eps": 0.01})
        pair = {"input": normal(*shape), "target": normal(*shape)}
        yield Case("gaussian_nll_loss", {**pair, "var": positive(*shape)})
        yield Case("gaussian_nll_loss", {**pair, "var": 0 * positive(*shape)}, {"eps": 0.1, "full": True})
    pair = {"input": normal(5, 3), "target": normal(5, 3)}
    for var in (positive(5), positive(5, 1), positive(1, 3)):
        yield Case("gaussian_nll_loss", {**pair, "var": var})


def binaries() -> Iterator[Case]:
    for shape in SHAPES:
        target = {"target": uniform(*shape)}
        yield Case("binary_cross_entropy", {"input": uniform(*shape), **target})
        yield Case(
            "binary_cross_entropy", {"input": uniform(*shape).round(), "target": target["target"].round()}
        )
        yield Case("binary_cross_entropy_with_logits", {"input": normal(*shape), **target})
    target = {"target": uniform(5, 3)}
    yield Case("binary_cross_entropy", {"input": uniform(5, 3), **target, "weight": positive(5, 1)})
    logits = {"input": normal(5, 3), **target}
    for weight in (positive(3), positive(5, 3), positive(1, 1)):
        yield Case("binary_cross_entropy_with_logits", {**logits, "weight": weight})
        yield Case("binary_cross_entropy_with_logits", {**logits, "pos_weight": weight})
    yield Case(
        "binary_cross_entropy_with_logits", {**logits, "weight": positive(5, 1), "pos_weight": positive(3)}
    )
    for shape in ((5, 3), (3,), (0, 3), (4, 0), (2, 4, 3)):
        labels = {"input": normal(*shape), "target": uniform(*shape).round()}
        yield Case("multilabel_soft_margin_loss", labels)
    yield Case("multilabel_soft_margin_loss", {"input": normal(5, 3), **target, "weight": positive(3)})


SAMPLES: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((6, 4), (6,)),
    ((4,), ()),
    ((4,), (1,)),
    ((0, 4), (0,)),
    ((2, 4, 3), (2, 3)),
    ((2, 4, 3, 2), (2, 3, 2)),
    ((2, 4, 1, 2, 3), (2, 1, 2, 3)),
    ((2, 4, 0), (2, 0)),
]


def classifications() -> Iterator[Case]:
    for logits, classes in SAMPLES:
        target = integers(4, *classes)
        for some in (target, ignoring(target), torch.full_like(target, -100)):
            yield Case(
                "nll_loss", {"input": log_softmax(*logits, dim=min(len(logits) - 1, 1)), "target": some}
            )
            for weight in ({}, {"weight": positive(4)}):
                tensors = {"input": normal(*logits), "target": some, **weight}
                yield Case("nll_loss", {**tensors, "input": -tensors["input"].abs()})
                yield Case("cross_entropy", tensors)
                yield Case("cross_entropy", tensors, {"label_smoothing": 0.1})
        yield Case("cross_entropy", {"input": normal(*logits), "target": target}, {"ignore_index": 2})
        yield Case("nll_loss", {"input": -positive(*logits), "target": target}, {"ignore_index": 2})
        if classes != (1,):
            axis = min(len(logits) - 1, 1)
            for weight in ({}, {"weight": positive(4)}):
                soft = {"input": normal(*logits), "target": softmax(*logits, dim=axis), **weight}
                yield Case("cross_entropy", soft)
                yield Case("cross_entropy", soft, {"label_smoothing": 0.3})


def linears() -> Iterator[Case]:
    weights = {"linear_weight": normal(4, 5)}
    for bias in ({}, {"linear_bias": normal(4)}):
        tensors = {"input": normal(6, 5), "target": ignoring(integers(4, 6)), **weights, **bias}
        yield Case("linear_cross_entropy", tensors)
        yield Case("linear_cross_entropy", {**tensors, "weight": positive(4)}, {"label_smoothing": 0.1})
        yield Case("linear_cross_entropy", {**tensors, "target": softmax(6, 4), "weight": positive(4)})
    yield Case("linear_cross_entropy", {"input": normal(5), "target": integers(4), **weights})
    yield Case("linear_cross_entropy", {"input": normal(5), "target": softmax(4), **weights})
    yield Case(
        "linear_cross_entropy",
        {"input": normal(6, 5), "target": integers(4, 6), **weights},
        {"ignore_index": 2},
    )
    deep = {"input": normal(6, 5), "linear_weight": normal(4, 2, 3, 5), "linear_bias": normal(4, 2, 3)}
    yield Case("linear_cross_entropy", {**deep, "target": integers(4, 6, 2, 3)})
    yield Case("linear_cross_entropy", {**deep, "target": softmax(6, 4, 2, 3, dim=1)})


def margins() -> Iterator[Case]:
    for shape in SHAPES:
        yield Case("soft_margin_loss", {"input": normal(*shape), "target": signs(*shape)})
        distances = {"input": positive(*shape), "target": signs(*shape)}
        yield Case("hinge_embedding_loss", distances)
        yield Case("hinge_embedding_loss", distances, {"margin": 0.6})
        scores = {"input1": normal(*shape), "input2": normal(*shape), "target": signs(*shape)}
        yield Case("margin_ranking_loss", scores)
        yield Case("margin_ranking_loss", scores, {"margin": -0.3})
    yield Case("margin_ranking_loss", {"input1": normal(5, 3), "input2": normal(5, 3), "target": signs(5, 1)})
    for vectors in ((5, 3), (3,), (0, 3)):
        pair = {"input1": normal(*vectors), "input2": normal(*vectors), "target": signs(*vectors[:-1])}
        yield Case("cosine_embedding_loss", pair)
        yield Case("cosine_embedding_loss", pair, {"margin": 0.4})
    for scores_shape, classes in (((6, 4), (6,)), ((4,), ()), ((4,), (1,))):
        scores = {"input": normal(*scores_shape), "target": integers(4, *classes)}
        yield Case("multi_margin_loss", scores)
        yield Case("multi_margin_loss", {**scores, "weight": positive(4)}, {"p": 2, "margin": 0.5})
    labels = torch.tensor([[0, 2, -1, 1], [-1, 0, 0, 0], [3, 1, 0, 2], [1, -1, -1, -1]])
    yield Case("multilabel_margin_loss", {"input": normal(4, 4), "target": labels})
    yield Case("multilabel_margin_loss", {"input": normal(4), "target": labels[0]})


def triplets() -> Iterator[Case]:
    for shape in ((5, 3), (3,), (0, 3), (2, 4, 3), (4, 0)):
        tensors = {"anchor": normal(*shape), "positive": normal(*shape), "negative": normal(*shape)}
        yield Case("triplet_margin_loss", tensors)
        yield Case("triplet_margin_loss", tensors, {"swap": True, "p": 1.0, "margin": 0.5})
        yield Case("triplet_margin_with_distance_loss", tensors)
        yield Case("triplet_margin_with_distance_loss", tensors, {"swap": True, "margin": 0.5})
    yield Case(
        "triplet_margin_loss", {name: normal(5, 3) for name in tensors}, {"p": float("inf"), "eps": 0.01}
    )


def ctcs() -> Iterator[Case]:
    padded = {
        "log_probs": log_softmax(8, 3, 5),
        "targets": torch.tensor([[1, 2, 3], [4, 4, -7], [9, 9, 9]]),
        "input_lengths": torch.tensor([8, 6, 7]),
        "target_lengths": torch.tensor([3, 2, 0]),
    }
    yield Case("ctc_loss", padded)
    yield Case("ctc_loss", {**padded, "targets": torch.tensor([1, 2, 3, 4, 4])})
    short = {**padded, "input_lengths": torch.tensor([2, 6, 0])}
    yield Case("ctc_loss", short)
    yield Case("ctc_loss", short, {"zero_infinity": True})
    yield Case("ctc_loss", {**padded, "targets": torch.tensor([[1, 2, 0]] * 3)}, {"blank": 4})
    for lengths in ((), (1,)):
        alone = {
            "log_probs": log_softmax(8, 5),
            "targets": torch.tensor([1, 2, 2]),
            "input_lengths": torch.full(lengths, 7),
            "target_lengths": torch.full(lengths, 3),
        }
        yield Case("ctc_loss", alone)


CASES: list[Case] = [
    *elementwise(),
    *likelihoods(),
    *binaries(),
    *classifications(),
    *linears(),
    *margins(),
    *triplets(),
    *ctcs(),
]
"""Everything that torch.nn.functional computes, but for the reductions."""

DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
