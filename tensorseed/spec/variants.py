"""Bare tensors of a known form in other shapes and with other seeds."""

from __future__ import annotations

from collections.abc import Sequence

from tensorseed.spec.canonical import EntryText
from tensorseed.spec.entries import EntryGroup
from tensorseed.spec.inits import resolve_distribution
from tensorseed.spec.layers import Tensor
from tensorseed.spec.layers.base import UNITS
from tensorseed.spec.limits import Limits
from tensorseed.spec.numbers import SEED_COUNT
from tensorseed.spec.resolution import EntryTensor, ResolvedEntry, role_of
from tensorseed.spec.schemes import Scheme
from tensorseed.spec.schemes.fans import TORCH_AXES, fans
from tensorseed.spec.schemes.plain import Values
from tensorseed.spec.size_limits import check_shape

_MATRIX = (1, 1)


class Variants:
    """The resolved entries of a plain tensor in other shapes and with other seeds."""

    def __init__(self, first: ResolvedEntry, limits: Limits) -> None:
        (tensor,) = first.tensors
        seed = "" if first.seed is None else f',"seed":"{first.seed}"'
        shape = f'{seed},"shape":[{",".join(map(str, tensor.shape))}]'
        before, _, self._after = first.text.after.partition(shape)
        assert not before
        self._first = first
        self._limits = limits
        self._role = role_of(_MATRIX, TORCH_AXES)
        self._tensors: dict[tuple[int, ...], EntryTensor] = {tensor.shape: tensor}

    def resolved(self, sizes: Sequence[int], seed: int | str | None) -> ResolvedEntry:
        """The entry with a shape and a seed, which need not be valid.

        Its `entry` is the first one's.

        Raises:
            ValueError: it is not valid; resolving it by itself says why.
        """
        shape, own = tuple(sizes), None if seed is None else int(seed)
        if own is not None and own >= SEED_COUNT:
            raise ValueError("no seed")
        tensor = self._tensors.get(shape)
        if tensor is None:
            tensor = self._tensors[shape] = self._tensor(shape)
        written = "" if own is None else f',"seed":"{own}"'
        text = f'{written},"shape":[{",".join(map(str, shape))}]{self._after}'
        first = self._first
        return ResolvedEntry(
            EntryText(first.text.before, text), None, (tensor,), first.entry, first.dtype, first.inits, own
        )

    def _tensor(self, shape: tuple[int, ...]) -> EntryTensor:
        dtype, scheme = self._first.dtype, self._first.inits[""]
        check_shape(shape, dtype, self._limits)
        found = fans(shape)
        distribution = resolve_distribution(scheme, shape, found, dtype)
        role = UNITS if found is None else self._role
        return EntryTensor("", dtype, shape, distribution, scheme, found, default=False, role=role)


class Forms:
    """The variants of each form of a spec's entries."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._variants: dict[int, Variants] = {}  # by the identity of a form

    def find(self, group: EntryGroup) -> ResolvedEntry | None:
        """The entry of a group whose form is known; None for one that is to be validated by itself."""
        variants = self._variants.get(id(group.form))
        if variants is None or group.row is None:
            return None
        try:
            return variants.resolved(group.row.shape or (), group.row.seed)
        except ValueError:
            return None

    def add(self, group: EntryGroup, resolved: ResolvedEntry) -> None:
        """Note a valid entry, which may be the first of its form."""
        if group.form is not None and _has_variants(resolved):
            self._variants[id(group.form)] = Variants(resolved, self._limits)


def _has_variants(resolved: ResolvedEntry) -> bool:
    """Whether shape and seed alone decide what the entries of a form have beside the first one's."""
    entry = resolved.entry
    if not isinstance(entry, Tensor) or entry.stream is not None or entry.quantization is not None:
        return False
    scheme = resolved.inits[""]
    plain = entry.fan_axes is None and entry.padding_idx is None and not isinstance(scheme, Values)
    return plain and type(scheme).canonical is Scheme.canonical
