"""Limits of specs, losses and evaluations, checked before expansion."""

from __future__ import annotations

from dataclasses import dataclass

MAX_AXES = 64  # of a tensor


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one caller. Each is the largest number that is accepted."""

    tensors: int = 262_144  # in one file, brace ranges expanded
    values: int = 65_536  # literal numbers in one spec, all `values` inits together
    file_bytes: int = 1 << 50  # of tensor data
    token_chars: int = 8_000  # of a token inside a URL
    dimensions: int = MAX_AXES  # of one tensor: its rank
    materialised_bytes: int = 1 << 30  # of tensor data in a file of generator torch
    loss_values: int = 1 << 20  # numbers in the JSON body of one loss
    loss_bytes: int = 1 << 28  # of one loss as safetensors
    parameters: int = 1 << 26  # of the network of one evaluation, compared variants together
    activations: int = 1 << 26  # elements of all layers' outputs of one evaluation, a step
    steps: int = 10_000  # of the optimizer in one evaluation
    evaluation_seconds: float = 60.0  # of computing for one evaluation
    name_chars: int = 1 << 26  # of all tensor names of one file together, brace ranges expanded

    @property
    def json_containers(self) -> int:
        """The lists and objects of one JSON text: what an entry of its own for every tensor takes."""
        return 4 * self.tensors + self.loss_values

    @property
    def json_values(self) -> int:
        """The values of one JSON text, lists and objects among them."""
        return 16 * self.tensors + self.values + self.loss_values
