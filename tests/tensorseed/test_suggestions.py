"""Guesses at what was meant, and lists that stay short."""

from __future__ import annotations

from tensorseed.suggestions import MAX_LISTED, MAX_NEAREST, unknown_name

STACK = [
    f"layers.{layer}.{part}.{kind}" for layer in range(2_000) for part in "abc" for kind in ("weight", "bias")
]


def test_few_are_listed_in_full() -> None:
    assert unknown_name("scheme", "norml", ["zeros", "normal"]) == (
        "unknown scheme: did you mean normal? valid are zeros, normal"
    )
    assert unknown_name("scheme", "quite another", ["zeros", "normal"]) == (
        "unknown scheme: valid are zeros, normal"
    )
    names = [f"n{place}" for place in range(MAX_LISTED)]
    assert unknown_name("x", "n100", names).endswith(", ".join(names))


def test_case_is_no_difference() -> None:
    assert "did you mean LSTM?" in unknown_name("layer type", "lstm", ["GRU", "LSTM", "LSTMCell"])
    assert "did you mean relu?" in unknown_name("nonlinearity", "ReLU", ["tanh", "relu", "selu"])


def test_of_many_the_nearest_are_named() -> None:
    told = unknown_name("parameter", "layers.1234.b.wieght", STACK)
    assert told.startswith("unknown parameter: did you mean layers.1234.b.weight? there are 12,000, such as ")
    assert told.count(", ") == MAX_NEAREST
    assert "layers.1234.a.weight" in told


def test_a_number_that_is_too_large_keeps_its_letters() -> None:
    assert "did you mean layers." in unknown_name("parameter", "layers.2000.a.weight", STACK)
    assert ".a.weight?" in unknown_name("parameter", "layers.2000.a.weight", STACK)


def test_what_is_no_slip_gets_examples() -> None:
    told = unknown_name("parameter", "x" * 100, STACK)
    assert told.startswith(
        "unknown parameter: there are 12,000, such as layers.0.a.weight, layers.0.a.bias, "
    )
    assert len(told) < 400


def test_a_name_with_other_separators_is_found_among_many() -> None:
    names = [*STACK, "unispeech-sat"]
    assert "did you mean unispeech-sat?" in unknown_name("model_type", "Unispeech_SAT", names)
