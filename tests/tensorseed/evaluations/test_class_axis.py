"""Classes along the axis that a Linear, a convolution or a softmax made."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.tensorseed.evaluations.cases import faults, report

TABLE = {"name": "table", "type": "Embedding", "num_embeddings": 10, "embedding_dim": 16}
HEAD = {"name": "head", "type": "Linear", "in_features": 16, "out_features": 10}
RNN = {"name": "rnn", "type": "GRU", "input_size": 16, "hidden_size": 10, "batch_first": True}
CONV = {"name": "conv", "type": "Conv1d", "in_channels": 16, "out_channels": 10, "kernel_size": 1}
WORDS = {"shape": [8, 20], "classes": 10}


def tagging(*layers: dict[str, Any], target: Any = None, **more: Any) -> dict[str, Any]:
    """A network of sequences, a class for each place."""
    given = target or {"classes": 10}
    return {"layers": [TABLE, *layers], "input": WORDS, "target": given, "loss": "cross_entropy", **more}


def softmax(dim: int) -> dict[str, Any]:
    return {"type": "LogSoftmax", "dim": dim}


@pytest.mark.parametrize(
    "document",
    [
        tagging(HEAD),
        tagging(HEAD, {"type": "Dropout", "p": 0.0}),
        tagging(HEAD, target={"classes": 10, "class_axis": 2}),
        tagging(HEAD, target={"classes": 10, "class_axis": -1}),
        tagging(RNN),
        tagging(HEAD, softmax(-1), loss="nll_loss"),
        tagging(HEAD, softmax(2), loss="nll_loss"),
    ],
)
def test_the_classes_of_a_sequence_are_its_last_axis(document: dict[str, Any]) -> None:
    found = report(document)
    assert found.denominator == 8 * 20
    assert found.expected_loss is not None
    assert found.expected_loss.value == pytest.approx(math.log(10))
    assert found.expected_loss.formula.startswith("ln C for C = 10 classes")


def test_a_sequence_has_the_loss_of_its_places() -> None:
    """Joined, the places are samples."""
    joined = tagging(HEAD, {"type": "Flatten", "start_dim": 0, "end_dim": 1}, optimizer="SGD", steps=2)
    plain = tagging(HEAD, optimizer="SGD", steps=2)
    assert report(plain).loss == pytest.approx(report(joined).loss, rel=1e-6)
    assert report(plain).steps == pytest.approx(report(joined).steps, rel=1e-6)


def test_probabilities_as_the_target_move_along() -> None:
    uniform = {"init": {"kind": "constant", "value": 0.1}}
    found = report(tagging(HEAD, target=uniform))
    assert found.denominator == 8 * 20
    assert found.expected_loss is not None
    assert found.expected_loss.value == pytest.approx(math.log(10))


def test_the_time_steps_can_be_the_classes() -> None:
    by_field = report(tagging(HEAD, target={"classes": 20, "class_axis": 1}))
    by_softmax = report(tagging(HEAD, softmax(1), target={"classes": 20}, loss="nll_loss"))
    assert by_field.denominator == by_softmax.denominator == 8 * 10
    assert by_field.loss == pytest.approx(by_softmax.loss, rel=1e-6)


def test_the_channels_of_a_convolution_are_classes() -> None:
    image = {
        "layers": [{"name": "c", "type": "Conv2d", "in_channels": 3, "out_channels": 5, "kernel_size": 1}],
        "input": {"shape": [2, 3, 4, 4], "init": "normal"},
        "target": {"classes": 5},
        "loss": "cross_entropy",
    }
    assert report(image).denominator == 2 * 4 * 4
    series = {**image, "layers": [CONV], "input": {"shape": [2, 16, 7], "init": "normal"}}
    assert report({**series, "target": {"classes": 10}}).denominator == 2 * 7


@pytest.mark.parametrize(
    ("document", "pointer", "words"),
    [
        (tagging(HEAD, target={"classes": 50}), "/target/classes",
         "classes is 50 and the output [8, 20, 10] has 10 logits along axis 2"),
        (tagging(HEAD, target={"classes": 20}), "/target/classes", "or give class_axis 1"),
        (tagging(HEAD, softmax(1), loss="nll_loss"), "/target/classes", "has 20 logits along axis 1"),
        (tagging(HEAD, target={"data": [[1] * 10] * 8}), "/target", "give class_axis"),
        (tagging(HEAD, target={"data": [[11] * 20] * 8}), "/target/data/0/0", "has its classes along axis 2"),
        (tagging(HEAD, target={"classes": 10, "class_axis": 3}), "/target/class_axis", "the axes -3 to 2"),
        (tagging(HEAD, target={"init": "normal", "class_axis": 1}, loss="mse_loss"), "/target/class_axis",
         "mse_loss has no axis of classes"),
    ],
)  # fmt: skip
def test_classes_that_do_not_fit_are_refused(document: dict[str, Any], pointer: str, words: str) -> None:
    assert words in faults(document)[pointer]
