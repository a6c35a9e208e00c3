"""Initialisation of arrays by spec, each process its own shards."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, overload

import jax
from jax.sharding import Sharding

from tensorseed.concurrency.float_environment import default_float_environment
from tensorseed.errors import UnknownNameError, UnrepresentableError
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.rules.patterns import compile_pattern
from tensorseed.suggestions import unknown_name
from tensorseed.weights.base import Weights
from tensorseed.weights.jax_arrays import make_arrays
from tensorseed.weights.local import LocalWeights
from tensorseed.weights.spec_reading import SpecSource, read_spec

T = TypeVar("T")

Placement = Sharding | None
"""A sharding, or None: jax's default device, uncommitted."""

Shardings = Placement | Mapping[str, Placement] | Callable[[str, tuple[int, ...]], Placement]
"""The placement of every tensor, by pattern of names, or by name and shape."""


@overload
def init(spec: SpecSource | Weights, shardings: Shardings = None) -> dict[str, jax.Array]: ...


@overload
def init(spec: SpecSource | Weights, shardings: Shardings = None, *, separator: str) -> dict[str, Any]: ...


def init(
    spec: SpecSource | Weights, shardings: Shardings = None, *, separator: str | None = None
) -> dict[str, Any]:
    """Return the tensors of a spec as jax arrays by name; each process computes the shards of its devices.

    The arrays have the bits of the service's file, however they are sharded.
    Nothing is communicated, and a shard that several devices hold is computed once.

    `spec` is whatever `tensorseed.open` takes, or what it returned.
    `shardings` is one `jax.sharding.Sharding` for all; a mapping from patterns of names, as in rules, whose
    first match counts; or a function of name and shape. None is jax's default device.
    A `separator` makes a dict of dicts: with `"/"`, `dense/kernel` becomes `{"dense": {"kernel": …}}`.

    >>> kernel = {"name": "dense/kernel", "type": "Tensor", "shape": [4, 2], "init": "lecun_normal",
    ...           "fan_axes": {"in": -2, "out": -1}}
    >>> params = init({"seed": 42, "layers": [kernel]}, separator="/")
    >>> params["dense"]["kernel"].shape
    (4, 2)

    Raises:
        SpecError: the spec is not valid; `faults` has a JSON pointer and a remedy for every fault.
        UnknownNameError: a tensor has no sharding, a pattern no tensor, or the spec stands for nothing.
        TensorError: a sharding does not fit the shape of its tensor.
        UnrepresentableError: jax would round a dtype to 32 bits, or the separator makes a tensor a dict or
            is empty.
        TooLargeError, VersionError, OSError: as `tensorseed.open`.
    """
    if separator is not None and (not separator or not isinstance(separator, str)):
        raise UnrepresentableError('separator is a text between the parts of a name, such as "/" or "."')
    weights = spec if isinstance(spec, Weights) else _opened(spec)
    if separator is not None:
        nest(dict.fromkeys(weights), separator)  # refuses names before it computes
    placements = _placements(weights, shardings)
    placed = [(array, placements[name]) for name, array in weights.items()]
    arrays = dict(zip(weights, make_arrays(weights, placed), strict=True))
    return arrays if separator is None else nest(arrays, separator)


def nest(values: Mapping[str, T], separator: str) -> dict[str, Any]:
    """Return a dict of dicts, from names that are split at every `separator`.

    Raises:
        UnrepresentableError: a name would be both a value and a dict.
    """
    tree: dict[str, Any] = {}
    for name, value in values.items():
        *path, last = name.split(separator)
        folder = tree
        for depth, part in enumerate(path, 1):
            if (other := separator.join(path[:depth])) in values:
                raise UnrepresentableError(
                    f"{other!r} would be a tensor and a dict with {name!r} in it: give another separator"
                )
            folder = folder.setdefault(part, {})
        folder[last] = value
    return tree


def _opened(spec: SpecSource) -> LocalWeights:
    with default_float_environment():
        resolved, inputs = read_spec(spec)
        return LocalWeights(open_file(resolved), inputs)


def _placements(weights: Weights, shardings: Shardings) -> dict[str, Placement]:
    """Return the placement of every tensor.

    Raises:
        UnknownNameError: as `init`.
    """
    if isinstance(shardings, Mapping):
        return _match(list(weights), shardings)
    if callable(shardings):
        return {name: shardings(name, array.shape) for name, array in weights.items()}
    return dict.fromkeys(weights, shardings)


def _match(names: list[str], shardings: Mapping[str, Placement]) -> dict[str, Placement]:
    """Return the placement of the first pattern that matches each name."""
    found, used = {}, set()
    compiled = {pattern: _compiled(pattern) for pattern in shardings}
    for name in names:
        matching = [pattern for pattern, matches in compiled.items() if matches.fullmatch(f"{name}.")]
        if not matching:
            raise UnknownNameError(f'{name!r} has no sharding: add one for it, or "**" for all that are left')
        used.update(matching)
        found[name] = shardings[matching[0]]
    for pattern in shardings:
        if pattern not in used:
            raise UnknownNameError(f"{pattern!r} shards nothing: {unknown_name('tensor', pattern, names)}")
    return found


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return compile_pattern(pattern)
    except ValueError as error:
        raise UnknownNameError(f"{pattern!r} is no pattern of names: {error}") from None
