"""From one entry of a spec to the tensors that it yields under each of its names."""

from __future__ import annotations

import math
from dataclasses import dataclass

from service.core.canonical import BodyText, body_text, same
from service.core.distributions import Distribution, Values, ZeroRange
from service.core.dtypes import DTYPES, INT64, DType
from service.core.fans import Fans, fans
from service.core.layers import Entry, Layer, Slot, Tensor
from service.core.limits import Limits
from service.core.names import check_name
from service.core.parameters import check
from service.core.schemes import PartError, Scheme, scheme_of, unknown


@dataclass(frozen=True, slots=True)
class Member:
    """One tensor of an entry, but for its name: `suffix` follows the entry's name."""

    suffix: str
    dtype: DType
    shape: tuple[int, ...]
    distribution: Distribution
    scheme: Scheme
    fans: Fans | None
    default: bool

    @property
    def nbytes(self) -> int:
        """Size in the file, in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class Body:
    """An entry but for its name: what each of its names yields, and the canonical text."""

    text: BodyText
    stream: str | None
    members: tuple[Member, ...]

    @property
    def nbytes(self) -> int:
        """Size in the file of what one name yields, in bytes."""
        return sum(member.nbytes for member in self.members)

    @property
    def literals(self) -> int:
        """How many literal numbers the entry holds."""
        return sum(
            len(member.distribution.data)
            for member in self.members
            if isinstance(member.distribution, Values)
        )


def resolve_entry(entry: Entry, dtype: str, limits: Limits) -> Body:
    """The body of `entry`; `dtype` is the spec's, which the entry's own overrides.

    Raises PartError, whose path starts at the entry, at the first fault.
    """
    if entry.stream is not None:
        try:
            check_name(entry.stream, ranges=False)
        except ValueError as error:
            raise _below(("stream",), error) from None
    effective = entry.dtype or dtype
    if isinstance(entry, Tensor):
        scheme = scheme_of(entry.init)
        members = [_tensor(entry, scheme, DTYPES[effective], limits)]
        return Body(body_text(entry, effective, scheme), entry.stream, tuple(members))
    assert isinstance(entry, Layer)
    slots, inits = _slots(entry)
    members = [_slot(slot, inits.get(slot.name), DTYPES[effective], limits) for slot in slots]
    return Body(body_text(entry, effective, inits), entry.stream, tuple(members))


def _below(path: tuple[str, ...], error: ValueError) -> PartError:
    """The error as one of the part at `path`."""
    rest = error.path if isinstance(error, PartError) else ()
    return PartError((*path, *rest), str(error))


def _slots(entry: Layer) -> tuple[list[Slot], dict[str, Scheme]]:
    """The layer's slots, and by slot name the inits that are not the layer's own."""
    slots = {slot.name: slot for slot in entry.slots()}
    inits = {}
    for name, init in entry.init.items():
        if name not in slots:
            valid = unknown("parameter", name, slots) if slots else f"this {entry.type} has no parameters"
            raise PartError(("init", name), valid)
        scheme, slot = scheme_of(init), slots[name]
        if slot.zeroed is not None or not same(scheme, slot.init):
            inits[name] = scheme
    return list(slots.values()), inits


def _tensor(entry: Tensor, scheme: Scheme, dtype: DType, limits: Limits) -> Member:
    part = "shape"
    try:
        check_shape(entry.shape, dtype, limits)
        part = "fan_axes"
        found = fans(entry.shape) if entry.fan_axes is None else _fans_along(entry)
        part = "init"
        distribution = fill(scheme, entry.shape, found, dtype)
    except ValueError as error:
        raise _below((part,), error) from None
    return Member("", dtype, entry.shape, distribution, scheme, found, default=False)


def _fans_along(entry: Tensor) -> Fans | None:
    assert entry.fan_axes is not None
    rank = len(entry.shape)
    if rank < 2:
        raise ValueError("fan_axes needs at least two dimensions: leave it out, or give the shape more")
    for part, axis in (("in", entry.fan_axes.in_), ("out", entry.fan_axes.out)):
        if not -rank <= axis < rank:
            raise PartError(
                (part,), f"this axis does not exist: {rank} dimensions have the axes {-rank} to {rank - 1}"
            )
    if entry.fan_axes.in_ % rank == entry.fan_axes.out % rank:
        raise ValueError("in and out are the same axis: give two different ones")
    return fans(entry.shape, entry.fan_axes.in_, entry.fan_axes.out)


def _slot(slot: Slot, init: Scheme | None, dtype: DType, limits: Limits) -> Member:
    dtype = INT64 if slot.integer else dtype
    scheme, found = init or slot.init, fans(slot.shape)
    part: tuple[str, ...] = ()
    try:
        check_shape(slot.shape, dtype, limits)
        part = () if init is None else ("init", slot.name)
        distribution = fill(scheme, slot.shape, found, dtype)
    except ValueError as error:
        raise _below(part, error) from None
    if init is None and slot.zeroed is not None and 0 not in slot.shape:
        row = math.prod(slot.shape[1:])
        assert not isinstance(distribution, ZeroRange)
        distribution = ZeroRange(distribution, slot.zeroed[0] * row, slot.zeroed[1] * row)
    return Member(f".{slot.name}", dtype, slot.shape, distribution, scheme, found, default=init is None)


def check_shape(shape: tuple[int, ...], dtype: DType, limits: Limits) -> None:
    """Raise ValueError unless a tensor of `shape` has an address: below 2⁶³ bytes, zeros counted as ones."""
    if len(shape) > limits.dimensions:
        raise ValueError(f"a tensor has at most {limits.dimensions} dimensions, this one has {len(shape)}")
    nbytes = dtype.itemsize
    for size in shape:
        nbytes *= max(size, 1)
        if nbytes >= 1 << 63:
            raise ValueError(f"the dimensions overflow: a {dtype.name} tensor has fewer than 2^63 bytes")


def fill(scheme: Scheme, shape: tuple[int, ...], found: Fans | None, dtype: DType) -> Distribution:
    """The scheme's distribution, checked against `dtype`. Raises ValueError where they do not fit."""
    distribution = scheme.fill(shape, found)
    if dtype is INT64 or 0 not in shape:
        check(distribution, dtype)
    return distribution
