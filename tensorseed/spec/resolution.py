"""Resolution of an entry into its tensors, and the checks of its inits."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

from tensorseed.sampling.distributions import AnyDistribution, Orthogonal, Values, ZeroRange
from tensorseed.sampling.distributions.base import Draw
from tensorseed.sampling.dtypes import DTYPES, INT64, DType
from tensorseed.spec.canonical import EntryText, entry_text, normalize_init, same_init
from tensorseed.spec.inits import (
    canonical_scheme,
    check_literals,
    expand_init_names,
    overflowing_parameter,
    resolve_distribution,
)
from tensorseed.spec.layers import Entry, Layer, Slot, Tensor
from tensorseed.spec.layers.base import MAX_SLOTS, NO_UNITS, UNITS, Role
from tensorseed.spec.limits import Limits
from tensorseed.spec.names import check_name
from tensorseed.spec.schemes import ArgumentError, Scheme, scheme_of
from tensorseed.spec.schemes.base import nest_error
from tensorseed.spec.schemes.fans import Axes, Fans, fans
from tensorseed.spec.schemes.parts import Parts
from tensorseed.spec.size_limits import ShapeError, check_shape, oversized_argument
from tensorseed.spec.torch_support import check_build, check_entry, check_init
from tensorseed.suggestions import unknown_name


class EntryTensor(NamedTuple):
    """One tensor of an entry; `suffix` follows the entry's name."""

    suffix: str
    dtype: DType
    shape: tuple[int, ...]
    distribution: AnyDistribution
    scheme: Scheme
    fans: Fans | None
    default: bool
    role: Role
    replaced: str | None = None  # of a quantised one: the end of the entry's name that the suffix replaces

    @property
    def nbytes(self) -> int:
        """Size in the file, in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def renamed(self, suffix: str) -> EntryTensor:
        """The same tensor with another suffix."""
        return self._replace(suffix=suffix)


@dataclass(slots=True)
class ResolvedEntry:
    """An entry without its name: the tensors of each name, and the canonical text."""

    text: EntryText
    stream: str | None
    tensors: tuple[EntryTensor, ...]
    entry: Entry
    dtype: DType
    inits: Mapping[str, Scheme]  # of the spec, by parameter; a bare tensor's by ""
    seed: int | None = None  # of its own
    nbytes: int = 0  # in the file, of what one name yields
    suffixes: int = 0  # characters of all suffixes together
    literals: int = 0  # numbers of `values` inits

    @property
    def is_factorized(self) -> bool:
        """Whether LAPACK factorizes a tensor of the entry where torch draws it."""
        return any(
            isinstance(piece, Orthogonal)
            for tensor in self.tensors
            for piece, _ in tensor.distribution.pieces(tensor.shape)
        )

    def __post_init__(self) -> None:
        for tensor in self.tensors:
            self.nbytes += tensor.nbytes
            self.suffixes += len(tensor.suffix)
            if not isinstance(tensor.distribution, Draw):
                pieces = tensor.distribution.pieces(tensor.shape)
                self.literals += sum(len(piece.data) for piece, _ in pieces if isinstance(piece, Values))

    def own_stream(self) -> ResolvedEntry:
        """The same entry, drawn by its own name."""
        entry = self.entry.model_copy(update={"stream": None})
        init = self.inits[""] if isinstance(entry, Tensor) else self.inits
        return replace(
            self,
            text=entry_text(entry, self.dtype.name, init),
            stream=None,
            entry=entry,
            nbytes=0,
            suffixes=0,
            literals=0,
        )


def resolve_entry(entry: Entry, dtype: str, limits: Limits, *, by_torch: bool = False) -> ResolvedEntry:
    """Resolve `entry`, whose own dtype overrides `dtype`, the spec's.

    With `by_torch` torch itself draws, and whatever it cannot do is a fault.

    Raises:
        ArgumentError: the first fault, with its path below the entry.
    """
    if entry.stream is not None:
        try:
            check_name(entry.stream, ranges=False)
        except ValueError as error:
            raise nest_error(("stream",), error) from None
    effective = entry.dtype or dtype
    real = DTYPES[effective]
    if by_torch:
        check_entry(entry)
    if isinstance(entry, Tensor):
        tensors = _bare_tensors(entry, real, limits)
        scheme = tensors[0].scheme
        inits = {"": scheme}
        text = entry_text(entry, effective, scheme)
    else:
        assert isinstance(entry, Layer)
        given = expand_init_names(entry.inits())
        slots, inits = _slots(entry, given, real, limits, by_torch=by_torch)
        try:
            tensors = _layer_tensors(slots, inits, given, real, limits)
        except ShapeError as error:
            raise ArgumentError(oversized_argument(entry.arguments(), error.shape), str(error)) from None
        text = entry_text(entry, effective, inits)
        if by_torch:
            _check_layer(entry, slots, real)
    if by_torch:
        _check_tensors(tensors)
    return ResolvedEntry(text, entry.stream, tuple(tensors), entry, real, inits, entry.seed)


def _check_layer(entry: Layer, slots: list[Slot], dtype: DType) -> None:
    try:
        check_build(slots, dtype)
    except ValueError as error:
        raise nest_error(("dtype",) if entry.dtype else (), error) from None


def _check_tensors(tensors: list[EntryTensor]) -> None:
    for tensor in tensors:
        try:
            if not tensor.default:
                check_init(tensor.scheme, tensor.distribution, tensor.shape, tensor.dtype)
        except ValueError as error:
            raise nest_error(("init", *filter(None, (tensor.suffix[1:],))), error) from None


def _slots(
    entry: Layer, given: Mapping[str, str | Scheme], dtype: DType, limits: Limits, *, by_torch: bool
) -> tuple[list[Slot], dict[str, Scheme]]:
    """The layer's slots, and those of the `given` inits that differ from its defaults, by slot name.

    Where torch draws, an init that draws never equals the default: it follows it, with other numbers.
    """
    slots = {slot.name: slot for slot in islice(entry.slots(), MAX_SLOTS + 1)}
    if len(slots) > MAX_SLOTS:
        detail = f"this layer has more than {MAX_SLOTS:,} tensors, the limit of one entry"
        raise ArgumentError((), f"{detail}: split it into several entries")
    inits, groups = {}, getattr(entry, "groups", 1)
    known: dict[tuple[int, tuple[int, ...], bool], Scheme] = {}
    for name, init in given.items():
        if name not in slots:
            valid = (
                unknown_name("parameter", name, slots) if slots else f"this {entry.type} has no parameters"
            )
            raise ArgumentError(("init", name), valid)
        slot = slots[name]
        if isinstance(init, Parts):
            key = (id(init), slot.shape, slot.integer)
            scheme = known.get(key) or _canonical_parts(init, slot, groups, dtype, limits)
            known[key] = scheme
        else:
            scheme = normalize_init(init, slot.shape, groups)
        redrawn = by_torch and scheme.is_random
        if redrawn or slot.zeroed is not None or not same_init(scheme, slot.init):
            inits[name] = scheme
    return list(slots.values()), inits


def _canonical_parts(init: Parts, slot: Slot, groups: int, dtype: DType, limits: Limits) -> Scheme:
    real = INT64 if slot.integer else dtype
    try:
        return canonical_scheme(init, slot.shape, fans(slot.shape), real, limits, groups)
    except ValueError as error:
        raise nest_error(("init", slot.name), error) from None


def _bare_tensor(entry: Tensor, dtype: DType, limits: Limits) -> EntryTensor:
    part, row, scheme = "shape", entry.padding_row(), scheme_of(entry.init)
    try:
        check_shape(entry.shape, dtype, limits)
        part = "fan_axes"
        found = fans(entry.shape, entry.axes())
        part = "init"
        scheme = canonical_scheme(scheme, entry.shape, found, dtype, limits)
        check_literals(scheme, entry.shape, limits)
        distribution = resolve_distribution(scheme, entry.shape, found, dtype)
    except ValueError as error:
        path = (part, *overflowing_parameter(scheme, error)) if part == "init" else (part,)
        raise nest_error(path, error) from None
    if row is not None:
        distribution = _zeroed(distribution, (row, row + 1), entry.shape)
    role = UNITS if found is None else role_of(entry.shape, found.axes)
    return EntryTensor("", dtype, entry.shape, distribution, scheme, found, default=False, role=role)


def _bare_tensors(entry: Tensor, dtype: DType, limits: Limits) -> list[EntryTensor]:
    """The tensor of an entry, or those that stand for it quantised."""
    whole = _bare_tensor(entry, dtype, limits)
    if entry.quantization is None:
        return [whole]
    found = []
    parts = entry.quantization.parts(whole.distribution, whole.shape, dtype)
    for (end, suffix), (stored, shape, distribution) in zip(entry.quantization.ends(), parts, strict=True):
        try:
            check_shape(shape, stored, limits)
        except ShapeError as error:
            raise ArgumentError(("shape",), str(error)) from None
        found.append(
            whole._replace(suffix=suffix, dtype=stored, shape=shape, distribution=distribution, replaced=end)
        )
    return found


def role_of(shape: tuple[int, ...], axes: Axes) -> Role:
    """Units lie along the first axis of the outputs, unless each has inputs of its own."""
    if not axes.outputs or 1 < axes.groups == shape[axes.outputs[0]]:
        return NO_UNITS
    return Role(axes.outputs[0])


def _layer_tensors(
    slots: list[Slot], inits: Mapping[str, Scheme], asked: Container[str], dtype: DType, limits: Limits
) -> list[EntryTensor]:
    """The tensors of a layer. Those of a stack's layers are alike: each kind is resolved once.

    An init that is `asked` for is no default, even where it says what the layer does by itself.
    """
    alike: dict[tuple[object, ...], EntryTensor] = {}
    tensors = []
    for slot in slots:
        init = inits.get(slot.name)
        default = slot.name not in asked
        about = (init is None, default, slot.integer, slot.zeroed, slot.role)
        key = (slot.shape, id(init or slot.init), *about)
        known = alike.get(key)
        if known is None:
            tensor = alike[key] = _slot_tensor(slot, init, dtype, limits)._replace(default=default)
        else:
            tensor = known.renamed(f".{slot.name}")
        tensors.append(tensor)
    return tensors


def _slot_tensor(slot: Slot, init: Scheme | None, dtype: DType, limits: Limits) -> EntryTensor:
    dtype = INT64 if slot.integer else dtype
    scheme = init or slot.init
    part = () if init is None else ("init", slot.name)
    check_shape(slot.shape, dtype, limits)
    found = fans(slot.shape)
    try:
        check_literals(scheme, slot.shape, limits)
        distribution = resolve_distribution(scheme, slot.shape, found, dtype)
    except ValueError as error:
        raise nest_error((*part, *overflowing_parameter(scheme, error)) if part else (), error) from None
    if init is None and slot.zeroed is not None:
        distribution = _zeroed(distribution, slot.zeroed, slot.shape)
    suffix = f".{slot.name}"
    return EntryTensor(suffix, dtype, slot.shape, distribution, scheme, found, init is None, slot.role)


def _zeroed(distribution: AnyDistribution, rows: tuple[int, int], shape: tuple[int, ...]) -> AnyDistribution:
    """The same with the rows from the first to the second, exclusive, at 0."""
    if 0 in shape:
        return distribution
    assert not isinstance(distribution, ZeroRange)
    width = math.prod(shape[1:])
    return ZeroRange(distribution, rows[0] * width, rows[1] * width)
