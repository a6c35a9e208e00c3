"""Losses of a service in Python: lists and arrays, exact results, faults."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from torch.nn import functional

import tensorseed
from tensorseed.client import losses
from tensorseed.client.http.answers import AnswerError
from tensorseed.client.sync_client import Client
from tensorseed.files.arrays import raw_array, write_arrays
from tests.tensorseed.client.clients import Call, awaiting, blocking
from tests.tensorseed.client.conftest import Between, quick

INPUT = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
TARGET = torch.tensor([0, 2, -100, 1])


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(url, attempts=2, backoff=quick) as found:
        yield found


def sent(between: Between) -> list[tuple[str, str]]:
    """The methods and media types of the requests."""
    return [(method, headers.get("content-type", "")) for method, _, headers in between.requests]


@pytest.mark.parametrize("ask", [blocking, awaiting])
@pytest.mark.parametrize("form", ["torch", "numpy", "lists", "mixed"])
def test_the_result_is_torchs(url: str, ask: Call, form: str) -> None:
    differentiated = INPUT.clone().requires_grad_()
    expected = functional.cross_entropy(differentiated, TARGET, label_smoothing=0.1)
    expected.backward()
    given = {
        "torch": (differentiated, TARGET),
        "numpy": (INPUT.numpy(), TARGET.numpy()),
        "lists": (INPUT.tolist(), TARGET.tolist()),
        "mixed": (INPUT.numpy(), TARGET.tolist()),
    }[form]
    arguments = {"input": given[0], "target": given[1], "label_smoothing": 0.1, "weight": None}
    found = ask(url, "loss", "cross_entropy", gradients=["input"], **arguments)
    assert type(found) is tensorseed.LossResult
    assert found.value == float(found) == expected.item()
    assert found.denominator == 3.0
    assert np.array_equal(found.gradients["input"], differentiated.grad.numpy())
    assert found.gradients["input"].dtype == np.float32
    assert (found.reduction, found.dtype, found.device, found.notes) == ("mean", "float32", "cpu", ())


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
@pytest.mark.parametrize("form", ["torch", "numpy", "mixed"])
def test_arrays_are_computed_in_their_dtype(client: Client, dtype: str, form: str) -> None:
    tensor = INPUT.to(getattr(torch, dtype))
    array = INPUT.double().numpy().astype(dtype if dtype != "bfloat16" else ml_dtypes.bfloat16)
    halves = torch.full_like(tensor, 0.5)
    given, target = {
        "torch": (tensor, halves),
        "numpy": (array, np.full_like(array, 0.5)),
        "mixed": (array, halves.tolist()),
    }[form]
    found = client.loss("mse_loss", input=given, target=target, gradients="input", reduction="none")
    expected = functional.mse_loss(tensor, halves, reduction="none")
    assert np.array_equal(np.float64(found.value), expected.double().numpy())
    assert found.denominator is None
    assert found.dtype == found.gradients["input"].dtype.name == dtype


def test_arrays_go_as_a_file_and_lists_as_json(client: Client, between: Between) -> None:
    octets, text = "application/octet-stream", "application/json"
    ones = np.ones(3, np.float32)
    cases: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
        ({"input": [1.0], "target": [2.0]}, [("POST", text)]),
        ({"input": ones, "target": ones, "reduction": "sum"}, [("POST", octets)]),
        ({"input": ones, "target": [0.0, 1.0, math.inf]}, [("GET", ""), ("POST", text)]),
    ]
    for arguments, expected in cases:
        between.requests.clear()
        client.loss("mse_loss", **arguments)
        assert sent(between) == expected
    between.requests.clear()
    client.loss("huber_loss", input=ones, target=ones, delta=2.0, weight=None)
    assert sent(between) == [("GET", ""), ("POST", octets)]


def test_numbers_that_are_not_finite_and_notes_come_back(client: Client) -> None:
    found = client.loss("mse_loss", input=[math.inf, 1.0], target=[1.0, 1.0])
    assert found.value == math.inf
    empty = client.loss("mse_loss", input=np.ones((0, 2)), target=np.ones((0, 2)))
    assert math.isnan(empty.value)
    assert empty.denominator == 0
    assert "the denominator is 0" in empty.notes[0]


def test_further_outputs_come_back(client: Client) -> None:
    arguments = {"n_classes": 6, "cutoffs": [2, 4], "in_features": 4}
    found = client.loss(
        "adaptive_log_softmax_with_loss",
        input=np.ones((2, 4), np.float32),
        target=np.array([0, 5]),
        **{key: value for key, value in arguments.items() if key != "in_features"},
    )
    assert set(found.outputs) == {"output"}
    assert found.outputs["output"].shape == (2,)


@pytest.mark.parametrize(
    ("arguments", "pointer"),
    [
        ({"input": [1.0], "target": [1.0], "reduction": "no"}, "/reduction"),
        ({"input": np.ones(2), "target": np.ones(2), "reduction": "no"}, "/reduction"),
        ({"input": np.ones(2), "target": np.ones(2), "betas": 1.0}, "/betas"),
        ({"input": np.ones(2)}, "/target"),
        ({"input": np.ones(2), "target": np.ones(3)}, "/target"),
        ({"input": np.ones(2, np.float32), "target": np.ones(2), "weight": [1.0, 1.0]}, "/target"),
        ({"input": [{1}], "target": [1.0]}, "/input/0"),
    ],
)
def test_faults_have_pointers(client: Client, arguments: dict[str, Any], pointer: str) -> None:
    with pytest.raises(tensorseed.SpecError) as caught:
        client.loss("mse_loss", **arguments)
    assert [fault.pointer for fault in caught.value.faults] == [pointer]


METADATA = {"reduction": "mean", "dtype": "float32", "device": "cpu"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        write_arrays({"loss": raw_array(np.ones(()))}),
        write_arrays({"loss": raw_array(np.ones(()))}) + b"more",
        write_arrays({"loss": raw_array(np.ones((), np.int16))}),
    ],
)
def test_an_answer_that_no_service_gives_is_refused(client: Client, between: Between, content: bytes) -> None:
    between.answer = lambda *_: (200, {}, content)
    with pytest.raises(tensorseed.NetworkError, match="does not answer as tensorseed does"):
        client.loss("mse_loss", input=[1.0], target=[1.0])


@pytest.mark.parametrize(
    ("metadata", "arrays", "words"),
    [
        (METADATA, {}, r"it lacks gradients\.input, loss"),
        ({}, {"loss": np.ones(())}, r"it lacks device, dtype, gradients\.input, reduction"),
        (METADATA, {"loss": np.ones(())}, r"it lacks gradients\.input"),
        (
            {**METADATA, "denominator": "many"},
            {"loss": 0, "gradients.input": 0},
            "its denominator is no number",
        ),
    ],
)
def test_an_answer_without_a_member_is_refused(metadata: Any, arrays: Any, words: str) -> None:
    with pytest.raises(AnswerError, match=words):
        losses._result(metadata, {name: np.asarray(array) for name, array in arrays.items()}, ["input"])
