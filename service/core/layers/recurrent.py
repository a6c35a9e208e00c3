"""Recurrent layers and their cells.

Every weight and bias is U[-1/√hidden_size, 1/√hidden_size). The rows of one tensor are its gates, in torch's
order: input, forget, cell, output of an LSTM; reset, update, new of a GRU.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field

from service.core.layers.base import Count, Layer, Positive, Probability, Shape, Slot, bias_init
from service.core.schemes import PartError

_BIAS = "Whether there are biases, one of the input and one of the hidden state."
_NONLINEARITY = "The function of the hidden state."


class _Recurrent(Layer):
    """What RNN, LSTM and GRU share: `gates` blocks of rows for each layer and direction."""

    gates: ClassVar[int]

    input_size: Positive = Field(description="Size of each input.", examples=[128])
    hidden_size: Positive = Field(description="Size of the hidden state.", examples=[256])
    num_layers: Positive = Field(default=1, description="Number of stacked layers.", examples=[2])
    bias: bool = Field(default=True, description=_BIAS, examples=[True])
    batch_first: bool = Field(
        default=False,
        description="Whether inputs are (N, L, features) and not (L, N, features).",
        examples=[True],
    )
    dropout: Probability = Field(
        default=0.0, description="Dropout after every layer but the last.", examples=[0.1]
    )
    bidirectional: bool = Field(
        default=False, description="Whether a second set of weights reads from the end.", examples=[True]
    )

    def slots(self) -> Iterator[Slot]:
        """By layer k and direction: weight_ih_lk (gates · hidden, input), weight_hh_lk (gates · hidden, out),
        bias_ih_lk and bias_hh_lk (gates · hidden), weight_hr_lk (out, hidden) of a projection; the backward
        direction ends in _reverse. From the second layer on the input is what the layer below puts out.
        """
        init = bias_init(self.hidden_size)
        for layer in range(self.num_layers):
            for suffix in ("", "_reverse") if self.bidirectional else ("",):
                for name, shape in self._shapes(layer):
                    yield Slot(f"{name}_l{layer}{suffix}", shape, init)

    def _shapes(self, layer: int) -> Iterator[tuple[str, Shape]]:
        """Names and shapes in one direction of a layer."""
        rows, out = self.gates * self.hidden_size, self._output()
        below = out * (2 if self.bidirectional else 1)
        yield "weight_ih", (rows, below if layer else self.input_size)
        yield "weight_hh", (rows, out)
        if self.bias:
            yield "bias_ih", (rows,)
            yield "bias_hh", (rows,)
        if out != self.hidden_size:
            yield "weight_hr", (out, self.hidden_size)

    def _output(self) -> int:
        """Size of what one direction puts out."""
        return self.hidden_size

    def _kwargs(self) -> dict[str, Any]:
        """As the base says; a single layer has no place for dropout, which torch would warn about."""
        unused = {"dropout"} if self.num_layers == 1 else set()
        return {name: value for name, value in super()._kwargs().items() if name not in unused}


class RNN(_Recurrent):
    """Elman's network: h' = tanh(W_ih x + b_ih + W_hh h + b_hh)."""

    gates = 1
    type: Literal["RNN"]
    nonlinearity: Literal["tanh", "relu"] = Field(
        default="tanh", description=_NONLINEARITY, examples=["relu"]
    )


class LSTM(_Recurrent):
    """Long short-term memory, with an optional projection of the hidden state."""

    gates = 4
    type: Literal["LSTM"]
    proj_size: Count = Field(
        default=0,
        description="Size to which the hidden state is projected; 0 for no projection.",
        examples=[64],
    )

    def slots(self) -> Iterator[Slot]:
        """As every recurrent layer, with weight_hr if the hidden state is projected."""
        if self.proj_size >= self.hidden_size:
            raise PartError(
                ("proj_size",), f"proj_size must be smaller than hidden_size, which is {self.hidden_size}"
            )
        yield from super().slots()

    def _output(self) -> int:
        return self.proj_size or self.hidden_size


class GRU(_Recurrent):
    """Gated recurrent units."""

    gates = 3
    type: Literal["GRU"]


class _Cell(Layer):
    """What the cells share: one step of one layer."""

    gates: ClassVar[int]

    input_size: Count = Field(description="Size of each input.", examples=[128])
    hidden_size: Count = Field(description="Size of the hidden state.", examples=[256])
    bias: bool = Field(default=True, description=_BIAS, examples=[True])

    def slots(self) -> Iterator[Slot]:
        """weight_ih (gates · hidden, input), weight_hh (gates · hidden, hidden), bias_ih and bias_hh."""
        init, rows = bias_init(self.hidden_size), self.gates * self.hidden_size
        yield Slot("weight_ih", (rows, self.input_size), init)
        yield Slot("weight_hh", (rows, self.hidden_size), init)
        if self.bias:
            yield Slot("bias_ih", (rows,), init)
            yield Slot("bias_hh", (rows,), init)


class RNNCell(_Cell):
    """One step of an RNN."""

    gates = 1
    type: Literal["RNNCell"]
    nonlinearity: Literal["tanh", "relu"] = Field(
        default="tanh", description=_NONLINEARITY, examples=["relu"]
    )


class LSTMCell(_Cell):
    """One step of an LSTM."""

    gates = 4
    type: Literal["LSTMCell"]


class GRUCell(_Cell):
    """One step of a GRU."""

    gates = 3
    type: Literal["GRUCell"]
