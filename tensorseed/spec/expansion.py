"""Expansion of resolved entries into the tensors of a file and its recipe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, repeat
from operator import itemgetter
from typing import NamedTuple

from tensorseed.concurrency.cancellation import check_cancelled
from tensorseed.concurrency.memory import reserve
from tensorseed.concurrency.pieces import pieces
from tensorseed.errors import SpecError, TooLargeError
from tensorseed.spec.canonical import EntryText, ordered_recipe_text, recipe_text
from tensorseed.spec.limits import Limits
from tensorseed.spec.names import count_names, expand, fold, fold_in_order, fold_pattern, max_chars
from tensorseed.spec.resolution import EntryTensor, ResolvedEntry
from tensorseed.spec.resolved import Step, TensorColumns, TensorKind, Tensors
from tensorseed.spec.torch_identity import TorchIdentity

TENSOR_BYTES = 640  # of memory: a tensor's description, its name, and its entry in an open file
SLOT_BYTES = 2_048  # of memory: a tensor of an entry that no other equals


@dataclass(slots=True)
class ResolvedGroup:
    """Entries that differ only in their names, which may hold brace ranges; `indices` are in the spec.

    `positions` are those of the names in the ranges of their entries, where a range is split.
    """

    entry: ResolvedEntry
    names: list[str]
    indices: list[int]
    positions: Sequence[int] = ()


class Expanded(NamedTuple):
    """The tensors in file order, the recipe, their memory in bytes, and for generator torch the steps."""

    tensors: Tensors
    recipe: str
    nbytes: int
    steps: tuple[Step, ...] = ()
    interleaved: bool = False  # where it changes a number


def expand_groups(groups: list[ResolvedGroup], seed: int, limits: Limits) -> Expanded:
    """The tensors in file order, and the recipe. Their memory is reserved.

    Raises:
        SpecError: too many tensors, characters of names or literal numbers, checked before expanding; or a
            name that occurs twice.
        TooLargeError: more bytes than `limits.file_bytes`.
    """
    nbytes = _check_counts(groups, limits)
    _check_ends(groups)
    _check_silent(groups)
    groups = _join([one for group in groups for one in _by_stream(group)])
    tensors, entries = TensorColumns(), []
    for group in groups:
        names = patterns = group.names
        if any("{" in name for name in patterns):
            names = [one for pattern in patterns for one in expand(pattern)]
        _add(tensors, group.entry, names)
        if not group.entry.tensors:  # not part of the recipe
            continue
        folded = fold_pattern(patterns[0]) if len(patterns) == 1 else fold(names)
        entries += [(name, group.entry.text) for name in folded]
    return Expanded(_in_file_order(tensors, groups), recipe_text(seed, entries), nbytes)


def expand_in_order(
    groups: list[ResolvedGroup], seed: int, limits: Limits, torch: TorchIdentity, *, interleaved: bool
) -> Expanded:
    """The tensors in file order, the recipe, and the steps in the order of the spec, for generator torch.

    Their memory is reserved.

    Raises:
        SpecError: too many tensors, characters of names or literal numbers, checked before expanding; or a
            name that occurs twice.
        TooLargeError: more bytes than `limits.file_bytes` or `limits.materialised_bytes`.
    """
    nbytes = _check_counts(groups, limits, whole=True)
    order = [
        ((index, place), name, group.entry)
        for group in groups
        for index, name, place in zip(group.indices, group.names, group.positions or repeat(0))  # noqa: B905
    ]
    order.sort(key=itemgetter(0))
    tensors, entries, steps = TensorColumns(), [], []
    for text, run in groupby(order, key=lambda entry: entry[2].text):
        alike = list(run)
        entry = alike[0][2]
        names = [one for _, pattern, _ in alike for one in expand(pattern)]
        _add(tensors, entry, names)
        entries += [(name, text) for name in fold_in_order(names)]
        steps.append(Step(tuple(names), entry.entry, entry.dtype, entry.inits))
    interleaved = interleaved and _order_matters(steps)
    recipe = ordered_recipe_text(seed, entries, torch, interleaved=interleaved)
    return Expanded(_in_file_order(tensors, groups), recipe, nbytes, tuple(steps), interleaved)


def _order_matters(steps: Iterable[Step]) -> bool:
    """Whether an entry draws when it is built after another's init drew."""
    drawn = False
    for step in steps:
        by_init = step.draws_by_init
        if (drawn or (by_init and len(step.names) > 1)) and step.draws_when_built:
            return True
        drawn = drawn or by_init
    return False


def _add(columns: TensorColumns, entry: ResolvedEntry, names: Sequence[str]) -> None:
    """Add the tensors of the entry under each of `names`."""
    for tensor in entry.tensors:
        number = columns.kind(TensorKind(*tensor[1:8]))
        is_own = entry.stream is None and tensor.replaced is None
        for piece in pieces(names):
            check_cancelled()
            streams = None if is_own else _streams(entry, tensor, piece)
            columns.add(number, _full_names(tensor, piece), streams, entry.seed)


def _in_file_order(columns: TensorColumns, groups: list[ResolvedGroup]) -> Tensors:
    """Sort the tensors as the file holds them.

    Raises:
        SpecError: a name occurs twice.
    """
    if columns.has_twins:
        raise _duplicate(groups)
    return columns.in_file_order()


def _full_names(tensor: EntryTensor, names: Sequence[str]) -> Sequence[str]:
    """The names of the tensor of entries of these names."""
    suffix = tensor.suffix
    if tensor.replaced is not None:
        end = -len(tensor.replaced) or None
        return [name[:end] + suffix for name in names]
    return [name + suffix for name in names] if suffix else names


def _streams(entry: ResolvedEntry, tensor: EntryTensor, names: Sequence[str]) -> Sequence[str]:
    """What keys the draws of the tensor: that of a quantised one is the name of the whole."""
    if tensor.replaced is not None:
        return names if entry.stream is None else [entry.stream] * len(names)
    return [f"{entry.stream}{tensor.suffix}"] * len(names)


def _check_counts(groups: list[ResolvedGroup], limits: Limits, *, whole: bool = False) -> int:
    """Check what the groups yield, reserve its memory, and return the bytes of all memory."""
    total, nbytes, literals, chars = 0, 0, 0, 0
    for group in groups:
        tensors = max(len(group.entry.tensors), 1)  # an entry without tensors costs a name
        copies = len(group.names)
        letters = sum(map(len, group.names))
        for index, name in zip(group.indices, group.names, strict=True):
            if "{" in name:
                these = count_names(name)
                check_range(index, these * tensors, limits)
                copies += these - 1
                letters += max_chars(name) * these
        literals += group.entry.literals * len(group.names)
        total += copies * tensors
        nbytes += copies * group.entry.nbytes
        chars += letters * tensors + copies * group.entry.suffixes
    if total > limits.tensors:
        raise SpecError.at(
            "/layers", f"the spec yields {total:,} tensors, the limit is {limits.tensors:,}: split it"
        )
    if chars > limits.name_chars:
        detail = f"the names have up to {chars:,} characters together, the limit is {limits.name_chars:,}"
        raise SpecError.at("/layers", f"{detail}: shorten them, or split the spec")
    if literals > limits.values:
        detail = f"the spec holds {literals:,} literal numbers, the limit is {limits.values:,}"
        raise SpecError.at("/layers", f"{detail}: draw them from a scheme, or split the spec")
    _check_bytes(nbytes, limits, whole=whole)
    memory = TENSOR_BYTES * total + 4 * chars
    reserve(memory)
    return memory + sum(SLOT_BYTES * len(group.entry.tensors) for group in groups)


def check_range(index: int, yields: int, limits: Limits) -> None:
    """Check what the ranges of a name stand for.

    Raises:
        SpecError: more tensors than the limit.
    """
    if yields > limits.tensors:
        detail = f"this name stands for {yields:,} tensors, the limit is {limits.tensors:,}"
        raise SpecError.at(f"/layers/{index}/name", f"{detail}: narrow its ranges")


def _check_bytes(nbytes: int, limits: Limits, *, whole: bool) -> None:
    if nbytes > limits.file_bytes:
        raise TooLargeError(
            f"the file would hold {nbytes:,} bytes, the limit is {limits.file_bytes:,}: split the spec"
        )
    if whole and nbytes > limits.materialised_bytes:
        detail = f"generator torch computes a file as a whole: it would hold {nbytes:,} bytes"
        raise TooLargeError(
            f"{detail}, the limit is {limits.materialised_bytes:,}: split the spec, or leave generator out"
        )


def _check_ends(groups: list[ResolvedGroup]) -> None:
    """Raise SpecError for a quantised entry whose names do not end as its quantisation replaces."""
    for group in groups:
        end = next((tensor.replaced for tensor in group.entry.tensors if tensor.replaced), "")
        for name, index in zip(group.names, group.indices, strict=True):
            if not name.endswith(end):
                detail = f"this quantization replaces {end}, the end of a name: let the name end so"
                raise SpecError.at(f"/layers/{index}/name", detail)


def _check_silent(groups: list[ResolvedGroup]) -> None:
    """Raise SpecError for an entry without tensors whose name another entry has."""
    if all(group.entry.tensors for group in groups):
        return
    entries = sorted(
        (index, pattern, not group.entry.tensors)
        for group in groups
        for index, pattern in zip(group.indices, group.names, strict=True)
    )
    owners: dict[str, tuple[int, bool]] = {}
    for index, pattern, silent in entries:
        for name in expand(pattern):
            first, other = owners.setdefault(name, (index, silent))
            if first != index and (silent or other):
                detail = f"layers {first} and {index} are both called {name}: rename one of them"
                raise SpecError.at(f"/layers/{index}/name", detail)


def _by_stream(group: ResolvedGroup) -> list[ResolvedGroup]:
    """Split a group where one of its names is the stream of the others."""
    entry = group.entry
    if entry.stream is None:
        return [group]
    names = [
        (one, index) for name, index in zip(group.names, group.indices, strict=True) for one in expand(name)
    ]
    own = [index for name, index in names if name == entry.stream]
    if not own:
        return [group]
    rest = [(name, index) for name, index in names if name != entry.stream]
    split = [ResolvedGroup(entry.own_stream(), [entry.stream] * len(own), own)]
    if rest:
        split.append(ResolvedGroup(entry, [name for name, _ in rest], [index for _, index in rest]))
    return split


def _join(groups: list[ResolvedGroup]) -> list[ResolvedGroup]:
    """One group for each text: entries can differ in spelling and mean the same."""
    joined: dict[EntryText, ResolvedGroup] = {}
    copied: set[EntryText] = set()
    for group in groups:
        text = group.entry.text
        known = joined.setdefault(text, group)
        if known is group:
            continue
        if text not in copied:  # the lists of an entry are its own
            known = joined[text] = replace(known, names=[*known.names], indices=[*known.indices])
            copied.add(text)
        known.entry = min(known.entry, group.entry, key=_defaults)
        known.names.extend(group.names)
        known.indices.extend(group.indices)
    return list(joined.values())


def _defaults(entry: ResolvedEntry) -> int:
    """The number of tensors without an init of their own. Of equal entries, lint takes the one with fewer."""
    return sum(tensor.default for tensor in entry.tensors)


def _duplicate(groups: list[ResolvedGroup]) -> SpecError:
    """The error of the first name that two entries yield, or one entry twice."""
    owners: dict[str, int] = {}
    entries = sorted(
        (index, name, at)
        for at, group in enumerate(groups)
        for index, name in zip(group.indices, group.names, strict=True)
    )
    for index, pattern, at in entries:
        of_pattern = expand(pattern)
        for tensor in groups[at].entry.tensors:
            for full in _full_names(tensor, of_pattern):
                first = owners.setdefault(full, index)
                if first != index:
                    detail = f"{full} is yielded by layers {first} and {index}: rename one of them"
                    return SpecError.at(f"/layers/{index}/name", detail)
    return SpecError.at(
        "/layers", "a name is yielded twice by the ranges of one entry: separate its ranges by a letter"
    )
