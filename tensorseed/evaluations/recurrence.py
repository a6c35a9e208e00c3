"""Gradients of the loss at the time steps of recurrent layers.

The gradient of a layer's output is what reaches each step from the layers above. What flows back through
later steps stays inside torch's module. The steps of the last stacked layer therefore run again, from the
module's input, and the gradient of the output flows back through them. Parameters and their gradients stay
as they are, and nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import NamedTuple, assert_never

import torch
from torch.nn import functional

from tensorseed.concurrency.torch_thread import run_in_torch_thread
from tensorseed.evaluations.forward import RECURRENCE_RATE
from tensorseed.evaluations.graph import Node
from tensorseed.spec.layers.network_module import Shape
from tensorseed.spec.layers.recurrent import GRU, LSTM, RNN

STEP_SECONDS = 3e-4  # of torch's calls for one, forward twice and backward
PASSES = 4  # forward twice and as much backward, in the multiply-adds of one forward pass
_SEGMENT = 32  # time steps whose graph is held at once

Recurrent = RNN | LSTM | GRU
State = tuple[torch.Tensor, ...]  # the hidden state, and that of the cell of an LSTM
Norms = tuple[float, ...]


class TimeSteps(NamedTuple):
    """The time steps that run again, and the seconds that they take at most."""

    number: int
    seconds: float


def time_steps(nodes: Sequence[Node], shapes: Sequence[Shape], *, training: bool) -> TimeSteps:
    """The time steps of a network whose layers have inputs of these `shapes`."""
    count, seconds = 0, 0.0
    for node, shape in zip(nodes, shapes, strict=True):
        if isinstance(node.layer, Recurrent) and not _draws(node.layer, training=training):
            elements = sum(prod(slot.shape) for slot in node.layer.slots() if len(slot.shape) > 1)
            steps = _length(node.layer, shape) * node.layer.num_layers * len(_suffixes(node.layer))
            count += steps
            seconds += steps * STEP_SECONDS + PASSES * prod(shape[:-1]) * elements / RECURRENCE_RATE
    return TimeSteps(count, seconds)


def hidden_gradient_norms(
    node: Node,
    module: torch.nn.Module,
    x: torch.Tensor,
    gradient: torch.Tensor,
    check: Callable[[], None],
) -> tuple[Norms, ...] | None:
    """√Σ g² of the gradient g of the loss with respect to each hidden state hₜ, t = 1 to T, by direction.

    `x` is the input of `module`, and `gradient` that of the loss with respect to its output. g is the sum of
    what reaches hₜ by the output and by hₜ₊₁. The states are those of the last stacked layer. None for other
    layers, and with dropout between the stacked layers, whose draws are gone.

    Source: Pascanu, Mikolov, Bengio: On the difficulty of training recurrent neural networks, ICML 2013

    Raises:
        Whatever `check` raises, which is called every few steps.
    """
    layer = node.layer
    if not isinstance(layer, Recurrent) or _draws(layer, training=module.training):
        return None
    x, gradient = (_with_time_first(layer, one.detach()) for one in (x, gradient))
    # The matrices of a step are small: threads of one product would mostly wait for each other.
    return run_in_torch_thread(partial(_norms, layer, module, x, gradient, check))


def _norms(
    layer: Recurrent,
    module: torch.nn.Module,
    x: torch.Tensor,
    gradient: torch.Tensor,
    check: Callable[[], None],
) -> tuple[Norms, ...]:
    """The norms by direction, for an input and a gradient with time first."""
    suffixes, top = _suffixes(layer), layer.num_layers - 1
    with torch.no_grad():
        for below in range(top):
            runs = [_Run(layer, module, f"l{below}{suffix}", x, check) for suffix in suffixes]
            x = torch.cat([run.outputs() for run in runs], -1)
    parts = gradient.chunk(len(suffixes), -1)
    return tuple(
        _Run(layer, module, f"l{top}{suffix}", x, check).gradient_norms(part)
        for suffix, part in zip(suffixes, parts, strict=True)
    )


class _Run:
    """Run of one direction of a stacked layer over `x`, (T, N, features), from a state of zeros."""

    def __init__(
        self,
        layer: Recurrent,
        module: torch.nn.Module,
        suffix: str,
        x: torch.Tensor,
        check: Callable[[], None],
    ) -> None:
        self._layer = layer
        self._check = check
        self._backwards = suffix.endswith("_reverse")
        self._parts = torch.split(self._ordered(x), _SEGMENT)

        def parameter(name: str) -> torch.Tensor | None:
            found: torch.Tensor | None = getattr(module, f"{name}_{suffix}", None)
            return None if found is None else found.detach()

        weight_ih, weight_hh = parameter("weight_ih"), parameter("weight_hh")
        assert weight_ih is not None
        assert weight_hh is not None
        self._weight_ih, self._weight_hh = weight_ih, weight_hh
        self._bias_ih, self._bias_hh = parameter("bias_ih"), parameter("bias_hh")
        self._weight_hr = parameter("weight_hr")
        sizes = [weight_hh.shape[1], *([layer.hidden_size] if isinstance(layer, LSTM) else [])]
        self._start: State = tuple(x.new_zeros(x.shape[1], size) for size in sizes)

    def outputs(self) -> torch.Tensor:
        """The hidden states of all steps, in the order of time."""
        found, state = [], self._start
        for part in self._parts:
            states = self._states(part, state)
            found += [one[0] for one in states]
            state = states[-1]
        return self._ordered(torch.stack(found))

    def gradient_norms(self, gradient: torch.Tensor) -> Norms:
        """The norms by step, in the order of time, for the output's own gradient.

        The states at the ends of the segments are kept; the graph is that of one segment at a time.
        """
        starts = [self._start]
        with torch.no_grad():
            for part in self._parts[:-1]:
                starts.append(self._states(part, starts[-1])[-1])
        carried: State = tuple(map(torch.zeros_like, self._start))
        norms: list[torch.Tensor] = []
        own = torch.split(self._ordered(gradient), _SEGMENT)
        for start, part, direct in zip(reversed(starts), reversed(self._parts), reversed(own), strict=True):
            start = tuple(one.detach().requires_grad_() for one in start)
            states = self._states(part, start)
            hidden = [state[0] for state in states]
            found = torch.autograd.grad([*hidden, *states[-1]], [*start, *hidden], [*direct, *carried])
            carried, grads = found[: len(start)], torch.stack(found[len(start) :])
            norms.append(torch.linalg.vector_norm(grads.flatten(1), dim=1, dtype=torch.float64))
        return tuple(self._ordered(torch.cat(norms[::-1])).tolist())

    def _ordered(self, x: torch.Tensor) -> torch.Tensor:
        """The steps in the order in which this direction reads them, or back in that of time."""
        return x.flip(0) if self._backwards else x

    def _states(self, x: torch.Tensor, state: State) -> list[State]:
        """The states after each step."""
        self._check()
        found = []
        for inputs in functional.linear(x, self._weight_ih, self._bias_ih):
            state = self._step(inputs, state)
            found.append(state)
        return found

    def _step(self, inputs: torch.Tensor, state: State) -> State:
        """The next state, by the formulas of the layers; `inputs` are W_ih x + b_ih."""
        h = state[0]
        hidden = functional.linear(h, self._weight_hh, self._bias_hh)
        match self._layer:
            case RNN(nonlinearity=nonlinearity):
                return (
                    torch.tanh(inputs + hidden) if nonlinearity == "tanh" else torch.relu(inputs + hidden),
                )
            case LSTM():
                i, f, g, o = (inputs + hidden).chunk(4, -1)
                c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
                h = torch.sigmoid(o) * torch.tanh(c)
                return (h if self._weight_hr is None else functional.linear(h, self._weight_hr), c)
            case GRU():
                (r, z, n), (hr, hz, hn) = inputs.chunk(3, -1), hidden.chunk(3, -1)
                z, n = torch.sigmoid(z + hz), torch.tanh(n + torch.sigmoid(r + hr) * hn)
                return ((1 - z) * n + z * h,)
            case _:
                assert_never(self._layer)


def _draws(layer: Recurrent, *, training: bool) -> bool:
    """Whether dropout changes what the last stacked layer takes."""
    return layer.num_layers > 1 and layer.is_random(training=training)


def _suffixes(layer: Recurrent) -> tuple[str, ...]:
    return ("", "_reverse") if layer.bidirectional else ("",)


def _length(layer: Recurrent, shape: Shape) -> int:
    """The number of time steps, L, of an input (L, N, features), (N, L, features) or (L, features)."""
    return shape[1] if layer.batch_first and len(shape) > 2 else shape[0]


def _with_time_first(layer: Recurrent, x: torch.Tensor) -> torch.Tensor:
    """The input or output as (L, N, features)."""
    if x.dim() == 2:
        return x.unsqueeze(1)
    return x.transpose(0, 1) if layer.batch_first else x
