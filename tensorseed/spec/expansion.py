"""From resolved entries to the tensors of the file and its recipe: expanded, unique, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter, itemgetter

from tensorseed.errors import SpecError, TooLargeError
from tensorseed.sampling.dtypes import FILE_ORDER
from tensorseed.spec.canonical import EntryText, ordered_recipe_text, recipe_text
from tensorseed.spec.limits import Limits
from tensorseed.spec.names import count_names, expand, fold, fold_in_order, fold_pattern, max_chars
from tensorseed.spec.resolution import ResolvedEntry
from tensorseed.spec.resolved import ResolvedTensor, Step
from tensorseed.spec.torch_support import TorchIdentity


@dataclass(slots=True)
class ResolvedGroup:
    """Entries that share a body: their names, with brace ranges, and their places (indices) in the spec."""

    body: ResolvedEntry
    names: list[str]
    places: list[int]


def expand_groups(
    groups: list[ResolvedGroup], seed: int, limits: Limits
) -> tuple[tuple[ResolvedTensor, ...], str]:
    """The tensors in file order, and the recipe.

    Raises SpecError for too many tensors or literal numbers and for names that occur twice, all but the last
    before anything is expanded; TooLargeError for too many bytes.
    """
    _check_counts(groups, limits)
    _check_silent(groups)
    groups = _join([one for group in groups for one in _by_stream(group)])
    tensors: list[ResolvedTensor] = []
    entries = []
    for group in groups:
        patterns = group.names
        names = (
            patterns
            if all("{" not in name for name in patterns)
            else [one for p in patterns for one in expand(p)]
        )
        tensors.extend(_tensors(group.body, names))
        if not group.body.tensors:  # nothing to remember
            continue
        folded = fold_pattern(patterns[0]) if len(patterns) == 1 else fold(names)
        entries += [(name, group.body.text) for name in folded]
    return _in_file_order(tensors, groups), recipe_text(seed, entries)


def expand_in_order(
    groups: list[ResolvedGroup], seed: int, limits: Limits, torch: TorchIdentity
) -> tuple[tuple[ResolvedTensor, ...], str, tuple[Step, ...]]:
    """The tensors in file order, the recipe, and the entries in the order of the spec: for generator torch.

    Raises as `expand_groups` does, TooLargeError already where a file is too large to be computed as a whole.
    """
    _check_counts(groups, limits, whole=True)
    order = [
        (place, name, group.body)
        for group in groups
        for place, name in zip(group.places, group.names, strict=True)
    ]
    order.sort(key=itemgetter(0))
    tensors: list[ResolvedTensor] = []
    entries, steps = [], []
    for text, run in groupby(order, key=lambda entry: entry[2].text):
        alike = list(run)
        body = alike[0][2]
        names = [one for _, pattern, _ in alike for one in expand(pattern)]
        tensors.extend(_tensors(body, names))
        entries += [(name, text) for name in fold_in_order(names)]
        steps.append(Step(tuple(names), body.entry, body.dtype, body.inits))
    return _in_file_order(tensors, groups), ordered_recipe_text(seed, entries, torch), tuple(steps)


def _in_file_order(tensors: list[ResolvedTensor], groups: list[ResolvedGroup]) -> tuple[ResolvedTensor, ...]:
    """The tensors as the file holds them. Raises SpecError for a name that occurs twice."""
    if len({tensor.name for tensor in tensors}) < len(tensors):
        raise _duplicate(groups)
    tensors.sort(key=attrgetter("name"))
    tensors.sort(key=lambda tensor: FILE_ORDER[tensor.dtype.name])
    return tuple(tensors)


def _check_counts(groups: list[ResolvedGroup], limits: Limits, *, whole: bool = False) -> None:
    total, nbytes, literals, chars = 0, 0, 0, 0
    for group in groups:
        tensors = max(len(group.body.tensors), 1)  # an entry without tensors costs a name
        copies = len(group.names)
        letters = sum(map(len, group.names))
        for index, name in zip(group.places, group.names, strict=True):
            if "{" in name:
                these = count_names(name)
                _check_range(index, these * tensors, limits)
                copies += these - 1
                letters += max_chars(name) * these
        literals += group.body.literals * len(group.names)
        total += copies * tensors
        nbytes += copies * group.body.nbytes
        chars += letters * tensors + copies * group.body.suffixes
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


def _check_range(index: int, yields: int, limits: Limits) -> None:
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


def _check_silent(groups: list[ResolvedGroup]) -> None:
    """Raise SpecError for an entry without tensors whose name another entry has."""
    if all(group.body.tensors for group in groups):
        return
    entries = sorted(
        (place, pattern, not group.body.tensors)
        for group in groups
        for place, pattern in zip(group.places, group.names, strict=True)
    )
    owners: dict[str, tuple[int, bool]] = {}
    for place, pattern, silent in entries:
        for name in expand(pattern):
            first, other = owners.setdefault(name, (place, silent))
            if first != place and (silent or other):
                detail = f"layers {first} and {place} are both called {name}: rename one of them"
                raise SpecError.at(f"/layers/{place}/name", detail)


def _by_stream(group: ResolvedGroup) -> list[ResolvedGroup]:
    """The group, parted where one of its names is the stream that the others take."""
    body = group.body
    if body.stream is None:
        return [group]
    names = [
        (one, place) for name, place in zip(group.names, group.places, strict=True) for one in expand(name)
    ]
    own = [place for name, place in names if name == body.stream]
    if not own:
        return [group]
    rest = [(name, place) for name, place in names if name != body.stream]
    parts = [ResolvedGroup(body.own_stream(), [body.stream] * len(own), own)]
    if rest:
        parts.append(ResolvedGroup(body, [name for name, _ in rest], [place for _, place in rest]))
    return parts


def _join(groups: list[ResolvedGroup]) -> list[ResolvedGroup]:
    """One group for each body: entries can differ in spelling and mean the same."""
    joined: dict[EntryText, ResolvedGroup] = {}
    for group in groups:
        known = joined.get(group.body.text)
        if known is None:
            joined[group.body.text] = ResolvedGroup(group.body, [*group.names], [*group.places])
        else:
            known.body = min(known.body, group.body, key=_defaults)
            known.names.extend(group.names)
            known.places.extend(group.places)
    return list(joined.values())


def _defaults(body: ResolvedEntry) -> int:
    """How many of its tensors nobody asked for an init of: of bodies that mean the same, advice takes the
    one that asks for more.
    """
    return sum(member.default for member in body.tensors)


def _tensors(body: ResolvedEntry, names: list[str]) -> Iterator[ResolvedTensor]:
    """What the body yields under each of `names`."""
    for member in body.tensors:
        about = (member.scheme, member.fans, member.default, member.role)
        fixed = (member.dtype, member.shape, member.distribution, *about)
        suffix = member.suffix
        if body.stream is None:
            for name in names:
                full = name + suffix
                yield ResolvedTensor(full, full, *fixed)
        else:
            stream = body.stream + suffix
            for name in names:
                yield ResolvedTensor(name + suffix, stream, *fixed)


def _duplicate(groups: list[ResolvedGroup]) -> SpecError:
    """The error of the first name that two entries yield, or that one yields twice."""
    owners: dict[str, int] = {}
    entries = sorted(
        (i, name, at)
        for at, group in enumerate(groups)
        for i, name in zip(group.places, group.names, strict=True)
    )
    for index, pattern, at in entries:
        body = groups[at].body
        for tensor in _tensors(body, expand(pattern)):
            first = owners.setdefault(tensor.name, index)
            if first != index:
                detail = f"{tensor.name} is yielded by layers {first} and {index}: rename one of them"
                return SpecError.at(f"/layers/{index}/name", detail)
    return SpecError.at(
        "/layers", "a name is yielded twice by the ranges of one entry: separate its ranges by a letter"
    )
