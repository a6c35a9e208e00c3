"""Faults in the arguments of a loss: request, pointer and message."""

from __future__ import annotations

from typing import Any

import pytest

from tensorseed.errors import LossError
from tensorseed.losses import read_loss
from tensorseed.spec.limits import Limits

PAIR: dict[str, Any] = {"input": [1.0, 2.0], "target": [1.0, 2.0]}
LOGITS: dict[str, Any] = {"input": [[1.0, 2.0], [3.0, 4.0]], "target": [0, 1]}
CTC: dict[str, Any] = {
    "log_probs": [[[-1.0, -1.0, -1.0]] * 2] * 4,
    "targets": [[1, 2], [1, 1]],
    "input_lengths": [4, 4],
    "target_lengths": [2, 1],
}
RANKED: dict[str, Any] = {"input1": [1.0, 2.0], "input2": [1.0, 2.0], "target": [1, -1]}
VECTORS: dict[str, Any] = {"anchor": [[1.0]], "positive": [[2.0]], "negative": [[3.0]]}
GAUSS: dict[str, Any] = {"input": [[1.0, 2.0]], "target": [[1.0, 2.0]], "var": [[1.0, 2.0]]}


FAULTS: list[tuple[str, dict[str, Any], str, str]] = [
    ("mse_loss", {"input": [1]}, "/target", "target is required"),
    ("mse_loss", {**PAIR, "target": [[1.0], [2.0]]}, "/target", "(2, 1) and input the shape (2,)"),
    ("mse_loss", {**PAIR, "weight": [1.0]}, "/weight", "(1,) and input the shape (2,)"),
    ("mse_loss", {**PAIR, "weights": [1.0]}, "/weights", "did you mean weight?"),
    ("mse_loss", {**PAIR, "size_average": True}, "/size_average", "unknown field"),
    ("mse_loss", {**PAIR, "reduction": "average"}, "/reduction", "one of none, mean, sum"),
    ("mse_loss", {**PAIR, "reduction": "batchmean"}, "/reduction", "one of none, mean, sum"),
    ("mse_loss", {**PAIR, "target": None}, "/target", "this is null"),
    ("mse_loss", {**PAIR, "dtype": "int64"}, "/dtype", "one of float64, float32, float16, bfloat16"),
    ("mse_loss", {**PAIR, "device": "tpu"}, "/device", "auto, cpu, cuda"),
    ("mse_loss", {**PAIR, "gradients": "input"}, "/gradients", "a list of names"),
    ("mse_loss", {**PAIR, "gradients": [1]}, "/gradients/0", "a list of names"),
    ("mse_loss", {**PAIR, "gradients": ["inptu"]}, "/gradients/0", "did you mean input?"),
    ("mse_loss", {**PAIR, "gradients": ["input", "weight"]}, "/gradients/1", "weight is not given"),
    ("mse_loss", {**PAIR, "gradients": ["input", "input"]}, "/gradients/1", "named twice"),
    ("huber_loss", {**PAIR, "delta": 0}, "/delta", "greater than 0"),
    ("smooth_l1_loss", {**PAIR, "beta": -1}, "/beta", "at least 0"),
    ("smooth_l1_loss", {**PAIR, "beta": "1"}, "/beta", "must be a number"),
    ("cross_entropy", {**LOGITS, "target": [0, 2]}, "/target/1", "from 0 to 1, or -100: this is 2"),
    ("cross_entropy", {**LOGITS, "target": [-1, 0]}, "/target/0", "this is -1"),
    (
        "cross_entropy",
        {**LOGITS, "target": [0]},
        "/target",
        "(1,), and for classes of logits with the shape (2, 2)",
    ),
    ("cross_entropy", {**LOGITS, "target": [0, 1.0]}, "/target/1", "integer of 64 bits, this is 1.0"),
    ("cross_entropy", {**LOGITS, "target": [[0.5, 0.5]]}, "/target", "(1, 2), and as probabilities"),
    (
        "cross_entropy",
        {**LOGITS, "target": [[0.5, 0.5], [1.5, 0]]},
        "/target/1/0",
        "from 0 to 1: this is 1.5",
    ),
    ("cross_entropy", {**LOGITS, "target": [["NaN", 1], [1, 0]]}, "/target/0/0", "this is NaN"),
    (
        "cross_entropy",
        {**LOGITS, "target": [[0, 1], [1, 0]], "ignore_index": 0},
        "/ignore_index",
        "no meaning",
    ),
    ("cross_entropy", {**LOGITS, "weight": [1.0]}, "/weight", "(1,), and for 2 classes it must have (2,)"),
    ("cross_entropy", {**LOGITS, "label_smoothing": 1.1}, "/label_smoothing", "at most 1"),
    ("cross_entropy", {**LOGITS, "ignore_index": 0.5}, "/ignore_index", "must be an integer"),
    ("cross_entropy", {**LOGITS, "ignore_index": 2**63}, "/ignore_index", f"must be at most {2**63 - 1}"),
    ("cross_entropy", {"input": 1.0, "target": 0}, "/input", "no dimensions"),
    ("cross_entropy", {**LOGITS, "gradients": ["target"]}, "/gradients/0", "no gradient for target here"),
    (
        "cross_entropy",
        {**LOGITS, "weight": [1.0, 2.0], "gradients": ["weight"]},
        "/gradients/0",
        "no gradient for weight here, it has for input",
    ),
    ("nll_loss", {**LOGITS, "target": [[0, 1], [1, 0]]}, "/target", "(2, 2), and for classes of input"),
    ("binary_cross_entropy", {"input": [0.5, 1.1], "target": [0, 1]}, "/input/1", "with_logits: this is 1.1"),
    ("binary_cross_entropy", {"input": [0.5, "NaN"], "target": [0, 1]}, "/input/1", "this is NaN"),
    ("binary_cross_entropy", {"input": [0.5, 1], "target": [0, -0.1]}, "/target/1", "this is -0.1"),
    (
        "binary_cross_entropy",
        {"input": [0.5], "target": [1], "weight": [[1], [2]]},
        "/weight",
        "(2, 1), which does not broadcast to that of input, (1,)",
    ),
    ("binary_cross_entropy_with_logits", {**PAIR, "target": [0, 2]}, "/target/1", "this is 2"),
    (
        "binary_cross_entropy_with_logits",
        {"input": [1, 2], "target": [0, 1], "pos_weight": [1, 2, 3]},
        "/pos_weight",
        "(3,), which does not broadcast to that of input, (2,)",
    ),
    ("multilabel_soft_margin_loss", {"input": 1, "target": 1}, "/input", "no dimensions"),
    ("multilabel_soft_margin_loss", {**PAIR, "target": [0, -1]}, "/target/1", "from 0 to 1"),
    ("kl_div", {"input": [-1], "target": [-0.5]}, "/target/0", "unless log_target is true: this is -0.5"),
    ("poisson_nll_loss", {"input": [-1], "target": [1], "log_input": False}, "/input/0", "this is -1"),
    ("gaussian_nll_loss", {**GAUSS, "var": [[1.0, -1.0]]}, "/var/0/1", "at least 0: this is -1"),
    ("gaussian_nll_loss", {**GAUSS, "var": [[1.0, "NaN"]]}, "/var/0/1", "this is NaN"),
    ("gaussian_nll_loss", {**GAUSS, "var": [1.0, 2.0, 3.0]}, "/var", "(3,) and input the shape (1, 2)"),
    ("soft_margin_loss", {**PAIR, "target": [1, 0]}, "/target/1", "must be 1 or -1: this is 0"),
    ("hinge_embedding_loss", {**PAIR, "target": ["NaN", 0]}, "/target/0", "this is NaN"),
    ("margin_ranking_loss", {**RANKED, "target": [1, 2]}, "/target/1", "must be 1 or -1: this is 2"),
    ("margin_ranking_loss", {**RANKED, "input2": [1.0]}, "/input2", "(1,) and input1 the shape (2,)"),
    ("margin_ranking_loss", {**RANKED, "target": 1}, "/target", "0 dimensions"),
    ("cosine_embedding_loss", RANKED, "/target", "(2,), and for vectors of the shape (2,) it must have ()"),
    ("cosine_embedding_loss", {**RANKED, "input1": 1.0}, "/input1", "0 dimensions"),
    ("multi_margin_loss", {**LOGITS, "target": [0, -100]}, "/target/1", "from 0 to 1: this is -100"),
    ("multi_margin_loss", {**LOGITS, "p": 3}, "/p", "one of 1, 2"),
    ("multi_margin_loss", {**LOGITS, "weight": [[1.0, 2.0]]}, "/weight", "(1, 2), and for 2 classes"),
    ("multi_margin_loss", {"input": [[]], "target": [0]}, "/input", "no classes"),
    ("multi_margin_loss", {**LOGITS, "target": [1]}, "/target", "(1,), and for scores of the shape (2, 2)"),
    ("multilabel_margin_loss", {**LOGITS, "target": [[0, 2], [0, 0]]}, "/target/0/1", "or -1: this is 2"),
    ("multilabel_margin_loss", LOGITS, "/target", "(2,) and input the shape (2, 2)"),
    (
        "triplet_margin_loss",
        {**VECTORS, "negative": [[3.0], [4.0]]},
        "/negative",
        "(2, 1) and anchor the shape (1, 1)",
    ),
    ("triplet_margin_loss", {**VECTORS, "margin": 0}, "/margin", "greater than 0"),
    ("triplet_margin_loss", {**VECTORS, "p": -1}, "/p", "at least 0"),
    ("triplet_margin_loss", {**VECTORS, "p": "inf"}, "/p", "must be a number"),
    (
        "triplet_margin_loss",
        {**{key: [[]] for key in VECTORS}, "p": "Infinity"},
        "/anchor",
        "vectors are empty",
    ),
    (
        "triplet_margin_with_distance_loss",
        {**VECTORS, "distance_function": "euclid"},
        "/distance_function",
        "one of pairwise_distance, cosine_distance, squared_euclidean, manhattan, chebyshev",
    ),
    ("triplet_margin_with_distance_loss", dict.fromkeys(VECTORS, 1.0), "/anchor", "no dimensions"),
    ("ctc_loss", {**CTC, "blank": 3}, "/blank", "classes from 0 to 2"),
    ("ctc_loss", {**CTC, "targets": [[1, 3], [1, 1]]}, "/targets/0/1", "from 0 to 2 and not blank"),
    ("ctc_loss", {**CTC, "targets": [[0, 2], [1, 1]]}, "/targets/0/0", "not blank, which is 0: this is 0"),
    ("ctc_loss", {**CTC, "targets": [1, 2]}, "/targets", "(2,), and for log_probs of the shape (4, 2, 3)"),
    ("ctc_loss", {**CTC, "input_lengths": [4, 5]}, "/input_lengths/1", "from 0 to 4, the input has 4 steps"),
    ("ctc_loss", {**CTC, "input_lengths": [-1, 4]}, "/input_lengths/0", "this is -1"),
    ("ctc_loss", {**CTC, "input_lengths": [4]}, "/input_lengths", "(1,), and for log_probs"),
    ("ctc_loss", {**CTC, "target_lengths": [3, 1]}, "/target_lengths/0", "at most 2 elements"),
    ("ctc_loss", {**CTC, "target_lengths": [-2, 1]}, "/target_lengths/0", "this is -2"),
    (
        "ctc_loss",
        {"log_probs": [[0.0, 0.0]], "targets": [1], "input_lengths": [1], "target_lengths": [0]},
        "/targets",
        "(1, S), or all targets in a row, (0,)",
    ),
    ("ctc_loss", {**CTC, "log_probs": [[]]}, "/log_probs", "no elements"),
    ("ctc_loss", {**CTC, "log_probs": [1.0]}, "/log_probs", "1 dimensions"),
]


@pytest.mark.parametrize(("name", "document", "pointer", "words"), FAULTS)
def test_faults(name: str, document: dict[str, Any], pointer: str, words: str) -> None:
    with pytest.raises(LossError) as caught:
        read_loss(name, document, Limits())
    (fault,) = caught.value.faults
    assert fault.pointer == pointer
    assert words in fault.detail
