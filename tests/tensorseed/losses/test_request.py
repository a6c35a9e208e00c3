"""Requests of losses: contents, and faults of the whole."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tensorseed.errors import LossError, TooLargeError, UnknownNameError
from tensorseed.losses import LOSSES, evaluate, read_loss, read_options
from tensorseed.losses.margin import MAX_PAIRS
from tensorseed.losses.request import loss_class
from tensorseed.spec.limits import Limits

SMALL = Limits(loss_values=10, activations=100, parameters=50, dimensions=3)
PAIR: dict[str, Any] = {"input": [1.0, 2.0], "target": [1.0, 2.0]}
LOGITS: dict[str, Any] = {"input": [[1.0, 2.0], [3.0, 4.0]], "target": [0, 1]}


def faults(name: str, document: Any, tensors: Any = None) -> list[tuple[str, str]]:
    with pytest.raises(LossError) as caught:
        read_loss(name, document, Limits(), tensors)
    return [(fault.pointer, fault.detail) for fault in caught.value.faults]


def test_faults_are_told_together() -> None:
    found = faults("mse_loss", {**PAIR, "dtype": "int8", "reduction": 3, "gradients": [2], "device": []})
    assert [where for where, _ in found] == ["/reduction", "/dtype", "/device", "/gradients/0"]
    found = faults("cross_entropy", {"inputs": [1], "target~/": 1})
    assert [where for where, _ in found] == ["/inputs", "/target~0~1", "/input", "/target"]


@pytest.mark.parametrize("document", [[], 1, None, "x"])
def test_a_request_is_an_object(document: Any) -> None:
    assert faults("mse_loss", document) == [
        ("", "the request must be an object with the tensors and options of the loss")
    ]


def test_unknown_losses() -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean mse_loss\?"):
        read_loss("mse", {}, Limits())
    with pytest.raises(UnknownNameError, match=r"did you mean cross_entropy\?"):
        read_loss("crossentropy", {}, Limits())
    with pytest.raises(UnknownNameError, match=r"valid are l1_loss"):
        read_loss("x" * 10_000, {}, Limits())


def test_what_is_optional_may_be_null() -> None:
    call = read_loss("mse_loss", {**PAIR, "weight": None}, Limits())
    assert set(call.tensors) == {"input", "target"}


def test_one_hot_targets_of_integers_are_probabilities() -> None:
    call = read_loss("cross_entropy", {**LOGITS, "target": [[0, 1], [1, 0]]}, Limits())
    assert call.tensors["target"].dtype == torch.float32
    assert (
        evaluate(call).loss
        == evaluate(read_loss("cross_entropy", {**LOGITS, "target": [1, 0]}, Limits())).loss
    )


def test_the_limits() -> None:
    with pytest.raises(
        TooLargeError, match=r"12 numbers, a JSON one at most 10: send the tensors as safetensors"
    ):
        read_loss("mse_loss", {"input": [1] * 6, "target": [2] * 6}, SMALL)
    with pytest.raises(LossError, match="at most 3 dimensions"):
        read_loss("mse_loss", {"input": [[[[1]]]], "target": 1}, SMALL)
    tensors = {
        "log_probs": torch.zeros(10, 3),
        "targets": torch.ones(20).long(),
        "input_lengths": torch.tensor(10),
        "target_lengths": torch.tensor(20),
    }
    with pytest.raises(
        TooLargeError, match="ctc_loss would compute 410 numbers on the way, the limit is 100"
    ):
        read_loss("ctc_loss", {}, SMALL, tensors)
    empty = torch.zeros(101, 0)
    tensors = {"anchor": empty, "positive": empty, "negative": empty}
    with pytest.raises(TooLargeError, match="triplet_margin_loss would compute 101 numbers"):
        read_loss("triplet_margin_loss", {"reduction": "none"}, SMALL, tensors)
    columns = int(MAX_PAIRS**0.5) + 1
    tensors = {"input": torch.zeros(1).expand(columns), "target": torch.zeros(1).long().expand(columns)}
    with pytest.raises(TooLargeError, match="comparisons of classes"):
        read_loss("multilabel_margin_loss", {}, Limits(), tensors)


class TestTensors:
    """The form in which the tensors come as tensors."""

    def test_their_dtype_counts(self) -> None:
        pair = {"input": torch.zeros(2).half(), "target": torch.ones(2).half()}
        assert read_loss("mse_loss", {}, Limits(), pair).dtype == "float16"
        assert read_loss("mse_loss", {"dtype": "float16"}, Limits(), pair).dtype == "float16"
        ((where, detail),) = faults("mse_loss", {"dtype": "float32"}, pair)
        assert where == "/dtype"
        assert "float32 and the tensors are float16" in detail

    def test_they_are_not_copied(self) -> None:
        pair = {"input": torch.zeros(2), "target": torch.ones(2)}
        call = read_loss("mse_loss", {}, Limits(), pair)
        assert call.tensors["input"].data_ptr() == pair["input"].data_ptr()

    @pytest.mark.parametrize(
        ("name", "tensors", "pointer", "words"),
        [
            (
                "mse_loss",
                {"input": torch.zeros(2), "target": torch.zeros(2).half()},
                "/target",
                "target is float16 and input is float32",
            ),
            (
                "mse_loss",
                {"input": torch.zeros(2), "target": torch.zeros(2).long()},
                "/target",
                "target is int64: give it as one of float64, float32, float16, bfloat16",
            ),
            (
                "mse_loss",
                {"input": torch.zeros(2).bool(), "target": torch.zeros(2)},
                "/input",
                "input is bool",
            ),
            (
                "cross_entropy",
                {"input": torch.zeros(2, 3), "target": torch.zeros(2).int()},
                "/target",
                "target is int32: give it as int64 or one of",
            ),
            (
                "nll_loss",
                {"input": torch.zeros(2, 3), "target": torch.zeros(2)},
                "/target",
                "target is float32: give it as int64",
            ),
            ("mse_loss", {"input": torch.zeros(2)}, "/target", "required"),
            (
                "mse_loss",
                {"input": torch.zeros(2), "target": torch.zeros(2), "wieght": torch.zeros(2)},
                "/wieght",
                "did you mean weight?",
            ),
        ],
    )
    def test_faults(self, name: str, tensors: Any, pointer: str, words: str) -> None:
        ((where, detail),) = faults(name, {}, tensors)
        assert where == pointer
        assert words in detail

    def test_a_tensor_beside_them(self) -> None:
        pair = {"input": torch.zeros(2), "target": torch.ones(2)}
        ((where, detail),) = faults("mse_loss", {"weight": [1, 2]}, pair)
        assert where == "/weight"
        assert detail == "weight is a tensor: put it into the safetensors body, not beside it"

    def test_targets_of_integers(self) -> None:
        for name in ("hinge_embedding_loss", "margin_ranking_loss", "cosine_embedding_loss"):
            inputs = {a.name: torch.ones(2, 3) for a in LOSSES[name].arguments if a.name != "target"}
            shape = (2,) if name == "cosine_embedding_loss" else (2, 3)
            results = [
                evaluate(read_loss(name, {}, Limits(), {**inputs, "target": target})).loss
                for target in (torch.ones(shape), torch.ones(shape).long())
            ]
            assert torch.equal(*results)


def test_options_alone() -> None:
    loss = read_options("cross_entropy", {"label_smoothing": 0.1})
    assert loss.options() == {"ignore_index": -100, "label_smoothing": 0.1, "reduction": "mean"}
    with pytest.raises(LossError) as caught:
        read_options("cross_entropy", {"input": [1], "label_smoothing": 2})
    (fault,) = caught.value.faults
    assert fault.pointer == "/input"
    with pytest.raises(UnknownNameError):
        read_options("cross", {})


@pytest.mark.parametrize(
    "name", ["MSELoss", "nn.MSELoss", "torch.nn.MSELoss", "F.mse_loss", "torch.nn.functional.mse_loss"]
)
def test_a_spelling_of_torch_is_the_loss(name: str) -> None:
    tensors = {"input": [1.0, 2.0], "target": [0.0, 4.0]}
    call = read_loss(name, tensors, Limits())
    assert call.kind == "mse_loss"
    assert loss_class(name) is loss_class("mse_loss")


@pytest.mark.parametrize(
    ("name", "guess"), [("mae", "l1_loss"), ("FocalLoss", "sigmoid_focal_loss"), ("bce", "binary")]
)
def test_a_synonym_of_a_loss_is_suggested(name: str, guess: str) -> None:
    with pytest.raises(UnknownNameError, match=f"did you mean {guess}"):
        loss_class(name)
