"""Random losses: a result or an error, and none that torch refuses."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorseed.errors import LossError, TooLargeError
from tensorseed.losses import LOSSES, evaluate, read_loss
from tensorseed.spec.limits import Limits

SMALL = Limits(loss_values=10, activations=100, parameters=50, dimensions=3)

NUMBERS = st.one_of(
    st.integers(-2, 4),
    st.floats(-2, 2, width=16),
    st.sampled_from(["NaN", "Infinity", "-Infinity", 1e300, 1 << 62]),
)
WORDS = st.one_of(
    st.none(), st.booleans(), st.text(max_size=3), st.dictionaries(st.text(max_size=1), NUMBERS)
)


def filled(shape: tuple[int, ...], leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    if not shape:
        return leaf
    return st.lists(filled(shape[1:], leaf), min_size=shape[0], max_size=shape[0])


SHAPED = st.lists(st.integers(0, 3), max_size=4).map(tuple)
ARRAYS = st.one_of(
    SHAPED.flatmap(lambda shape: filled(shape, st.integers(-1, 2))),
    SHAPED.flatmap(lambda shape: filled(shape, st.sampled_from([0.0, 0.5, 1.0, -1.0]))),
    SHAPED.flatmap(lambda shape: filled(shape, st.one_of(NUMBERS, NUMBERS, NUMBERS, WORDS))),
    st.recursive(NUMBERS, lambda part: st.lists(part, max_size=3), max_leaves=6),
)
OPTIONS = st.one_of(
    NUMBERS, WORDS, st.sampled_from(["none", "sum", "mean", "e", "float64", ["input"], [2, 3], [1]])
)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_whatever_is_sent_is_computed_or_refused(data: Any) -> None:
    name = data.draw(st.sampled_from(list(LOSSES)))
    cls = LOSSES[name]
    names = [argument.name.replace("{i}", "0") for argument in cls.arguments]
    document: dict[str, Any] = {key: data.draw(ARRAYS) for key in names if data.draw(st.integers(0, 9))}
    fields = st.sampled_from([*cls.model_fields, "dtype", "gradients", "x"])
    document |= data.draw(st.dictionaries(fields, OPTIONS, max_size=2))
    assert "of these shapes" not in answer(name, document)


SIZES = st.lists(st.sampled_from([0, 1, 2, 2, 3]), max_size=4).map(tuple)


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_whatever_shapes_come_are_computed_or_refused(data: Any) -> None:
    """Tensors of nearly the right shapes, the empty ones among them, with all gradients."""
    name = data.draw(st.sampled_from(list(LOSSES)))
    shape = data.draw(SIZES)
    related = st.sampled_from(
        [shape, shape, shape, shape[:-1], shape[:1], shape[1:], shape[:1] + shape[2:], ()]
    )
    tensors = {}
    for argument in LOSSES[name].arguments:
        if argument.optional and data.draw(st.booleans()):
            continue
        integer = argument.numbers == "integer" or (argument.numbers == "either" and data.draw(st.booleans()))
        value = data.draw(st.sampled_from([0, 1]))
        dtype = torch.int64 if integer else torch.float32
        tensors[argument.name.replace("{i}", "0")] = torch.full(data.draw(related), value, dtype=dtype)
    options: dict[str, Any] = {"reduction": data.draw(st.sampled_from(["none", "sum", "mean"]))}
    if "n_classes" in LOSSES[name].model_fields:
        options = {"n_classes": 3, "cutoffs": [1]}
    if "num_classes" in LOSSES[name].model_fields and "linear_weight" not in tensors:
        options |= {"num_classes": 2, "out_features": data.draw(st.sampled_from([[], [2], [0, 1]]))}
    told = answer(name, options, tensors)
    assert "of these shapes" not in told
    if not told:
        loss = read_loss(name, options, Limits(), tensors)
        wanted = sorted(loss.loss.differentiable(loss.tensors))
        assert answer(name, options | {"gradients": wanted}, tensors) == ""


def answer(name: str, document: Any, tensors: Any = None) -> str:
    """What is told of a fault; nothing of a loss that was computed."""
    try:
        evaluate(read_loss(name, document, SMALL, tensors))
    except LossError as error:
        return " ".join(fault.detail for fault in error.faults)
    except TooLargeError as error:
        return str(error)
    return ""
