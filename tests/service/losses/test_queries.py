"""The options of a loss in a query are those of its JSON form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from service.http.errors import QueryError
from service.losses.queries import COMMON, at_parameters, option_schemas, query_document
from tensorseed.errors import Fault, LossError
from tensorseed.losses import LOSSES


def spelled(value: Any) -> str:
    """A value as one writes it into a query."""
    if isinstance(value, list):
        return ",".join(map(spelled, value))
    return value if isinstance(value, str) else json.dumps(value)


@pytest.mark.parametrize("name", LOSSES)
def test_every_option_is_read_as_its_own_type(name: str) -> None:
    loss = LOSSES[name]
    schemas = {**COMMON, **option_schemas(loss)}
    assert schemas.keys() == {"dtype", "device", "gradients", *loss.model_fields}
    for option, schema in schemas.items():
        values = [*schema["examples"], *schema.get("enum", [])]
        for value in [*values, schema["default"]] if "default" in schema else values:
            assert query_document(loss, {option: spelled(value)}) == {option: value}, option


@pytest.mark.parametrize(
    ("name", "option", "text", "expected"),
    [
        ("mse_loss", "gradients", "input,target", ["input", "target"]),
        ("mse_loss", "gradients", '["input"]', ["input"]),
        ("mse_loss", "gradients", "", []),
        ("mse_loss", "dtype", "1", "1"),
        ("huber_loss", "delta", "2", 2),
        ("huber_loss", "delta", "2.5", 2.5),
        ("huber_loss", "delta", "NaN", "NaN"),
        ("huber_loss", "delta", "true", "true"),
        ("kl_div", "log_target", "true", True),
        ("kl_div", "log_target", "1", "1"),
        ("self_information", "base", "2", 2),
        ("self_information", "base", "e", "e"),
        ("triplet_margin_loss", "p", "Infinity", "Infinity"),
        ("adaptive_log_softmax_with_loss", "cutoffs", "2,3", [2, 3]),
        ("adaptive_log_softmax_with_loss", "cutoffs", "[2,3]", [2, 3]),
        ("adaptive_log_softmax_with_loss", "cutoffs", "2,x", [2, "x"]),
        ("adaptive_log_softmax_with_loss", "seed", "18446744073709551615", 18446744073709551615),
        ("adaptive_log_softmax_with_loss", "init", '{"a":"zeros"}', {"a": "zeros"}),
        ("mse_loss", "unheard_of", "1", "1"),
    ],
)
def test_texts_become_values(name: str, option: str, text: str, expected: Any) -> None:
    assert query_document(LOSSES[name], {option: text}) == {option: expected}


def test_faults_of_the_query_name_parameters() -> None:
    faults = [Fault("/reduction", "a"), Fault("/gradients/0", "b"), Fault("/input/0", "c")]
    error = at_parameters(LossError(faults), LOSSES["mse_loss"], {"reduction": "x"}, {"input"})
    assert isinstance(error, QueryError)
    assert error.faults == [Fault("reduction", "a"), Fault("gradients", "b")]


@pytest.mark.parametrize("pointer", ["", "/input", "/target/0", "/other~1one"])
def test_faults_of_the_file_stay_there(pointer: str) -> None:
    error = LossError.at(pointer, "wrong")
    assert at_parameters(error, LOSSES["mse_loss"], {"reduction": "sum"}, {"input", "other/one"}) is error


def test_a_tensor_in_the_query_is_a_fault_of_the_query() -> None:
    error = at_parameters(LossError.at("/input", "wrong"), LOSSES["mse_loss"], {"input": "1"}, ())
    assert isinstance(error, QueryError)
