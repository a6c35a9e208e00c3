"""Recurrent layers and their cells.

Every weight and bias is U[-1/√hidden_size, 1/√hidden_size). The rows of one tensor are its gates, in torch's
order: input, forget, cell, output of an LSTM; reset, update, new of a GRU.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from tensorseed.spec.layers.base import UNITS, Count, Layer, Positive, Probability, Role, Slot, bias_init
from tensorseed.spec.layers.network_module import SIGNED_UNIT, Bounds, Computation, InputAxis, Shape
from tensorseed.spec.schemes import ArgumentError

if TYPE_CHECKING:
    import torch

_BIAS = "Whether there are biases, one of the input and one of the hidden state."
_NONLINEARITY = "The function of the hidden state."


class _Recurrent(Layer):
    """Base of RNN, LSTM and GRU: `gates` blocks of rows for each layer and direction."""

    gates: ClassVar[int]
    computation = Computation.RECURRENCE
    input_axis = InputAxis("input_size", -1, (2, 3))

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
        """By layer k and direction. From the second layer on, the input is the output of the layer below.

        weight_ih_l0 (gates * hidden_size, input_size): uniform(±1/√hidden_size)
        weight_ih_l0_reverse (gates * hidden_size, input_size) if bidirectional: uniform(±1/√hidden_size)
        weight_ih_l{k} (gates * hidden_size, (1 + bidirectional) * hidden_size) if 0 < k < num_layers:
            uniform(±1/√hidden_size)
        weight_ih_l{k}_reverse (gates * hidden_size, 2 * hidden_size) if bidirectional and 0 < k < num_layers:
            uniform(±1/√hidden_size)
        weight_hh_l{k} (gates * hidden_size, hidden_size) if k < num_layers: uniform(±1/√hidden_size)
        weight_hh_l{k}_reverse (gates * hidden_size, hidden_size) if bidirectional and k < num_layers:
            uniform(±1/√hidden_size)
        bias_ih_l{k}, bias_hh_l{k} (gates * hidden_size) if bias and k < num_layers: uniform(±1/√hidden_size)
        bias_ih_l{k}_reverse, bias_hh_l{k}_reverse (gates * hidden_size)
            if bias and bidirectional and k < num_layers: uniform(±1/√hidden_size)
        """
        init, gated = bias_init(self.hidden_size), Role(activation=self._function())
        for layer in range(self.num_layers):
            for suffix in ("", "_reverse") if self.bidirectional else ("",):
                for name, shape in self._shapes(layer):
                    role = UNITS if name == "weight_hr" else gated
                    yield Slot(f"{name}_l{layer}{suffix}", shape, init, role=role)

    def _shapes(self, layer: int) -> Iterator[tuple[str, Shape]]:
        """Names and shapes in one direction of a layer."""
        rows, out = self.gates * self.hidden_size, self._output()
        prefix_slots = out * (2 if self.bidirectional else 1)
        yield "weight_ih", (rows, prefix_slots if layer else self.input_size)
        yield "weight_hh", (rows, out)
        if self.bias:
            yield "bias_ih", (rows,)
            yield "bias_hh", (rows,)
        if out != self.hidden_size:
            yield "weight_hr", (out, self.hidden_size)

    def _output(self) -> int:
        """The output size of one direction."""
        return self.hidden_size

    def _function(self) -> str:
        """The activation of the gates."""
        return "sigmoid"

    def bounds(self) -> Bounds | None:
        """Those of tanh, by which the hidden state is a product or an average."""
        return SIGNED_UNIT

    def draws_in_training(self) -> bool:
        """Whether there is dropout."""
        return self.dropout > 0

    def forward(self, module: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        """The output, without the last hidden state."""
        y: torch.Tensor = module(x)[0]
        return y

    def _kwargs(self) -> dict[str, Any]:
        """The arguments without the dropout of a single layer, about which torch would warn."""
        unused = {"dropout"} if self.num_layers == 1 else set()
        return {name: value for name, value in super()._kwargs().items() if name not in unused}


class RNN(_Recurrent):
    """Elman's network, in which a hidden state goes from step to step.

    Formula: h' = nonlinearity(W_ih x + b_ih + W_hh h + b_hh)
    Source: Elman: Finding structure in time, Cognitive Science 1990
    """

    gates = 1
    type: Literal["RNN"]
    nonlinearity: Literal["tanh", "relu"] = Field(
        default="tanh", description=_NONLINEARITY, examples=["relu"]
    )

    def bounds(self) -> Bounds | None:
        """Those of tanh; relu has none."""
        return SIGNED_UNIT if self.nonlinearity == "tanh" else None

    def _function(self) -> str:
        """The nonlinearity."""
        return self.nonlinearity


class LSTM(_Recurrent):
    """Long short-term memory, with an optional projection of the hidden state.

    Formula: (i, f, g, o) = W_ih x + b_ih + W_hh h + b_hh, c' = σ(f) ⊙ c + σ(i) ⊙ tanh(g),
        h' = σ(o) ⊙ tanh(c'), or W_hr times that
    Source: Hochreiter and Schmidhuber: Long short-term memory, Neural Computation 1997; the projection is of
        Sak, Senior, Beaufays: Long short-term memory based recurrent neural network architectures, 2014
    """

    gates = 4
    type: Literal["LSTM"]
    proj_size: Count = Field(
        default=0,
        description="Size to which the hidden state is projected; 0 for no projection.",
        examples=[64],
    )

    def slots(self) -> Iterator[Slot]:
        """As every recurrent layer, with weight_hr if the hidden state is projected.

        weight_ih_l0 (4 * hidden_size, input_size): uniform(±1/√hidden_size)
        weight_ih_l0_reverse (4 * hidden_size, input_size) if bidirectional: uniform(±1/√hidden_size)
        weight_ih_l{k} (4 * hidden_size, (1 + bidirectional) * (proj_size or hidden_size))
            if 0 < k < num_layers: uniform(±1/√hidden_size)
        weight_ih_l{k}_reverse (4 * hidden_size, 2 * (proj_size or hidden_size))
            if bidirectional and 0 < k < num_layers: uniform(±1/√hidden_size)
        weight_hh_l{k} (4 * hidden_size, proj_size or hidden_size) if k < num_layers:
            uniform(±1/√hidden_size)
        weight_hh_l{k}_reverse (4 * hidden_size, proj_size or hidden_size)
            if bidirectional and k < num_layers: uniform(±1/√hidden_size)
        bias_ih_l{k}, bias_hh_l{k} (4 * hidden_size) if bias and k < num_layers: uniform(±1/√hidden_size)
        bias_ih_l{k}_reverse, bias_hh_l{k}_reverse (4 * hidden_size)
            if bias and bidirectional and k < num_layers: uniform(±1/√hidden_size)
        weight_hr_l{k} (proj_size, hidden_size) if proj_size and k < num_layers: uniform(±1/√hidden_size)
        weight_hr_l{k}_reverse (proj_size, hidden_size) if proj_size and bidirectional and k < num_layers:
            uniform(±1/√hidden_size)
        """
        if self.proj_size >= self.hidden_size:
            raise ArgumentError(
                ("proj_size",), f"proj_size must be smaller than hidden_size, which is {self.hidden_size}"
            )
        yield from super().slots()

    def bounds(self) -> Bounds | None:
        """Those of tanh; a projected state has none."""
        return None if self.proj_size else SIGNED_UNIT

    def _output(self) -> int:
        return self.proj_size or self.hidden_size


class GRU(_Recurrent):
    """Gated recurrent units.

    Formula: (r, z) = σ(W_i x + b_i + W_h h + b_h), n = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn)),
        h' = (1 - z) ⊙ n + z ⊙ h
    Source: Cho et al.: Learning phrase representations using RNN encoder-decoder for statistical machine
        translation, EMNLP 2014
    """

    gates = 3
    type: Literal["GRU"]


class _Cell(Layer):
    """Base of the cells: one step of one layer."""

    gates: ClassVar[int]
    computation = Computation.RECURRENCE
    input_axis = InputAxis("input_size", -1, (1, 2))

    input_size: Count = Field(description="Size of each input.", examples=[128])
    hidden_size: Count = Field(description="Size of the hidden state.", examples=[256])
    bias: bool = Field(default=True, description=_BIAS, examples=[True])

    def slots(self) -> Iterator[Slot]:
        """Of the input and of the hidden state.

        weight_ih (gates * hidden_size, input_size): uniform(±1/√hidden_size)
        weight_hh (gates * hidden_size, hidden_size): uniform(±1/√hidden_size)
        bias_ih, bias_hh (gates * hidden_size) if bias: uniform(±1/√hidden_size)
        """
        init, rows = bias_init(self.hidden_size), self.gates * self.hidden_size
        role = Role(activation=self._function())
        yield Slot("weight_ih", (rows, self.input_size), init, role=role)
        yield Slot("weight_hh", (rows, self.hidden_size), init, role=role)
        if self.bias:
            yield Slot("bias_ih", (rows,), init)
            yield Slot("bias_hh", (rows,), init)

    def bounds(self) -> Bounds | None:
        """Those of tanh, by which the hidden state is a product or an average."""
        return SIGNED_UNIT

    def _function(self) -> str:
        """The activation of the gates."""
        return "sigmoid"


class RNNCell(_Cell):
    """One step of an RNN.

    Formula: h' = nonlinearity(W_ih x + b_ih + W_hh h + b_hh)
    Source: Elman: Finding structure in time, Cognitive Science 1990
    """

    gates = 1
    type: Literal["RNNCell"]
    nonlinearity: Literal["tanh", "relu"] = Field(
        default="tanh", description=_NONLINEARITY, examples=["relu"]
    )

    def bounds(self) -> Bounds | None:
        """Those of tanh; relu has none."""
        return SIGNED_UNIT if self.nonlinearity == "tanh" else None

    def _function(self) -> str:
        """The nonlinearity."""
        return self.nonlinearity


class LSTMCell(_Cell):
    """One step of an LSTM.

    Formula: (i, f, g, o) = W_ih x + b_ih + W_hh h + b_hh, c' = σ(f) ⊙ c + σ(i) ⊙ tanh(g),
        h' = σ(o) ⊙ tanh(c')
    Source: Hochreiter and Schmidhuber: Long short-term memory, Neural Computation 1997
    """

    gates = 4
    type: Literal["LSTMCell"]

    def forward(self, module: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        """The hidden state, without the cell state."""
        y: torch.Tensor = module(x)[0]
        return y


class GRUCell(_Cell):
    """One step of a GRU.

    Formula: (r, z) = σ(W_i x + b_i + W_h h + b_h), n = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn)),
        h' = (1 - z) ⊙ n + z ⊙ h
    Source: Cho et al.: Learning phrase representations using RNN encoder-decoder for statistical machine
        translation, EMNLP 2014
    """

    gates = 3
    type: Literal["GRUCell"]
