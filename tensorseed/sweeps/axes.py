"""Axis of a grid: listed values, or a linear or geometric space."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tensorseed.spec.faults import Located
from tensorseed.spec.json.text import dump
from tensorseed.suggestions import unknown_name

MAX_VALUES = 100_000
DIGITS = 12  # of a number between two ends, so that 0.1 + 0.2 is 0.3 on every machine


class Axis(NamedTuple):
    """One axis: its name and its values, each once."""

    name: str
    values: tuple[Any, ...]

    @property
    def is_numeric(self) -> bool:
        """Whether all values are finite numbers."""
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)


def read_axis(given: Any, faults: list[Located]) -> Sequence[Any]:
    """The values of an axis; none with a fault, whose path begins at the axis.

    `[0.1, 0.2]` and `{"values": [0.1, 0.2]}`, as W&B has it, are the values themselves.
    `{"linspace": [start, stop, number]}` and `{"geomspace": …}` are numpy's, `{"range": [start, stop, step]}`
    is Python's.
    """
    if isinstance(given, dict) and len(given) == 1:
        ((kind, arguments),) = given.items()
        if kind in _SPACES:
            return _spaced(kind, arguments, faults)
        if kind != "values":
            faults.append(((kind,), unknown_name("kind of axis", kind, ["values", *_SPACES])))
            return ()
        given = arguments
    if not isinstance(given, list) or not given:
        faults.append(((), 'an axis is a list of values, or {"linspace": [start, stop, number]}'))
        return ()
    if len(given) > MAX_VALUES:
        faults.append(((), f"{len(given):,} values, over {MAX_VALUES:,}: give fewer"))
        return ()
    seen: dict[bytes, int] = {}
    for index, value in enumerate(given):
        first = seen.setdefault(dump(value), index)
        if first != index:
            faults.append(((index,), f"the value {first} again: give each value once"))
            return ()
    return given


def _spaced(kind: str, arguments: Any, faults: list[Located]) -> Sequence[Any]:
    wanted, function = _SPACES[kind]
    try:
        if not isinstance(arguments, list) or not all(map(_is_number, arguments)):
            raise ValueError("its arguments are a list of numbers")
        values = function(*arguments)
    except (TypeError, ValueError, OverflowError) as error:
        reason = str(error) if type(error) is ValueError else "its arguments do not fit"
        faults.append(((kind,), f"{reason}: write {wanted}"))
        return ()
    if len(set(values)) < len(values):
        faults.append(((kind,), f"values that are equal in {DIGITS} digits: move the ends apart"))
        return ()
    return values


def _linspace(start: float, stop: float, number: int) -> Sequence[float]:
    return [_rounded(start + (stop - start) * at) for at in _fractions(number)]


def _geomspace(start: float, stop: float, number: int) -> Sequence[float]:
    if not (start > 0 and stop > 0):
        raise ValueError("both ends are above 0")
    low, high = math.log(start), math.log(stop)
    return [_rounded(math.exp(low + (high - low) * at)) for at in _fractions(number)]


def _range(*arguments: int) -> Sequence[int]:
    values = range(*arguments)
    if not 0 < len(values) <= MAX_VALUES:
        raise ValueError(f"it has {len(values):,} values and may have 1 to {MAX_VALUES:,}")
    return list(values)


def _fractions(number: int) -> Sequence[float]:
    if not isinstance(number, int) or not 2 <= number <= MAX_VALUES:
        raise ValueError(f"the number of values is a whole number from 2 to {MAX_VALUES:,}")
    return [index / (number - 1) for index in range(number)]


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}") + 0.0  # and −0 is 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_SPACES: dict[str, tuple[str, Callable[..., Sequence[Any]]]] = {
    "linspace": ('{"linspace": [0.5, 4, 8]}, start, stop and number of values', _linspace),
    "geomspace": ('{"geomspace": [0.001, 1, 4]}, start, stop and number of values', _geomspace),
    "range": ('{"range": [0, 10]}, start, stop and perhaps step', _range),
}
