"""Recorder of the fills of a model that is built on tensors without data.

`Recorder` is a dispatch mode of torch for the thread that enters it: it sees every operation. Operations
without chance, such as a table of sinusoids, are computed for real too, as long as they are small. Calls of
torch.nn.init are recorded by name in `building`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from tensorseed.checkpoints.derivation.op_rules import (
    RULES,
    bound,
    contiguous,
    operation_of,
    storage_of,
    tensors_in,
)
from tensorseed.checkpoints.derivation.recorded_distributions import RecordedDistribution, norm_of
from tensorseed.checkpoints.derivation.storage_regions import (
    Contents,
    Region,
    UnknownContentError,
    Write,
    region_of,
    spelled_out,
)

MAX_KNOWN_ELEMENTS = 1 << 22  # elements of one tensor that are computed for real
MAX_KNOWN_TOTAL = 1 << 27

_COPYING = ("clone", "_to_copy", "lift_fresh_copy", "_reshape_copy", "view_copy")


class DataDependentError(Exception):
    """The model's structure depends on random numbers."""


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The contents of all storages that operations of this thread create or fill while it is entered."""

    def __init__(self, max_elements: int = MAX_KNOWN_ELEMENTS, max_total: int = MAX_KNOWN_TOTAL) -> None:
        """Up to `max_elements` of one tensor are computed for real, and `max_total` of all together."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._max_elements = max_elements
        self._max_total = max_total
        self._contents: dict[int, tuple[Any, Contents]] = {}  # by storage, which is kept alive
        self._chance: dict[int, Any] = {}  # storages with data that hold random numbers, kept alive
        self._known = 0
        self._pauses = 0

    def contents_of(self, tensor: torch.Tensor) -> Contents:
        """What the storage of a tensor holds, unless it has data that no chance was involved in."""
        storage = tensor.untyped_storage()
        found = self._contents.get(storage._cdata)
        if found is None:
            size = storage.nbytes() // tensor.itemsize
            found = self._contents[storage._cdata] = (storage, Contents(size))
        return found[1]

    def values_of(self, tensor: torch.Tensor) -> torch.Tensor | None:
        """The elements of `tensor`, where no chance was involved and they are few enough to be known."""
        if not tensor.is_meta:
            return None if storage_of(tensor) in self._chance else tensor
        return self.contents_of(tensor).values(tensor) if tensor.numel() <= self._max_elements else None

    def whole_fill(self, tensor: torch.Tensor) -> RecordedDistribution | None:
        """The fill of the whole storage of a tensor, where it was filled once and for all."""
        contents = self.contents_of(tensor)
        return contents.writes[0].fill if len(contents.writes) == 1 and contents.is_whole() else None

    def record(self, tensor: torch.Tensor, fill: RecordedDistribution | None) -> None:
        """Note that all elements of `tensor` were filled; None stands for an unknown distribution."""
        if not tensor.is_meta:
            self._chance[storage_of(tensor)] = tensor
        self.contents_of(tensor).put(region_of(tensor), fill)

    def record_norm(self, norms: torch.Tensor, tensor: torch.Tensor) -> None:
        """Note that `norms` holds those of slices of `tensor`."""
        whole = self._single(tensor) if tensor.is_contiguous() else None
        key = storage_of(tensor), int(tensor.storage_offset())
        self.record(norms, norm_of(whole, tuple(norms.shape), tensor.shape, key))

    def copy(self, target: torch.Tensor, source: torch.Tensor) -> None:
        """Note that the elements of `source` were copied into `target`, which has its shape."""
        if source.shape != target.shape:
            source = source.expand(target.shape)
        values = self.values_of(source)
        if values is not None:
            self._set(target, values)
            return
        fill = self._single(source)
        alike = source.is_contiguous() and target.is_contiguous()
        if fill is not None:
            self.record(target, fill if alike or fill is None else fill.anonymous())
        elif alike:
            self._copy_parts(target, source)
        else:
            self.record(target, None)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What happens inside is part of something that is noted as a whole."""
        self._pauses += 1
        try:
            yield
        finally:
            self._pauses -= 1

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.ops.aten._local_scalar_dense.default and args[0].is_meta:
            values = self.values_of(args[0])
            if values is None:
                raise DataDependentError
            return values.item()
        with _random_state_kept(func, (args, kwargs)):
            result = func(*args, **kwargs)
        if not self._pauses:
            self._note(func, args, kwargs, result)
        return result

    def _note(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        operation = operation_of(func)
        if operation is None:
            return
        name, written, chance = operation
        given = bound(func, args, kwargs)
        made = [given[argument] for argument in written] or tensors_in(result)
        if name == "copy_":
            self.copy(args[0], args[1])
        elif name in _COPYING:
            self.copy(made[0], args[0])
        elif not chance and self._compute(func, args, kwargs, made, in_place=bool(written)):
            return
        elif name in ("cat", "stack"):
            self._join(made[0], args[0], in_a_row=given["dim"] % made[0].dim() == 0)
        else:
            rule = RULES.get(name)
            fill = rule(given, self._single, self._number) if rule and len(made) == 1 else None
            shown = () if written else {storage_of(tensor) for tensor in tensors_in((args, kwargs))}
            for tensor in made:
                if storage_of(tensor) not in shown:
                    self.record(tensor, fill)

    def _compute(
        self,
        func: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        made: list[torch.Tensor],
        *,
        in_place: bool,
    ) -> bool:
        """Do the operation for real as well, where all that it reads is known."""
        if not any(tensor.is_meta for tensor in made):  # it was done for real
            return not any(self.values_of(leaf) is None for leaf in tensors_in((args, kwargs)))
        size = sum(tensor.numel() for tensor in made)
        if size > self._max_elements or (not in_place and self._known + size > self._max_total):
            return False
        known = {id(leaf): self.values_of(leaf) for leaf in tensors_in((args, kwargs))}
        if any(values is None for values in known.values()):
            return False
        if in_place:
            known[id(made[0])] = known[id(made[0])].clone()  # type: ignore[union-attr]
        real_args, real_kwargs = tree_map_only(torch.Tensor, lambda leaf: known[id(leaf)], (args, kwargs))
        if "device" in real_kwargs:
            real_kwargs["device"] = torch.device("cpu")
        results = tensors_in(func(*real_args, **real_kwargs))
        if not in_place:
            self._known += size
        given = {storage_of(values) for values in known.values() if values is not None}
        for tensor, values in zip(made, results, strict=True):
            self._set(tensor, values, own=len(made) == 1 and storage_of(values) not in given)
        return True

    def _set(self, target: torch.Tensor, values: torch.Tensor, *, own: bool = False) -> None:
        """Note that `target` holds `values`, which has its shape; with `own` nothing else has that memory."""
        if not target.is_meta and self.values_of(target) is not None:
            return
        contents, region = self.contents_of(target), region_of(target)
        values = values.detach().to(target.dtype)
        if contents.known is None and (under := self._under(target, contents)) is not None:
            contents.writes = []
            contents.known = torch.full((contents.size,), under, dtype=target.dtype, device="cpu")
        if contents.known is not None and region.stop <= contents.size:
            contents.known.as_strided(target.shape, target.stride(), target.storage_offset()).copy_(values)
        elif not target.is_contiguous():
            contents.put(region, None)
        elif target.numel() == contents.size:
            contents.put(region, None)
            row_major = values.contiguous() if own else values.clone(memory_format=torch.contiguous_format)
            contents.writes, contents.known = [], row_major.flatten()
        else:
            self._put_parts(contents, region.start, spelled_out(values.flatten()))

    def _under(self, target: torch.Tensor, contents: Contents) -> float | None:
        """The number that all elements hold which `target` is written over in part; NaN before any write.

        None where they do not, are too many, or `target` lies in one piece, which is a fill like others.
        """
        if not contents.writes:
            return math.nan if target.is_floating_point() else None
        if target.is_contiguous() or contents.size > self._max_elements:
            return None
        fill = contents.single(Region(0, contents.size, dense=True))
        return fill.numbers[0] if fill is not None and fill.kind == "constant" else None

    def _copy_parts(self, target: torch.Tensor, source: torch.Tensor) -> None:
        region = region_of(source)
        try:
            fill, over = self.contents_of(source).within(region)
        except UnknownContentError:
            self.record(target, None)
            return
        parts = [Write(region, fill.anonymous()), *over]
        moved = [Write(part.region.moved(-region.start), part.fill) for part in parts]
        self._put_parts(self.contents_of(target), region_of(target).start, moved)

    @staticmethod
    def _put_parts(contents: Contents, start: int, parts: list[Write]) -> None:
        for part in parts:
            contents.put(part.region.moved(start), part.fill)

    def _join(self, made: torch.Tensor, sources: Sequence[torch.Tensor], *, in_a_row: bool) -> None:
        """Note that `made` holds the sources: one after the other where they were joined along the first
        dimension.
        """
        fills = {self._single(source) for source in sources}
        if len(fills) == 1:
            fill = fills.pop()
            self.record(made, fill.anonymous() if fill else None)
        elif in_a_row:
            start = 0
            for source in sources:
                part = made.as_strided(source.shape, contiguous(source.shape), start)
                self.copy(part, source)
                start += source.numel()
        else:
            self.record(made, None)

    def _single(self, tensor: Any) -> RecordedDistribution | None:
        """The one fill of a tensor."""
        if not isinstance(tensor, torch.Tensor) or (
            not tensor.is_meta and self.values_of(tensor) is not None
        ):
            return None
        return self.contents_of(tensor).single(region_of(tensor))

    def _number(self, value: Any) -> float | None:
        if isinstance(value, torch.Tensor):
            values = self.values_of(value) if value.numel() == 1 else None
            return None if values is None else float(values)
        return float(value) if isinstance(value, int | float) else None


def _random_state_kept(func: Any, given: Any) -> AbstractContextManager[None]:
    """Restore torch's random state behind an operation that draws real numbers."""
    if torch.Tag.nondeterministic_seeded not in func.tags:
        return nullcontext()
    devices = [leaf.device if isinstance(leaf, torch.Tensor) else leaf for leaf in tree_leaves(given)]
    real = any(isinstance(device, torch.device) and device.type != "meta" for device in devices)
    return torch.random.fork_rng(devices=[]) if real else nullcontext()
